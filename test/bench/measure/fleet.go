// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package measure

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/controller"
	"github.com/appstack-dev/appstack/test/bench/cluster"
	"github.com/appstack-dev/appstack/test/bench/contender"
)

// writers is how many requests the benchmark's own client makes concurrently.
const writers = 8

// fleet watches the apps of a cluster.
type fleet struct {
	kube client.WithWatch

	mu sync.Mutex
	// images contains the image of each app whose Deployment is complete; served contains the apps with a Service.
	images map[string]string
	served map[string]bool
	// changed is closed and replaced with each change.
	changed chan struct{}
}

// watch watches the apps of the cluster until the context ends.
func watch(ctx context.Context, on *cluster.Cluster) (*fleet, error) {
	config, err := on.Config(contender.UserAgent)
	if err != nil {
		return nil, err
	}
	scheme, err := controller.Scheme()
	if err != nil {
		return nil, err
	}
	kube, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("building the client: %w", err)
	}
	for _, name := range append(contender.Namespaces(), contender.Namespace) {
		if err := kube.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return nil, fmt.Errorf("creating namespace %s: %w", name, err)
		}
	}
	observing, err := on.Config("bench-observer")
	if err != nil {
		return nil, err
	}
	observing.ContentType = runtime.ContentTypeProtobuf
	clients, err := kubernetes.NewForConfig(observing)
	if err != nil {
		return nil, fmt.Errorf("building the observer: %w", err)
	}
	f := &fleet{kube: kube, images: map[string]string{}, served: map[string]bool{}, changed: make(chan struct{})}
	factory := informers.NewSharedInformerFactory(clients, 0)
	for informer, handle := range map[cache.SharedIndexInformer]func(any){
		factory.Apps().V1().Deployments().Informer(): f.deployment,
		factory.Core().V1().Services().Informer():    f.service,
	} {
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: handle, UpdateFunc: func(_, object any) { handle(object) },
		}); err != nil {
			return nil, fmt.Errorf("watching: %w", err)
		}
	}
	factory.StartWithContext(ctx)
	factory.WaitForCacheSyncWithContext(ctx)
	return f, nil
}

func (f *fleet) deployment(object any) {
	deployment, ok := object.(*appsv1.Deployment)
	if !ok {
		return
	}
	status, image := deployment.Status, ""
	if status.ObservedGeneration == deployment.Generation && status.Replicas == 1 &&
		status.UpdatedReplicas == 1 && status.AvailableReplicas == 1 {
		image = deployment.Spec.Template.Spec.Containers[0].Image
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.images[deployment.Name] = image
	f.tell()
}

func (f *fleet) service(object any) {
	service, ok := object.(*corev1.Service)
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.served[service.Name] = true
	f.tell()
}

func (f *fleet) tell() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// runs waits until all named apps run the image and have a Service.
func (f *fleet) runs(ctx context.Context, names []string, image string) error {
	first := 0 // all before it are done
	for {
		f.mu.Lock()
		for first < len(names) && f.served[names[first]] && f.images[names[first]] == image {
			first++
		}
		changed := f.changed
		f.mu.Unlock()
		if first == len(names) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not come to run %s (%d of %d are seen to): %w", names[first], image, first, len(names), ctx.Err())
		case <-changed:
		}
	}
}

// create creates the named stacks, and waits until they run and the operator
// has nothing more to do.
func (f *fleet) create(ctx context.Context, on *cluster.Cluster, names []string) error {
	mark, err := on.Mark()
	if err != nil {
		return err
	}
	who := contender.AppStack{}
	err = each(ctx, names, func(ctx context.Context, name string) error { return who.Create(ctx, f.kube, name, firstImage) })
	if err != nil {
		return err
	}
	if err := f.runs(ctx, names, firstImage); err != nil {
		return err
	}
	_, err = on.Settle(ctx, mark, who.Agent())
	return err
}

// ready waits until the named stacks are Ready at their current generation.
func (f *fleet) ready(ctx context.Context, names []string) error {
	return each(ctx, names, func(ctx context.Context, name string) error {
		for {
			stack := contender.Stack(name, "")
			if err := f.kube.Get(ctx, client.ObjectKeyFromObject(stack), stack); err != nil {
				return fmt.Errorf("reading stack %s: %w", name, err)
			}
			condition := meta.FindStatusCondition(stack.Status.Conditions, v1alpha1.ConditionReady)
			if condition != nil && condition.Status == metav1.ConditionTrue && condition.ObservedGeneration == stack.Generation {
				return nil
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("stack %s does not get ready: %w", name, ctx.Err())
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
}

// names returns the names of the apps of a fleet of that size.
func names(size int) []string {
	all := make([]string, size)
	for i := range all {
		all[i] = fmt.Sprintf("app-%05d", i)
	}
	return all
}

// each calls do for all names, several at a time.
func each(ctx context.Context, names []string, do func(context.Context, string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for _, name := range names {
		group.Go(func() error { return do(ctx, name) })
	}
	return group.Wait()
}

// paced calls do for one name after the other. The pause is from one start to the next.
func paced(ctx context.Context, names []string, pause time.Duration, do func(context.Context, string) error) error {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for _, name := range names {
		if err := do(ctx, name); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
	return nil
}
