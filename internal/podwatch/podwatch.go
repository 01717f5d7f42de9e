// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package podwatch watches the pods of stacks while these roll out, and only
// then: a watch for each such stack, which ends with its rollout. Of a pod only
// what judging a rollout takes is kept.
package podwatch

import (
	"context"
	"fmt"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/queue"
)

// Watcher watches pods. It is safe for concurrent use.
type Watcher struct {
	// Pods is a way to the core API.
	Pods cache.Getter
	// Live reads ReplicaSets past any cache.
	Live client.Reader
	// Clock tells when something was seen first.
	Clock clock.PassiveClock

	mu      sync.Mutex
	running context.Context // watches outlive the pass that asks for them
	changed func(types.NamespacedName, queue.Why)
	stacks  map[types.NamespacedName]*watch
}

// watch is that of one stack.
type watch struct {
	*store
	stop context.CancelFunc
	// templates are the hashes of what ReplicaSets make pods of, which does not change.
	templates map[types.UID]string
}

// Start lets watches run until the context ends, and has them tell of stacks
// whose pods changed.
func (w *Watcher) Start(ctx context.Context, changed func(types.NamespacedName, queue.Why)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running, w.changed, w.stacks = ctx, changed, map[types.NamespacedName]*watch{}
}

// Watch is what is seen of the stack's pods; it begins to watch them where that
// was not so yet. What is seen then is told as a change. With an error, the pods
// are not known.
func (w *Watcher) Watch(ctx context.Context, stack types.NamespacedName) (model.Pods, error) {
	watched := w.begin(stack)
	pods := watched.pods()
	for i := range pods.All {
		template, err := w.template(ctx, stack, watched, pods.All[i])
		if err != nil {
			return model.Pods{Asked: pods.Asked}, err
		}
		pods.All[i].Template = template
	}
	return pods, nil
}

// Begin begins to watch the stack's pods, where that was not so yet.
func (w *Watcher) Begin(stack types.NamespacedName) { w.begin(stack) }

// Stop ends the watch of the stack, if there is one.
func (w *Watcher) Stop(stack types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if watched := w.stacks[stack]; watched != nil {
		watched.stop()
		delete(w.stacks, stack)
	}
}

// Len is the number of stacks that are watched.
func (w *Watcher) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.stacks)
}

func (w *Watcher) begin(stack types.NamespacedName) *watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	if watched := w.stacks[stack]; watched != nil {
		return watched
	}
	ctx, stop := context.WithCancel(w.running)
	changed := w.changed
	watched := &watch{
		store: &store{
			now:     w.Clock.Now,
			changed: func(why queue.Why) { changed(stack, why) },
			asked:   w.Clock.Now(),
			byUID:   map[types.UID]model.Pod{},
		},
		stop:      stop,
		templates: map[types.UID]string{},
	}
	w.stacks[stack] = watched
	selector := labels.SelectorFromSet(labels.Set{naming.LabelStack: stack.Name}).String()
	pods := cache.NewFilteredListWatchFromClient(w.Pods, "pods", stack.Namespace,
		func(options *metav1.ListOptions) { options.LabelSelector = selector })
	reflector := cache.NewReflectorWithOptions(pods, &corev1.Pod{}, watched.store,
		cache.ReflectorOptions{Name: "pods of " + stack.String()})
	go reflector.RunWithContext(ctx)
	return watched
}

// template is the hash of what the pod's ReplicaSet makes pods of; empty where
// it has none of the component's Deployment.
func (w *Watcher) template(ctx context.Context, stack types.NamespacedName, watched *watch, pod model.Pod) (string, error) {
	if pod.ReplicaSet.UID == "" {
		return "", nil
	}
	if template, known := watched.templates[pod.ReplicaSet.UID]; known {
		return template, nil
	}
	set := &appsv1.ReplicaSet{}
	err := w.Live.Get(ctx, types.NamespacedName{Namespace: stack.Namespace, Name: pod.ReplicaSet.Name}, set)
	if client.IgnoreNotFound(err) != nil {
		return "", fmt.Errorf("reading ReplicaSet %s: %w", pod.ReplicaSet.Name, err)
	}
	template := ""
	owner := metav1.GetControllerOfNoCopy(set)
	if err == nil && owner == nil {
		return "", nil // an orphan, which may be taken back
	}
	if err == nil && set.UID == pod.ReplicaSet.UID && owner.Kind == string(model.KindDeployment) &&
		owner.Name == naming.Object(stack.Name, pod.Component) {
		template = model.TemplateHash(set.Spec.Template)
	}
	watched.templates[pod.ReplicaSet.UID] = template // only the stack's own pass, and one at a time, comes here
	return template, nil
}
