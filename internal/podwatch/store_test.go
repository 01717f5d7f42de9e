// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package podwatch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/queue"
)

// recorder is a store with a settable clock that counts the reported changes.
type recorder struct {
	*store
	now  time.Time
	told int
	// trouble counts those of a pod in trouble.
	trouble int
}

func newRecorder() *recorder {
	s := &recorder{now: noon}
	s.store = newStore(func() time.Time { return s.now })
	s.follow(s.count)
	return s
}

func (s *recorder) count(priority queue.Priority) {
	s.told++
	if priority == queue.Trouble {
		s.trouble++
	}
}

// takes passes an object to a method of the store.
func (s *recorder) takes(t *testing.T, method func(any) error, object any) {
	t.Helper()
	if err := method(object); err != nil {
		t.Fatal(err)
	}
}

// holds checks the stored pods, and the number of changes reported so far.
func (s *recorder) holds(t *testing.T, told int, want model.Pods) {
	t.Helper()
	got := s.pods()
	want.Asked, want.Gone = noon, got.Gone // tested by TestGone
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if s.told != told {
		t.Errorf("%d changes were reported, want %d", s.told, told)
	}
}

// noPull returns what the store keeps of a container whose image cannot be pulled since a time.
func noPull(since time.Time) model.Container {
	return model.Container{Name: "app", Waiting: "ErrImagePull", Message: "about ErrImagePull", Since: since}
}

func TestTroubleIsTold(t *testing.T) {
	s := newRecorder()
	ending := pod("a", terminated(0))
	ending.DeletionTimestamp = ptr.To(metav1.NewTime(noon))
	list := func(pod any) error { return s.Replace([]any{pod}, "") }
	for i, step := range []struct {
		change  func(any) error
		pod     any
		trouble int
	}{
		{s.Add, pod("a", waiting("ContainerCreating")), 0},
		{s.Update, pod("a", running()), 0},
		{s.Update, pod("a", waiting("ErrImagePull")), 1},
		{s.Update, pod("a", waiting("ErrImagePull")), 1},
		{s.Update, pod("a", running()), 2},
		{s.Add, pod("b", waiting("ErrImagePull")), 3},
		{s.Delete, pod("b", waiting("ErrImagePull")), 3},
		{s.Update, ending, 3}, // the pod of an earlier revision, whose container exits
		{list, pod("a", running()), 3},
		{list, pod("a", waiting("ErrImagePull")), 4},
	} {
		s.takes(t, step.change, step.pod)
		if s.trouble != step.trouble {
			t.Errorf("after %d changes %d were reported as trouble, want %d", i+1, s.trouble, step.trouble)
		}
	}
}

func TestStoreTellsWhatMatters(t *testing.T) {
	s := newRecorder()
	s.holds(t, 0, model.Pods{})
	s.takes(t, s.Add, pod("b", waiting("ErrImagePull")))
	s.holds(t, 1, model.Pods{All: []model.Pod{kept("b", noPull(at(0)))}})

	// an ignored field changes, and so does the time
	s.now = at(10)
	same := pod("b", waiting("ErrImagePull"))
	same.ResourceVersion, same.Annotations = "2", map[string]string{"a": "b"}
	same.Status.PodIP = "10.0.0.1"
	s.takes(t, s.Update, same)
	s.holds(t, 1, model.Pods{All: []model.Pod{kept("b", noPull(at(0)))}})

	// a stored field changes
	s.takes(t, s.Update, pod("b", running()))
	s.holds(t, 2, model.Pods{All: []model.Pod{kept("b")}})

	// a new pod without problems is reported too
	s.takes(t, s.Add, pod("a", waiting("ContainerCreating")))
	s.holds(t, 3, model.Pods{All: []model.Pod{creating(kept("a"), 10), kept("b")}})

	// progress of its start is not reported
	s.takes(t, s.Update, pod("a", running()))
	s.holds(t, 3, model.Pods{All: []model.Pod{kept("a"), kept("b")}})

	s.takes(t, s.Delete, pod("b", running()))
	s.holds(t, 4, model.Pods{All: []model.Pod{kept("a")}})
}

