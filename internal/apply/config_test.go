// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package apply

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// copyStep creates the copy of ConfigMap web.
var copyStep = model.CopyConfig{
	Why:     model.Why{Reason: "revision 1 has this content of ConfigMap web"},
	Copy:    model.ConfigCopy{Source: "web", Name: "shop-web-1", Hash: "1"},
	Content: model.ConfigMap{Data: map[string]string{"key": "value"}, BinaryData: map[string][]byte{"raw": {0xff}}},
}

// existingCopy returns the object that copyStep creates for the stack, with changes.
func existingCopy(stack *v1alpha1.AppStack, change func(*corev1.ConfigMap)) *corev1.ConfigMap {
	existing := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: stack.Namespace, Name: copyStep.Copy.Name, UID: "copy", Labels: naming.Recommended(stack.Name),
			OwnerReferences: []metav1.OwnerReference{naming.Owner(stack)},
		},
		Immutable: ptr.To(true), Data: copyStep.Content.Data, BinaryData: copyStep.Content.BinaryData,
	}
	change(existing)
	return existing
}

// TestCreateCopy checks which existing objects are used as the copy of a ConfigMap.
func TestCreateCopy(t *testing.T) {
	stack, _ := newStack()
	other := Stack("blog", func(s *v1alpha1.AppStack) { s.UID = "other" })
	earlier := stack.DeepCopy()
	earlier.UID = "earlier"
	owned := func(by *v1alpha1.AppStack) func(*corev1.ConfigMap) {
		return func(c *corev1.ConfigMap) { c.OwnerReferences = []metav1.OwnerReference{naming.Owner(by)} }
	}
	tests := map[string]struct {
		existing *corev1.ConfigMap
		// problem is part of the expected problem's message.
		problem, predecessor string
		err                  error
	}{
		"R31 none":                    {},
		"R31 the same copy":           {existing: existingCopy(stack, func(*corev1.ConfigMap) {})},
		"R26 the same copy, orphaned": {existing: existingCopy(stack, func(c *corev1.ConfigMap) { c.OwnerReferences = nil })},
		"R26 one of a deleted stack":  {existing: existingCopy(stack, owned(earlier)), predecessor: `ConfigMap "shop-web-1"`},
		"R26 one of another stack":    {existing: existingCopy(stack, owned(other)), problem: `belongs to AppStack "blog"`},
		"R26 one that belongs to nobody": {
			existing: existingCopy(stack, func(c *corev1.ConfigMap) { c.OwnerReferences, c.Labels = nil, nil }),
			problem:  "is not owned by this stack",
		},
		"R31 one with other content": {
			existing: existingCopy(stack, func(c *corev1.ConfigMap) { c.Data = map[string]string{"key": "other"} }),
			problem:  `is no immutable copy of ConfigMap web`,
		},
		"R31 one with other binary content": {
			existing: existingCopy(stack, func(c *corev1.ConfigMap) { c.BinaryData = nil }),
			problem:  `is no immutable copy of ConfigMap web`,
		},
		"R31 one that can change": {
			existing: existingCopy(stack, func(c *corev1.ConfigMap) { c.Immutable = nil }),
			problem:  `is no immutable copy of ConfigMap web`,
		},
		"R31 one that is being deleted": {
			existing: existingCopy(stack, func(c *corev1.ConfigMap) {
				c.DeletionTimestamp, c.Finalizers = ptr.To(metav1.Now()), []string{"example.com/wait"}
			}),
			err: errOutdated,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			objects := []client.Object{stack.DeepCopy()}
			if test.existing != nil {
				objects = append(objects, test.existing)
			}
			s := newServer(t, objects...)
			e := &execution{Applier: s.Applier, stack: stack, memory: s.memory}
			if err := e.createCopy(t.Context(), copyStep); !errors.Is(err, test.err) {
				t.Fatalf("got error %v, want %v", err, test.err)
			}
			if got := e.outcome.Predecessor; got != test.predecessor {
				t.Errorf("predecessor %q, want %q", got, test.predecessor)
			}
			problem := ptr.Deref(e.outcome.Problem, model.Problem{})
			if (problem.Message != "") != (test.problem != "") || !strings.Contains(problem.Message, test.problem) {
				t.Errorf("problem %q, want %q in it", problem.Message, test.problem)
			}
			if test.existing == nil {
				s.expectCopy(t, stack)
			}
		})
	}
}

