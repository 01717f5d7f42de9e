// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package apply

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// look is the request that sees whether the stack is still what the cache shows.
const look = "get AppStack shop"

// server is an API server that notes what the applier asks, and the applier.
type server struct {
	*Applier
	memory *memory.Stack
	clock  *clocktesting.FakeClock

	mu    sync.Mutex // a move is tried while the stack is looked at
	asked []string
}

// isTrial says whether a request is to have no effect. The fake client answers such
// ones without looking at what there is.
func isTrial(dryRun []string) bool { return slices.Contains(dryRun, metav1.DryRunAll) }

func newServer(t *testing.T, objects ...client.Object) *server {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	s := &server{memory: &memory.Stack{}, clock: clocktesting.NewFakeClock(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))}
	note := func(verb string, object client.Object, name string) {
		kind := object.GetObjectKind().GroupVersionKind().Kind
		if kind == "" {
			kind = fmt.Sprintf("%T", object)
		}
		asked := fmt.Sprintf("%s %s %s", verb, kind, name)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = append(s.asked, asked)
	}
	build := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithReturnManagedFields()
	api := build.WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			note("get", object, key.Name)
			return c.Get(ctx, key, object, options...)
		},
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			note("create", object, object.GetName())
			if there := object.DeepCopyObject().(client.Object); isTrial((&client.CreateOptions{}).ApplyOptions(options).DryRun) &&
				c.Get(ctx, client.ObjectKeyFromObject(object), there) == nil {
				return apierrors.NewAlreadyExists(schema.GroupResource{Resource: "objects"}, object.GetName())
			}
			return c.Create(ctx, object, options...)
		},
		Patch: func(
			ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption,
		) error {
			note("patch", object, object.GetName())
			if isTrial((&client.PatchOptions{}).ApplyOptions(options).DryRun) {
				return client.IgnoreNotFound(c.Get(ctx, client.ObjectKeyFromObject(object), object))
			}
			return c.Patch(ctx, object, patch, options...)
		},
	}).Build()
	s.Applier = &Applier{Client: api, Live: api, Clock: s.clock}
	return s
}

// take carries out what is to be done about the state, and is what was asked for that.
func (s *server) take(t *testing.T, state model.State) (model.Outcome, []string) {
	t.Helper()
	return s.pass(t, state, false)
}

// goOn does so in the pass that carried out the last plan.
func (s *server) goOn(t *testing.T, state model.State) (model.Outcome, []string) {
	t.Helper()
	return s.pass(t, state, true)
}

func (s *server) pass(t *testing.T, state model.State, current bool) (model.Outcome, []string) {
	t.Helper()
	s.asked = nil
	steps := Plan(state, s.clock.Now())
	outcome, err := s.Apply(t.Context(), state.Stack, s.memory, steps, current)
	if err != nil {
		t.Fatal(err)
	}
	return outcome, s.asked
}

// newStack is a stack, and its state.
func newStack() (*v1alpha1.AppStack, model.State) {
	stack := Stack("shop", Replicas(1), func(s *v1alpha1.AppStack) { s.UID = "stack" })
	return stack, model.State{Stack: stack}
}

// begun is a stack whose first rollout has begun, with its state and its API server.
func begun(t *testing.T) (*server, *v1alpha1.AppStack, model.State) {
	t.Helper()
	stack, state := newStack()
	s := newServer(t, stack)
	outcome, _ := s.take(t, state)
	state.Revisions = []model.Revision{*model.RevisionOf(outcome.Done[0])}
	return s, stack, state
}

