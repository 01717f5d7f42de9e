// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package podwatch watches the pods of stacks while these roll out, and only
// then: a few stacks have a watch each, which asks for nothing but their pods;
// where many roll at once, the others share one of all stacks' pods, so that
// neither the API server nor the operator holds thousands. Of a pod only what
// judging a rollout takes is kept.
package podwatch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/paging"
	"github.com/appstack-dev/appstack/internal/queue"
)

// ownWatches is how many stacks have a watch of their own. The next ones share one
// of all stacks' pods. As that begins with a look at all of them, it goes on until
// those that share it are few, and can have one each, with room for as many more.
const ownWatches = 20

// Watcher watches pods. It is safe for concurrent use.
type Watcher struct {
	// Pods is a way to the core API.
	Pods cache.Getter
	// Namespaces are those in which pods may be watched; none where that is all.
	Namespaces []string
	// Live reads ReplicaSets past any cache.
	Live client.Reader
	// Clock tells when something was seen first.
	Clock clock.PassiveClock

	mu      sync.Mutex
	running context.Context // watches outlive the pass that asks for them
	changed func(types.NamespacedName, queue.Priority)
	stacks  map[types.NamespacedName]*followed
	own     int                     // how many of the stacks have a watch of their own
	shared  map[string]*sharedWatch // by namespace; metav1.NamespaceAll where that is all
}

// followed is a stack whose pods are watched.
type followed struct {
	*store
	// shared is the watch that it shares with others; nil where it has one of its own, which stop ends.
	shared *sharedWatch
	stop   context.CancelFunc
	// failed says that the rollout has failed already.
	failed atomic.Bool
	// templates are the hashes of what ReplicaSets make pods of, which does not change.
	templates map[types.UID]string
}

// sharedWatch is a watch that stacks share.
type sharedWatch struct {
	*sharedStore
	followers int
	stop      context.CancelFunc
}

// Start lets watches run until the context ends, and has them tell of stacks
// whose pods changed.
func (w *Watcher) Start(ctx context.Context, changed func(types.NamespacedName, queue.Priority)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running, w.changed = ctx, changed
	w.stacks, w.own, w.shared = map[types.NamespacedName]*followed{}, 0, map[string]*sharedWatch{}
}

// Watch is what is seen of the stack's pods; it begins to watch them where that
// was not so yet. What is seen then is told as a change. With an error, the pods
// are not known. Which templates they are of is asked for where the caller needs
// to know, or where one of them is in trouble: most rollouts do without.
func (w *Watcher) Watch(ctx context.Context, stack types.NamespacedName, templates bool) (model.Pods, error) {
	watched := w.begin(stack)
	pods := watched.pods()
	if !templates && !slices.ContainsFunc(pods.All, model.Pod.Suspect) {
		return pods, nil
	}
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

// Relax gives failing pods of the stack the priority of any change, where its rollout
// has failed and is left as it is: nothing waits for them then.
func (w *Watcher) Relax(stack types.NamespacedName, failed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one := w.stacks[stack]; one != nil {
		one.failed.Store(failed)
	}
}

// Stop ends the watch of the stack, if there is one.
func (w *Watcher) Stop(stack types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.stacks[stack]
	if one == nil {
		return
	}
	delete(w.stacks, stack)
	if one.shared == nil {
		w.own--
		one.stop()
	} else {
		one.shared.leave(stack)
		one.shared.followers--
	}
	for namespace, many := range w.shared {
		if free := ownWatches - w.own; free > 0 && many.followers <= free/2 {
			w.part(namespace, many)
		}
	}
}

// part gives each of those that share a watch one of its own, and ends the shared one.
func (w *Watcher) part(namespace string, many *sharedWatch) {
	for stack, one := range w.stacks {
		if one.shared == many {
			many.release(stack)
			one.shared = nil
			w.watchAlone(stack, one)
		}
	}
	many.stop()
	delete(w.shared, namespace)
}

// Len is the number of stacks whose pods are watched.
func (w *Watcher) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.stacks)
}

func (w *Watcher) begin(stack types.NamespacedName) *followed {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one := w.stacks[stack]; one != nil {
		return one
	}
	changed := w.changed
	one := &followed{templates: map[types.UID]string{}}
	tell := func(priority queue.Priority) {
		if one.failed.Load() {
			priority = min(priority, queue.Change)
		}
		changed(stack, priority)
	}
	switch many := w.shared[w.scope(stack.Namespace)]; {
	case many != nil:
		one.shared = many
	case w.own < ownWatches:
		one.store = newStore(w.Clock.Now)
		one.follow(tell)
		w.watchAlone(stack, one)
	default:
		one.shared = w.share(w.scope(stack.Namespace))
	}
	if one.shared != nil {
		one.shared.followers++
		one.store = one.shared.join(stack, tell)
	}
	w.stacks[stack] = one
	return one
}

// watchAlone begins a watch of the stack's pods.
func (w *Watcher) watchAlone(stack types.NamespacedName, one *followed) {
	w.own++
	pods := w.pods(stack.Namespace, naming.LabelStack+"="+stack.Name)
	one.stop = w.open("pods of "+stack.String(), pods, one.store)
}

// share begins a watch of all stacks' pods.
func (w *Watcher) share(namespace string) *sharedWatch {
	many := &sharedWatch{sharedStore: newSharedStore(w.Clock.Now)}
	pods := w.pods(namespace, naming.LabelStack)
	many.stop = w.open("pods of stacks in "+cmp.Or(namespace, "all namespaces"), pods, many.sharedStore)
	w.shared[namespace] = many
	return many
}

// scope is the namespace of the watch that stacks of a namespace share.
func (w *Watcher) scope(namespace string) string {
	if len(w.Namespaces) == 0 {
		return metav1.NamespaceAll
	}
	return namespace
}

// pods is how to list and to watch those in the namespace that the selector finds.
func (w *Watcher) pods(namespace, selector string) *cache.ListWatch {
	pods := cache.NewFilteredListWatchFromClient(w.Pods, "pods", namespace,
		func(options *metav1.ListOptions) { options.LabelSelector = selector })
	pods.ListWithContextFunc = paging.List(pods.ListWithContextFunc, slimmed)
	return pods
}

// open watches the pods until the function that it returns is called.
func (w *Watcher) open(name string, pods *cache.ListWatch, into cache.ReflectorStore) context.CancelFunc {
	ctx, stop := context.WithCancel(w.running)
	reflector := cache.NewReflectorWithOptions(pods, &corev1.Pod{}, into, cache.ReflectorOptions{Name: name})
	go reflector.RunWithContext(ctx)
	return stop
}

// template is the hash of what the pod's ReplicaSet makes pods of; empty where
// it has none of the component's Deployment.
func (w *Watcher) template(ctx context.Context, stack types.NamespacedName, watched *followed, pod model.Pod) (string, error) {
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