// expectCopy checks the copy that copyStep creates.
func (s *server) expectCopy(t *testing.T, stack *v1alpha1.AppStack) {
	t.Helper()
	got := &corev1.ConfigMap{}
	if err := s.Live.Get(t.Context(), client.ObjectKey{Namespace: stack.Namespace, Name: copyStep.Copy.Name}, got); err != nil {
		t.Fatal(err)
	}
	want := existingCopy(stack, func(c *corev1.ConfigMap) {
		c.UID, c.ResourceVersion, c.ManagedFields = got.UID, got.ResourceVersion, got.ManagedFields
		c.Annotations = map[string]string{naming.AnnotationConfigSource: "web"}
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("R31 the copy (-want +got):\n%s", diff)
	}
}

// TestCopiesBeforeRevisions checks that a rollout start creates the copies after its dry runs and
// before its revision, so that no revision names a copy that never existed.
func TestCopiesBeforeRevisions(t *testing.T) {
	start := func(t *testing.T, s *server, stack *v1alpha1.AppStack, state model.State) (model.Outcome, []string) {
		t.Helper()
		plan := Plan(state, s.clock.Now())
		plan.Start.Copies = []model.CopyConfig{copyStep}
		s.asked = nil
		outcome, err := s.Apply(context.Background(), stack, s.memory, plan, false)
		if err != nil {
			t.Fatal(err)
		}
		return outcome, s.asked
	}
	stack, state := newStack()
	s := newServer(t, stack)
	outcome, asked := start(t, s, stack, state)
	last := asked[max(0, len(asked)-2):]
	want := []string{"create *v1.ConfigMap shop-web-1", "create *v1.ControllerRevision shop-1"}
	if !slices.Equal(last, want) || len(outcome.Done) != 1 {
		t.Errorf("R31 the last requests are %q, want %q", last, want)
	}

	foreign := existingCopy(stack, func(c *corev1.ConfigMap) { c.OwnerReferences, c.Labels = nil, nil })
	s = newServer(t, stack, foreign)
	outcome, asked = start(t, s, stack, state)
	if outcome.Problem == nil || outcome.Problem.Reason != v1alpha1.ReasonNameConflict || slices.Contains(asked, want[1]) {
		t.Errorf("R26 problem %+v after %q, want a name conflict and no revision", outcome.Problem, asked)
	}
	if outcome.Retry == 0 {
		t.Error("R26 the start is not tried again")
	}
}

// TestReplacedCopy checks that a rollout to a revision does not start if somebody has replaced its copy.
func TestReplacedCopy(t *testing.T) {
	for name, change := range map[string]func(*corev1.ConfigMap){
		"":                    func(*corev1.ConfigMap) {},
		"R37 other content":   func(c *corev1.ConfigMap) { c.Data = map[string]string{"key": "other"} },
		"R37 it can change":   func(c *corev1.ConfigMap) { c.Immutable = nil },
		"R37 further content": func(c *corev1.ConfigMap) { c.BinaryData = map[string][]byte{"raw": {0xff}, "more": nil} },
	} {
		t.Run(name, func(t *testing.T) {
			stack, state := newStack()
			s := newServer(t, stack, existingCopy(stack, change))
			plan := Plan(state, s.clock.Now())
			plan.Start.Revision.Content.Config = []model.ConfigCopy{
				{Source: "web", Name: copyStep.Copy.Name, Hash: copyStep.Content.Hash()},
			}
			outcome, err := s.Apply(t.Context(), stack, s.memory, plan, false)
			if err != nil {
				t.Fatal(err)
			}
			refused := outcome.Problem != nil && outcome.Problem.Reason == v1alpha1.ReasonNameConflict && outcome.Retry > 0
			if refused != (name != "") || (len(outcome.Done) == 0) != refused {
				t.Errorf("problem %+v, done %v", outcome.Problem, outcome.Done)
			}
		})
	}
}

// TestAdoptCopy checks that the stack becomes the controller of an orphaned copy.
func TestAdoptCopy(t *testing.T) {
	stack, _ := newStack()
	s := newServer(t, stack, existingCopy(stack, func(c *corev1.ConfigMap) { c.OwnerReferences = nil }))
	key := client.ObjectKey{Namespace: stack.Namespace, Name: copyStep.Copy.Name}
	found := &corev1.ConfigMap{}
	if err := s.Live.Get(t.Context(), key, found); err != nil {
		t.Fatal(err)
	}
	e := &execution{Applier: s.Applier, stack: stack, memory: s.memory}
	step := model.AdoptCopy{ContentHash: "other", ObjectID: model.ObjectID{
		Kind: model.KindConfigMap, Name: found.Name, UID: found.UID, ResourceVersion: found.ResourceVersion,
	}}
	if err := e.adoptCopy(t.Context(), step); err != nil || e.outcome.Problem == nil {
		t.Errorf("R31 a copy with other content: problem %v, error %v, want a conflict", e.outcome.Problem, err)
	}
	e.outcome.Problem, step.ContentHash = nil, copyStep.Content.Hash()
	if err := e.adoptCopy(t.Context(), step); err != nil {
		t.Fatal(err)
	}
	if err := s.Live.Get(t.Context(), key, found); err != nil {
		t.Fatal(err)
	}
	if got := model.OwnershipOf(stack, found); got != model.Owned || e.outcome.Problem != nil {
		t.Errorf("R26 the copy is %v, want it to be the stack's", got)
	}
}