// TestGone checks pods deleted by a watch event and by a list: each makes room for other pods
// (R17).
func TestGone(t *testing.T) {
	s := newRecorder()
	gone := func(what string, want time.Time) {
		t.Helper()
		if got := s.pods().Gone; !got.Equal(want) {
			t.Errorf("R17 %s: a pod was deleted at %s, want %s", what, got, want)
		}
	}
	s.takes(t, s.Add, pod("a", running()))
	s.takes(t, s.Add, pod("b", running()))
	ending := pod("a", running())
	ending.DeletionTimestamp = ptr.To(metav1.NewTime(noon))
	s.takes(t, s.Update, ending)
	gone("none has gone", time.Time{})
	s.now = at(10)
	s.takes(t, s.Delete, ending)
	gone("the watch shows that one is gone", at(10))
	s.now = at(20)
	s.takes(t, s.Delete, ending)
	gone("one that was gone", at(10))
	for _, pods := range [][]any{{pod("b", running()), pod("c", running())}, {pod("b", running())}} {
		if err := s.Replace(pods, ""); err != nil {
			t.Fatal(err)
		}
		if len(pods) == 2 {
			gone("the list has all that there were", at(10))
		}
	}
	gone("the list shows that one is gone", at(20))
}

func TestReplaceIsAllThatThereIs(t *testing.T) {
	s := newRecorder()
	s.takes(t, s.Add, pod("gone", running()))
	s.takes(t, s.Add, pod("stays", waiting("ErrImagePull")))
	s.now = at(10)
	if err := s.Replace([]any{pod("stays", waiting("ErrImagePull")), pod("new", waiting("ErrImagePull"))}, "7"); err != nil {
		t.Fatal(err)
	}
	s.holds(t, 3, model.Pods{Known: true, All: []model.Pod{kept("new", noPull(at(10))), kept("stays", noPull(at(0)))}})
}

func TestNoPodsAreKnownToo(t *testing.T) {
	s := newRecorder()
	if err := s.Replace(nil, "7"); err != nil {
		t.Fatal(err)
	}
	s.holds(t, 1, model.Pods{Known: true}) // those who wait for the pods must be notified
}

// TestAnotherPodOfTheName checks that pods are distinguished by UID and do not inherit each other's
// state.
func TestAnotherPodOfTheName(t *testing.T) {
	s := newRecorder()
	s.takes(t, s.Add, pod("a", waiting("ErrImagePull")))
	s.now = at(10)
	s.takes(t, s.Delete, pod("a", running()))
	another := pod("a", waiting("ErrImagePull"))
	another.UID = "uid-of-another"
	s.takes(t, s.Add, another)
	s.holds(t, 3, model.Pods{All: []model.Pod{kept("a", noPull(at(10)))}})
}

func TestPodsAreACopy(t *testing.T) {
	s := newRecorder()
	s.takes(t, s.Add, pod("a", running()))
	s.pods().All[0].Template = "another" // as the watcher does
	s.holds(t, 1, model.Pods{All: []model.Pod{kept("a")}})
}

func TestStoreTakesPodsOnly(t *testing.T) {
	s := newRecorder()
	tests := map[string]any{
		"something else":           struct{}{},
		"metadata":                 &metav1.PartialObjectMetadata{},
		"a pod that is no pointer": corev1.Pod{},
	}
	for name, object := range tests {
		t.Run(name, func(t *testing.T) {
			for _, method := range []func(any) error{s.Add, s.Update, s.Delete} {
				if method(object) == nil {
					t.Errorf("a %T is accepted", object)
				}
			}
		})
	}
	s.holds(t, 0, model.Pods{})
}
