// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package controller

import (
	"context"
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/test/fixture"
)

// desk is a reconciler with an API server that has one stack.
type desk struct {
	*Reconciler
	clock *clocktesting.FakeClock
	// writes counts the statuses written; refusal is the API server's error for the next write.
	writes  int
	refusal error
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	scheme, err := Scheme()
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{clock: clocktesting.NewFakeClock(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))}
	d.Reconciler = &Reconciler{
		Memory: &memory.Memory{},
		Clock:  d.clock,
		Client: fake.NewClientBuilder().WithScheme(scheme).
			WithObjects(fixture.Stack("shop")).WithStatusSubresource(&v1alpha1.AppStack{}).
			WithInterceptorFuncs(interceptor.Funcs{SubResourcePatch: func(
				ctx context.Context, c client.Client, name string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption,
			) error {
				if err := d.refusal; err != nil {
					d.refusal = nil
					return err
				}
				d.writes++
				return c.SubResource(name).Patch(ctx, object, patch, options...)
			}}).Build(),
	}
	return d
}

// stack returns the stack from the API server.
func (d *desk) stack(t *testing.T) *v1alpha1.AppStack {
	t.Helper()
	stack := &v1alpha1.AppStack{}
	if err := d.Client.Get(t.Context(), client.ObjectKey{Namespace: fixture.Namespace, Name: "shop"}, stack); err != nil {
		t.Fatal(err)
	}
	return stack
}

// last returns the remembered status of the stack.
func (d *desk) last(stack *v1alpha1.AppStack) *memory.Status { return &d.Memory.Of(stack).Status }

// counts returns a status that differs only in the number of ready pods.
func counts(summary string) v1alpha1.AppStackStatus {
	return v1alpha1.AppStackStatus{ReadySummary: summary, Revision: 1}
}

// ready returns the same status with a true Ready condition.
func ready(summary string) v1alpha1.AppStackStatus {
	status := counts(summary)
	status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "Succeeded"}}
	return status
}

// act is a reconcile that has a status to write, after some time.
type act struct {
	after  time.Duration
	status v1alpha1.AppStackStatus
	// wrote: the reconcile wrote something. behind: the cache is stale, so only a held status may
	// be written.
	wrote, behind bool
	// due is the delay until the next status write; shown is the status in the API server
	// afterwards.
	due   time.Duration
	shown string
}