// TestRequestsOfAFirstRelease shows that a name is looked at once where the write
// tells whether it is taken, and else before each.
func TestRequestsOfAFirstRelease(t *testing.T) {
	stack, state := newStack()
	s := newServer(t, stack)
	outcome, asked := s.take(t, state)
	record := "create *v1.ControllerRevision shop-1"
	if at := slices.Index(asked, look); at < 0 || at > slices.Index(asked, record) {
		t.Errorf("a rollout begins before the stack was looked at: %v", asked)
	}
	asked = slices.DeleteFunc(asked, func(request string) bool { return request == look }) // while it is tried

	slices.Sort(asked[:len(asked)-1]) // tried side by side
	if diff := cmp.Diff([]string{"create *v1.Deployment shop", "patch *v1.Service shop", record}, asked); diff != "" {
		t.Errorf("R26 the move (-want +got):\n%s", diff)
	}
	state.Revisions = []model.Revision{*model.RevisionOf(outcome.Done[0])}

	outcome, asked = s.goOn(t, state)
	if diff := cmp.Diff([]string{
		"get Service shop", "create *v1.Deployment shop", "patch *v1.Service shop",
	}, asked); diff != "" {
		t.Errorf("R26 its children (-want +got):\n%s", diff)
	}
	if outcome.Behind || len(outcome.Done) != 2 {
		t.Errorf("behind: %v, done: %v", outcome.Behind, outcome.Done)
	}

	outcome, asked = s.take(t, state)
	if !outcome.Behind || len(outcome.Done)+len(asked) > 0 {
		t.Errorf("while the cache does not show them: behind %v, asked %v", outcome.Behind, asked)
	}
	s.clock.Step(moment)
	outcome, asked = s.take(t, state)
	if diff := cmp.Diff([]string{"get AppStack shop", "get Deployment shop"}, asked); diff != "" || !outcome.Again {
		t.Errorf("after a moment they are looked for: again %v (-want +got):\n%s", outcome.Again, diff)
	}
}

// moment is longer than what was seen of a name is believed.
const moment = 3 * time.Second

