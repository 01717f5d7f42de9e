// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package podwatch watches the pods of stacks, but only during their rollouts. A few stacks have a
// watch each, which selects only their own pods. When many stacks roll out at once, the others
// share one watch of all stacks' pods, so that neither the API server nor the operator has
// thousands of watches. The package keeps only the fields of a pod that are needed to judge a
// rollout.
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

// ownWatches is how many stacks have a watch of their own; further ones share a watch of all
// stacks' pods. A shared watch starts with a list of all those pods, so it is kept until few stacks
// share it: until each of them can have its own watch, with room for as many more.
const ownWatches = 20

// Watcher watches the pods of stacks. It is safe for concurrent use.
type Watcher struct {
	// Pods is a client of the core API.
	Pods cache.Getter
	// Namespaces are the namespaces in which the operator may watch pods; empty means all.
	Namespaces []string
	// Live reads ReplicaSets without a cache.
	Live client.Reader
	// Clock gives the times at which changes are first observed.
	Clock clock.PassiveClock

	mu      sync.Mutex
	running context.Context // watches outlive the reconcile that starts them
	changed func(types.NamespacedName, queue.Priority)
	stacks  map[types.NamespacedName]*followed
	own     int                     // how many of the stacks have a watch of their own
	shared  map[string]*sharedWatch // by namespace; metav1.NamespaceAll if Namespaces is empty
}

// followed is a stack whose pods are watched.
type followed struct {
	*store
	// shared is the watch that the stack shares with others. It is nil if the stack has its own,
	// which stop ends.
	shared *sharedWatch
	stop   context.CancelFunc
	// failed reports whether the rollout has already failed.
	failed atomic.Bool
	// templates caches the template hash of each ReplicaSet by UID; the hashes never change.
	templates map[types.UID]string
}

// sharedWatch is a watch that several stacks share.
type sharedWatch struct {
	*sharedStore
	followers int
	stop      context.CancelFunc
}

// Start sets the context in which all watches run, and the function to call for a stack whose pods
// changed.
func (w *Watcher) Start(ctx context.Context, changed func(types.NamespacedName, queue.Priority)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running, w.changed = ctx, changed
	w.stacks, w.own, w.shared = map[types.NamespacedName]*followed{}, 0, map[string]*sharedWatch{}
}

// Watch returns the observed pods of the stack. It starts watching them if necessary; the first
// list is then reported as a change. If it returns an error, the pods are unknown. It reads the
// pods' templates only if the caller asks for them or if a pod is in trouble, because most rollouts
// do not need them.
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

// Begin starts watching the stack's pods if necessary.
func (w *Watcher) Begin(stack types.NamespacedName) { w.begin(stack) }

// Relax sets whether the stack's rollout has failed and is left as it is. Failing pods then get the
// priority of an ordinary change, because nobody is waiting for them.
func (w *Watcher) Relax(stack types.NamespacedName, failed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one := w.stacks[stack]; one != nil {
		one.failed.Store(failed)
	}
}

// Stop ends the watch of the stack's pods, if there is one.
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

// part gives each stack of a shared watch its own watch, and ends the shared one.
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

// Len returns the number of stacks whose pods are watched.
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

// watchAlone starts a watch of only the stack's pods.
func (w *Watcher) watchAlone(stack types.NamespacedName, one *followed) {
	w.own++
	pods := w.pods(stack.Namespace, naming.LabelStack+"="+stack.Name)
	one.stop = w.open("pods of "+stack.String(), pods, one.store)
}

// share starts a watch of all stacks' pods.
func (w *Watcher) share(namespace string) *sharedWatch {
	many := &sharedWatch{sharedStore: newSharedStore(w.Clock.Now)}
	pods := w.pods(namespace, naming.LabelStack)
	many.stop = w.open("pods of stacks in "+cmp.Or(namespace, "all namespaces"), pods, many.sharedStore)
	w.shared[namespace] = many
	return many
}

// scope returns the namespace of the watch that stacks of the given namespace share.
func (w *Watcher) scope(namespace string) string {
	if len(w.Namespaces) == 0 {
		return metav1.NamespaceAll
	}
	return namespace
}

// pods returns how to list and watch the selected pods of the namespace.
func (w *Watcher) pods(namespace, selector string) *cache.ListWatch {
	pods := cache.NewFilteredListWatchFromClient(w.Pods, "pods", namespace,
		func(options *metav1.ListOptions) { options.LabelSelector = selector })
	pods.ListWithContextFunc = paging.List(pods.ListWithContextFunc, slimmed)
	return pods
}

// open watches the pods until the returned function is called.
func (w *Watcher) open(name string, pods *cache.ListWatch, into cache.ReflectorStore) context.CancelFunc {
	ctx, stop := context.WithCancel(w.running)
	reflector := cache.NewReflectorWithOptions(pods, &corev1.Pod{}, into, cache.ReflectorOptions{Name: name})
	go reflector.RunWithContext(ctx)
	return stop
}

// template returns the hash of the pod template of the pod's ReplicaSet, or "" if the ReplicaSet
// does not belong to the component's Deployment.
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
		return "", nil // an orphan: its Deployment may adopt it again
	}
	if err == nil && set.UID == pod.ReplicaSet.UID && owner.Kind == string(model.KindDeployment) &&
		owner.Name == naming.Object(stack.Name, pod.Component) {
		template = model.TemplateHash(set.Spec.Template)
	}
	watched.templates[pod.ReplicaSet.UID] = template // only reconciles of this stack get here, one at a time
	return template, nil
}