func TestStatuses(t *testing.T) {
	tests := map[string]struct {
		acts   []act
		writes int
	}{
		"the first is written at once, and the same one not again": {[]act{
			{status: counts("0/3"), shown: "0/3"}, {status: counts("0/3"), shown: "0/3"},
		}, 1},
		"numbers are reported once a second": {[]act{
			{status: counts("0/3"), shown: "0/3"},
			{after: 300 * time.Millisecond, status: counts("1/3"), due: 700 * time.Millisecond, shown: "0/3"},
			{after: 300 * time.Millisecond, status: counts("2/3"), due: 400 * time.Millisecond, shown: "0/3"},
			{after: 400 * time.Millisecond, status: counts("2/3"), shown: "2/3"},
		}, 2},
		"a changed condition is written at once": {[]act{
			{status: counts("0/3"), shown: "0/3"},
			{after: time.Millisecond, status: ready("3/3"), shown: "3/3"},
			{after: time.Millisecond, status: counts("2/3"), shown: "2/3"},
		}, 3},
		"numbers that revert are not written": {[]act{
			{status: counts("3/3"), shown: "3/3"},
			{after: 100 * time.Millisecond, status: counts("2/3"), due: 900 * time.Millisecond, shown: "3/3"},
			{after: 100 * time.Millisecond, status: counts("3/3"), shown: "3/3"},
		}, 1},
		"a clock that is set back delays nothing": {[]act{
			{status: counts("0/3"), shown: "0/3"},
			{after: -time.Hour, status: counts("1/3"), shown: "1/3"},
		}, 2},
		"a reconcile that wrote leaves the status to the next one": {[]act{
			{status: counts("0/3"), wrote: true, due: statusInterval, shown: ""},
			{after: 10 * time.Millisecond, status: ready("3/3"), shown: "3/3"},
		}, 1},
		"a held status is written if the cache stays behind": {[]act{
			{status: counts("0/3"), wrote: true, due: statusInterval, shown: ""},
			{after: 900 * time.Millisecond, behind: true, due: 100 * time.Millisecond, shown: ""},
			{after: 100 * time.Millisecond, behind: true, shown: "0/3"},
			{behind: true, shown: "0/3"},
		}, 1},
		"a held status is written if every reconcile writes": {[]act{
			{status: counts("0/3"), wrote: true, due: statusInterval, shown: ""},
			{after: 900 * time.Millisecond, status: counts("1/3"), wrote: true, due: 100 * time.Millisecond, shown: ""},
			{after: 100 * time.Millisecond, status: counts("2/3"), wrote: true, shown: "2/3"},
			{after: 100 * time.Millisecond, status: counts("3/3"), wrote: true, due: statusInterval, shown: "2/3"},
		}, 1},
		"a newer status replaces the held one": {[]act{
			{status: counts("0/3"), wrote: true, due: statusInterval, shown: ""},
			{status: counts("1/3"), shown: "1/3"},
			{behind: true, shown: "1/3"},
		}, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			for i, act := range test.acts {
				d.clock.SetTime(d.clock.Now().Add(act.after))
				var due time.Duration
				var err error
				switch stack := d.stack(t); {
				case act.behind:
					due, err = d.flush(t.Context(), stack, d.last(stack))
				case act.wrote:
					due, err = d.hold(t.Context(), stack, d.last(stack), act.status)
				default:
					due, err = d.write(t.Context(), stack, d.last(stack), act.status)
				}
				if shown := d.stack(t).Status.ReadySummary; err != nil || due != act.due || shown != act.shown {
					t.Fatalf("reconcile %d: due in %v, shown %q, error %v; want %v, %q", i, due, shown, err, act.due, act.shown)
				}
			}
			if d.writes != test.writes {
				t.Errorf("%d writes, want %d", d.writes, test.writes)
			}
		})
	}
}

// TestStatusBehindTheCache checks that no status is written while the cache shows the stack as it
// was before the last write: it would conflict.
func TestStatusBehindTheCache(t *testing.T) {
	d := newDesk(t)
	before := d.stack(t)
	if _, err := d.write(t.Context(), before, d.last(before), counts("0/3")); err != nil {
		t.Fatal(err)
	}
	if due, err := d.write(t.Context(), before, d.last(before), ready("3/3")); err != nil || due != cacheDelay || d.writes != 1 {
		t.Errorf("due in %v, error %v, %d writes, want %v and 1", due, err, d.writes, cacheDelay)
	}
	d.clock.Step(maxCacheLag)
	if due, err := d.write(t.Context(), before, d.last(before), ready("3/3")); err != nil || due != retryDelay || d.writes != 2 {
		t.Errorf("written after %v: due in %v, error %v, %d writes, want a conflict", maxCacheLag, due, err, d.writes)
	}
}

// TestStatusOfAnEarlierStack checks that the held status of a deleted stack is not written to a new
// stack of the same name.
func TestStatusOfAnEarlierStack(t *testing.T) {
	d := newDesk(t)
	earlier := d.stack(t)
	earlier.UID = "earlier"
	if _, err := d.hold(t.Context(), earlier, d.last(earlier), ready("3/3")); err != nil {
		t.Fatal(err)
	}
	d.clock.Step(statusInterval)
	if _, err := d.flush(t.Context(), d.stack(t), d.last(d.stack(t))); err != nil || d.writes > 0 {
		t.Errorf("error %v, %d writes, want none", err, d.writes)
	}
	if due, err := d.hold(t.Context(), d.stack(t), d.last(d.stack(t)), counts("0/3")); due != statusInterval || err != nil {
		t.Errorf("next: due in %v, error %v, want %v", due, err, statusInterval)
	}
	d.clock.Step(statusInterval)
	if _, err := d.flush(t.Context(), d.stack(t), d.last(d.stack(t))); err != nil || d.stack(t).Status.ReadySummary != "0/3" {
		t.Errorf("error %v, the status is %q, want its own", err, d.stack(t).Status.ReadySummary)
	}
}