// TestNamesAreLookedAtAgain shows when a name that was free is looked at once more.
func TestNamesAreLookedAtAgain(t *testing.T) {
	tests := map[string]func(*server, *model.State){
		"after a moment":              func(s *server, _ *model.State) { s.clock.Step(moment) },
		"where the clock is set back": func(s *server, _ *model.State) { s.clock.Step(-time.Hour) },
		"for another operator":        func(s *server, _ *model.State) { s.memory.Names.Clear() },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			s, _, state := begun(t)
			change(s, &state)
			_, asked := s.take(t, state)
			if diff := cmp.Diff([]string{"get AppStack shop", "get Deployment shop", "get Service shop"}, asked[:3]); diff != "" {
				t.Errorf("R26 asked (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNamesThatAreTaken shows that nothing is written where someone takes a name
// in the moment between the look and the write.
func TestNamesThatAreTaken(t *testing.T) {
	s, _, state := begun(t)
	theirs := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: "shop"}}
	if err := s.Client.Create(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	if outcome, _ := s.take(t, state); !outcome.Again || len(outcome.Done) > 0 {
		t.Errorf("R26 again: %v, done: %v", outcome.Again, outcome.Done)
	}
	if outcome, _ := s.take(t, state); outcome.Problem == nil || outcome.Problem.Reason != v1alpha1.ReasonNameConflict {
		t.Errorf("R26 the problem is %+v, want a conflict", outcome.Problem)
	}
}

// TestMovesThatFindNames shows that nothing is written where a rollout would take an
// object that somebody has made, and which it is.
func TestMovesThatFindNames(t *testing.T) {
	meta := metav1.ObjectMeta{Namespace: Namespace, Name: "shop"}
	for name, theirs := range map[string]client.Object{
		"a Deployment": &appsv1.Deployment{ObjectMeta: meta},
		"a Service":    &corev1.Service{ObjectMeta: meta},
	} {
		t.Run(name, func(t *testing.T) {
			stack, state := newStack()
			s := newServer(t, stack, theirs)
			outcome, asked := s.take(t, state)
			if outcome.Problem == nil || outcome.Problem.Reason != v1alpha1.ReasonNameConflict || len(outcome.Done) > 0 {
				t.Errorf("R26 the problem is %+v, done: %v, want a conflict", outcome.Problem, outcome.Done)
			}
			if slices.Contains(asked, "create *v1.ControllerRevision shop-1") {
				t.Errorf("R4 a rollout has begun: %v", asked)
			}
		})
	}
}

// TestMovesOfAnEarlierSpec shows that a rollout does not begin for a spec that is
// another one by now, though it was tried.
func TestMovesOfAnEarlierSpec(t *testing.T) {
	stack, state := newStack()
	now := stack.DeepCopy()
	now.Generation++
	s := newServer(t, now)
	outcome, asked := s.take(t, state)
	if !outcome.Again || len(outcome.Done) > 0 || slices.Contains(asked, "create *v1.ControllerRevision shop-1") {
		t.Errorf("again: %v, done: %v, asked: %v", outcome.Again, outcome.Done, asked)
	}
}

// TestStacksThatAreGone shows that what a stack leaves behind is not taken back by a
// pass whose cache still has the stack, however short ago another pass wrote (R27).
func TestStacksThatAreGone(t *testing.T) {
	s, stack, state := begun(t)
	s.goOn(t, state)
	if err := s.Client.Delete(t.Context(), stack.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	left := &appsv1.Deployment{}
	if err := s.Client.Get(t.Context(), client.ObjectKeyFromObject(stack), left); err != nil {
		t.Fatal(err)
	}
	left.OwnerReferences = nil
	state.Children = Children(left)
	if outcome, asked := s.take(t, state); !outcome.Again || len(outcome.Done) > 0 || !slices.Equal(asked, []string{look}) {
		t.Errorf("R27 again: %v, done: %v, asked: %v", outcome.Again, outcome.Done, asked)
	}
}

// TestSuccessIsRecordedAsItIs shows that a rollout which succeeded has done so, whatever
// the stack asks for by now, and that the stack is looked at for all the rest.
func TestSuccessIsRecordedAsItIs(t *testing.T) {
	complete := appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1, AvailableReplicas: 1}
	tests := map[string]struct {
		change func(*model.State)
		looks  bool
	}{
		"R6 a success": {func(*model.State) {}, false},
		"R17 a failure": {
			func(s *model.State) { s.Children.Deployment("shop").Status = appsv1.DeploymentStatus{} }, true,
		},
		"R26 a success that takes a record back": {func(s *model.State) { s.Revisions[0].Orphan = true }, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, stack, state := begun(t)
			s.goOn(t, state)
			live, service := &appsv1.Deployment{}, &corev1.Service{}
			for _, child := range []client.Object{live, service} {
				if err := s.Client.Get(t.Context(), client.ObjectKeyFromObject(stack), child); err != nil {
					t.Fatal(err)
				}
			}
			live.Generation, live.Status = 1, complete
			state.Children = Children(live, service)
			test.change(&state)
			s.clock.Step(time.Hour)
			outcome, asked := s.take(t, state)
			if !slices.Contains(asked, "patch *v1.ControllerRevision shop-1") || slices.Contains(asked, look) != test.looks ||
				outcome.Current != test.looks {
				t.Errorf("asked: %v, seen as current: %t, want a look: %t", asked, outcome.Current, test.looks)
			}
		})
	}
}

// TestNumbersThatAreTaken shows whose a record can be that has the next number.
func TestNumbersThatAreTaken(t *testing.T) {
	record := func(change func(*appsv1.ControllerRevision)) *appsv1.ControllerRevision {
		object := &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{
			Namespace: Namespace, Name: "shop-1", Labels: map[string]string{v1alpha1.GroupName + "/stack": "shop"},
		}}
		change(object)
		return object
	}
	owner := func(uid types.UID, name string) func(*appsv1.ControllerRevision) {
		return func(object *appsv1.ControllerRevision) {
			object.OwnerReferences = []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "AppStack", Name: name, UID: uid, Controller: ptr.To(true),
			}}
		}
	}
	again := func(o model.Outcome) bool { return o.Again && o.Problem == nil }
	waits := func(o model.Outcome) bool { return o.Predecessor != "" && !o.Again }
	conflicts := func(o model.Outcome) bool { return o.Problem != nil && o.Problem.Reason == v1alpha1.ReasonNameConflict }
	tests := map[string]struct {
		record *appsv1.ControllerRevision
		want   func(model.Outcome) bool
	}{
		"the stack's own":           {record(owner("stack", "shop")), again},
		"a deleted stack's":         {record(owner("other", "shop")), waits},
		"another stack's":           {record(owner("other", "blog")), conflicts},
		"nobody's, with our labels": {record(func(*appsv1.ControllerRevision) {}), again},
		"nobody's, without":         {record(func(r *appsv1.ControllerRevision) { r.Labels = nil }), conflicts},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			stack, state := newStack()
			s := newServer(t, stack, test.record)
			outcome, _ := s.take(t, state)
			if len(outcome.Done) > 0 || !test.want(outcome) {
				t.Errorf("R1 R26 the outcome is %+v", outcome)
			}
			if err := s.Live.Get(t.Context(), client.ObjectKey{Namespace: Namespace, Name: "shop"}, &corev1.Service{}); err == nil {
				t.Error("a child was written")
			}
		})
	}
}
