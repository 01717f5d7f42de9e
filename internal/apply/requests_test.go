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

// look is the request that checks whether the stack is still the one in the cache.
const look = "get AppStack shop"

// server is a fake API server that records the applier's requests, together with the applier.
type server struct {
	*Applier
	memory *memory.Stack
	clock  *clocktesting.FakeClock

	mu    sync.Mutex // dry runs are concurrent with the read of the stack
	asked []string
}

// isTrial reports whether a request is a dry run. The fake client answers dry runs without checking
// the stored objects.
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

// take plans and applies the state, and returns the outcome and the requests made.
func (s *server) take(t *testing.T, state model.State) (model.Outcome, []string) {
	t.Helper()
	return s.pass(t, state, false)
}

// goOn does the same within the reconcile that applied the last plan.
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

func newStack() (*v1alpha1.AppStack, model.State) {
	stack := Stack("shop", Replicas(1), func(s *v1alpha1.AppStack) { s.UID = "stack" })
	return stack, model.State{Stack: stack}
}

// begun returns a stack whose first rollout has started, with its state and its API server.
func begun(t *testing.T) (*server, *v1alpha1.AppStack, model.State) {
	t.Helper()
	stack, state := newStack()
	s := newServer(t, stack)
	outcome, _ := s.take(t, state)
	state.Revisions = []model.Revision{*model.RevisionOf(outcome.Done[0])}
	return s, stack, state
}

// TestRequestsOfAFirstRelease checks that a name is looked up once if the write itself shows that
// it is taken, and otherwise before each write.
func TestRequestsOfAFirstRelease(t *testing.T) {
	stack, state := newStack()
	s := newServer(t, stack)
	outcome, asked := s.take(t, state)
	record := "create *v1.ControllerRevision shop-1"
	if at := slices.Index(asked, look); at < 0 || at > slices.Index(asked, record) {
		t.Errorf("the rollout starts before the stack is read: %v", asked)
	}
	asked = slices.DeleteFunc(asked, func(request string) bool { return request == look }) // concurrent with the dry runs

	slices.Sort(asked[:len(asked)-1]) // dry runs are concurrent
	if diff := cmp.Diff([]string{"create *v1.Deployment shop", "patch *v1.Service shop", record}, asked); diff != "" {
		t.Errorf("R26 the rollout start (-want +got):\n%s", diff)
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
		t.Errorf("before the cache shows them: behind %v, requests %v", outcome.Behind, asked)
	}
	s.clock.Step(moment)
	outcome, asked = s.take(t, state)
	if diff := cmp.Diff([]string{"get AppStack shop", "get Deployment shop"}, asked); diff != "" || !outcome.Again {
		t.Errorf("after a moment they are looked up: again %v (-want +got):\n%s", outcome.Again, diff)
	}
}

// moment is longer than a name lookup stays valid.
const moment = 3 * time.Second

// TestNamesAreLookedAtAgain checks when a free name is looked up again.
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
				t.Errorf("R26 requests (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNamesThatAreTaken checks that nothing is written if a name is taken between the lookup and
// the write.
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

// TestMovesThatFindNames checks that no rollout starts if it would adopt an object that somebody
// else created, and that the problem names the object.
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
				t.Errorf("R4 a rollout has started: %v", asked)
			}
		})
	}
}

// TestMovesOfAnEarlierSpec checks that no rollout starts for a spec that has changed since the dry
// run.
func TestMovesOfAnEarlierSpec(t *testing.T) {
	stack, state := newStack()
	now := stack.DeepCopy()
	now.Generation++
	s := newServer(t, now)
	outcome, asked := s.take(t, state)
	if !outcome.Again || len(outcome.Done) > 0 || slices.Contains(asked, "create *v1.ControllerRevision shop-1") {
		t.Errorf("again: %v, done: %v, requests: %v", outcome.Again, outcome.Done, asked)
	}
}

// TestStacksThatAreGone checks that the children of a deleted stack are not adopted by a reconcile
// whose cache still shows the stack, even if another reconcile has just written (R27).
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
		t.Errorf("R27 again: %v, done: %v, requests: %v", outcome.Again, outcome.Done, asked)
	}
}

// TestSuccessIsRecordedAsItIs checks that the success of a rollout is recorded even if the spec has
// changed since, and that every other write reads the stack first.
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
				t.Errorf("requests: %v, current: %t, want a read of the stack: %t", asked, outcome.Current, test.looks)
			}
		})
	}
}

// TestNumbersThatAreTaken checks which existing record may already have the next revision number.
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