// TestStatusIsHeldUntilItIsTold checks that a held status is written once the API server accepts
// it, even if the cache is stale in every reconcile.
func TestStatusIsHeldUntilItIsTold(t *testing.T) {
	resource := schema.GroupResource{Group: v1alpha1.GroupName, Resource: "appstacks"}
	tests := map[string]struct {
		refusal error
		// cached: the cache shows the stack as it was before the last status write
		cached bool
		fails  bool
	}{
		"the cache shows the last one later": {nil, true, false},
		"the stack has changed":              {apierrors.NewConflict(resource, "shop", errors.New("changed")), false, false},
		"the API server fails":               {apierrors.NewInternalError(errors.New("oops")), false, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			shown := d.stack(t)
			if _, err := d.write(t.Context(), shown, d.last(shown), counts("0/3")); err != nil {
				t.Fatal(err)
			}
			if !test.cached {
				shown = d.stack(t)
			}
			if _, err := d.hold(t.Context(), shown, d.last(shown), ready("3/3")); err != nil {
				t.Fatal(err)
			}
			d.refusal = test.refusal
			d.clock.Step(statusInterval)
			if _, err := d.flush(t.Context(), shown, d.last(shown)); (err != nil) != test.fails || d.writes != 1 {
				t.Fatalf("error %v, %d writes, want an error: %v", err, d.writes, test.fails)
			}
			if _, err := d.flush(t.Context(), d.stack(t), d.last(d.stack(t))); err != nil || d.stack(t).Status.ReadySummary != "3/3" {
				t.Errorf("error %v, the status is %q, want the held one", err, d.stack(t).Status.ReadySummary)
			}
		})
	}
}

func TestStatusThatIsRefused(t *testing.T) {
	resource := schema.GroupResource{Group: v1alpha1.GroupName, Resource: "appstacks"}
	tests := map[string]struct {
		refusal error
		due     time.Duration
		fails   bool
	}{
		"the stack has changed": {apierrors.NewConflict(resource, "shop", errors.New("changed")), retryDelay, false},
		"the stack is gone":     {apierrors.NewNotFound(resource, "shop"), retryDelay, false},
		"the API server fails":  {apierrors.NewInternalError(errors.New("oops")), 0, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.refusal = test.refusal
			if due, err := d.write(t.Context(), d.stack(t), d.last(d.stack(t)), counts("1/3")); due != test.due || (err != nil) != test.fails {
				t.Errorf("due in %v, error %v, want %v and an error: %v", due, err, test.due, test.fails)
			}
			if due, err := d.write(t.Context(), d.stack(t), d.last(d.stack(t)), counts("1/3")); due != 0 || err != nil || d.writes != 1 {
				t.Errorf("the next try: due in %v, error %v, %d writes", due, err, d.writes)
			}
		})
	}
}

func TestStatusesForgetSettledStacks(t *testing.T) {
	d := newDesk(t)
	for range 2 {
		if _, err := d.write(t.Context(), d.stack(t), d.last(d.stack(t)), counts("3/3")); err != nil {
			t.Fatal(err)
		}
		d.clock.Step(maxCacheLag)
	}
	if left := *d.last(d.stack(t)); left != (memory.Status{}) {
		t.Errorf("%+v is remembered, want nothing", left)
	}
}

func TestPassing(t *testing.T) {
	step := []model.Step{model.WriteChild{}}
	record := []model.Step{model.StartRollout{}, model.UpdateRevision{}}
	tests := map[string]struct {
		outcome model.Outcome
		want    bool
	}{
		"nothing was written":                        {model.Outcome{}, false},
		"something was":                              {model.Outcome{Done: step}, true},
		"only a revision record was written":         {model.Outcome{Done: record}, false},
		"a revision record and a child were written": {model.Outcome{Done: append(record, step...)}, true},
		"the cache does not show the creation yet":   {model.Outcome{Behind: true}, true},
		"a problem is reported":                      {model.Outcome{Done: step, Problem: &model.Problem{}}, false},
		"a deleted stack of the same name remains":   {model.Outcome{Done: step, Predecessor: "Deployment"}, false},
		"only another reconcile is due":              {model.Outcome{Again: true}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := passing(test.outcome); got != test.want {
				t.Errorf("passing = %v, want %v", got, test.want)
			}
		})
	}
}
