// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package podwatch

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/queue"
)

// store keeps the observed pods of one stack. A reflector or a sharedStore fills it.
type store struct {
	now func() time.Time

	mu sync.Mutex
	// changed is called for changes; nil if nobody follows the stack.
	changed func(queue.Priority)
	asked   time.Time
	// gone is when a pod was last observed to be gone.
	gone  time.Time
	known bool
	byUID map[types.UID]model.Pod
}

var _ cache.ReflectorStore = &store{}

func newStore(now func() time.Time) *store { return &store{now: now, byUID: map[types.UID]model.Pod{}} }

// follow reports changes from now on. Existing pods are reported as one change. Their waiting times
// start anew, so that a container that was already waiting before the rollout started gets the full
// time too.
func (s *store) follow(changed func(queue.Priority)) {
	s.mu.Lock()
	s.changed, s.asked = changed, s.now()
	for uid, pod := range s.byUID {
		pod.Containers = slices.Clone(pod.Containers)
		for i := range pod.Containers {
			if pod.Containers[i].Waiting != "" {
				pod.Containers[i].Since = s.asked
			}
		}
		if pod.Starting != nil {
			starting := *pod.Starting
			starting.Since, pod.Starting = s.asked, &starting
		}
		s.byUID[uid] = pod
	}
	some := len(s.byUID) > 0
	s.mu.Unlock()
	if some {
		s.tell(s.urgency())
	}
}

// leave stops reporting changes.
func (s *store) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = nil
}

// idle reports whether there are no pods and nobody follows them.
func (s *store) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed == nil && len(s.byUID) == 0
}

func (s *store) tell(priority queue.Priority) {
	s.mu.Lock()
	changed := s.changed
	s.mu.Unlock()
	if changed != nil {
		changed(priority)
	}
}

// urgency returns the priority of a reconcile for the current pods.
func (s *store) urgency() queue.Priority {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, pod := range s.byUID {
		if pod.InTrouble() {
			return queue.Trouble
		}
	}
	return queue.Change
}

// pods returns a copy of all pods, ordered by name.
func (s *store) pods() model.Pods {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.SortedFunc(maps.Values(s.byUID), func(a, b model.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return model.Pods{Known: s.known, Asked: s.asked, Gone: s.gone, All: all}
}

func asPod(object any) (*corev1.Pod, error) {
	if pod, ok := object.(*corev1.Pod); ok {
		return pod, nil
	}
	return nil, fmt.Errorf("a %T among pods", object)
}

// Add implements cache.ReflectorStore.
func (s *store) Add(object any) error { return s.Update(object) }

// Update implements cache.ReflectorStore.
func (s *store) Update(object any) error {
	pod, err := asPod(object)
	if err != nil {
		return err
	}
	s.mu.Lock()
	before, found := s.byUID[pod.UID]
	seen := reduce(pod, before, s.now())
	s.byUID[pod.UID] = seen
	s.mu.Unlock()
	switch {
	case seen.Counts() && !reflect.DeepEqual(before.Containers, seen.Containers):
		s.tell(queue.Trouble) // a container fails or has failed; pods that are being deleted may exit
	case !found || isNews(before, seen):
		s.tell(queue.Change)
	}
	return nil
}

// isNews reports whether a change of a pod may change the state of its rollout. The progress of a
// pod's start is ignored: it matters only if the start takes long, and a timed reconcile checks
// that.
func isNews(before, seen model.Pod) bool {
	before.Starting, seen.Starting = nil, nil
	return !reflect.DeepEqual(before, seen)
}

// Delete implements cache.ReflectorStore.
func (s *store) Delete(object any) error {
	pod, err := asPod(object)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if _, found := s.byUID[pod.UID]; found {
		s.gone = s.now()
	}
	delete(s.byUID, pod.UID)
	s.mu.Unlock()
	s.tell(queue.Change)
	return nil
}

// Replace implements cache.ReflectorStore: the objects are the complete list.
func (s *store) Replace(objects []any, _ string) error {
	s.mu.Lock()
	all := make(map[types.UID]model.Pod, len(objects))
	for _, object := range objects {
		if pod, ok := object.(*corev1.Pod); ok {
			all[pod.UID] = reduce(pod, s.byUID[pod.UID], s.now())
		}
	}
	for uid := range s.byUID {
		if _, found := all[uid]; !found {
			s.gone = s.now()
		}
	}
	s.byUID, s.known = all, true
	s.mu.Unlock()
	s.tell(s.urgency())
	return nil
}

// Resync implements cache.ReflectorStore. It does nothing.
func (s *store) Resync() error { return nil }
