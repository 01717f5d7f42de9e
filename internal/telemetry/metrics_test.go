// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/telemetry"
	. "github.com/appstack-dev/appstack/test/fixture"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// cache is a reader of these stacks, which fails until it is filled.
type cache struct {
	client.Reader
	stacks []*v1alpha1.AppStack
	empty  error
}

func (c *cache) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	if c.empty != nil {
		return c.empty
	}
	into, ok := list.(*v1alpha1.AppStackList)
	if !ok {
		return fmt.Errorf("a %T is read, want stacks", list)
	}
	for _, stack := range c.stacks {
		into.Items = append(into.Items, *stack)
	}
	return nil
}

// elected returns a closed channel, as for a manager that leads.
func elected() <-chan struct{} {
	closed := make(chan struct{})
	close(closed)
	return closed
}

// metrics returns the metrics of an operator that watches the pods of two stacks.
func metrics(t *testing.T, stacks ...*v1alpha1.AppStack) (*telemetry.Metrics, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	made, err := telemetry.NewMetrics(registry, &cache{stacks: stacks}, elected(), func() int { return 2 })
	if err != nil {
		t.Fatal(err)
	}
	return made, registry
}

// gathered returns the samples of the families by series name; for a histogram, its count and its
// sum.
func gathered(t *testing.T, registry prometheus.Gatherer, families ...string) map[string]float64 {
	t.Helper()
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	samples := map[string]float64{}
	for _, family := range all {
		if !slices.Contains(families, family.GetName()) {
			continue
		}
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, label := range metric.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", label.GetName(), label.GetValue()))
			}
			name := func(suffix string) string {
				if len(labels) == 0 {
					return family.GetName() + suffix
				}
				return family.GetName() + suffix + "{" + strings.Join(labels, ",") + "}"
			}
			switch {
			case metric.GetCounter() != nil:
				samples[name("")] = metric.GetCounter().GetValue()
			case metric.GetGauge() != nil:
				samples[name("")] = metric.GetGauge().GetValue()
			case metric.GetHistogram() != nil:
				samples[name("_count")] = float64(metric.GetHistogram().GetSampleCount())
				samples[name("_sum")] = metric.GetHistogram().GetSampleSum()
			}
		}
	}
	return samples
}

func started(trigger v1alpha1.RolloutTrigger) model.StartRollout {
	return model.StartRollout{Revision: model.Revision{Record: model.Record{
		Rollouts: []model.Rollout{{Trigger: trigger, StartedAt: noon}},
	}}}
}

// left is a step after which the rollout has this outcome.
func left(outcome v1alpha1.RolloutOutcome, reason string) model.Step {
	rollout := &model.Rollout{Outcome: outcome, StartedAt: noon}
	if reason != "" {
		rollout.Failure = &model.Failure{Reason: reason, Component: "main", Pod: "shop-x7f2"}
	}
	return model.UpdateRevision{Ended: rollout}
}

func TestRollouts(t *testing.T) {
	const (
		total    = "appstack_rollouts_total"
		duration = "appstack_rollout_duration_seconds"
	)
	tests := map[string]struct {
		steps []model.Step
		want  map[string]float64
	}{
		"none": {nil, map[string]float64{}},
		"steps that end nothing": {
			[]model.Step{model.WriteChild{}, started(v1alpha1.TriggerSpecChanged)}, map[string]float64{},
		},
		"R6 one that succeeds": {
			[]model.Step{left(v1alpha1.OutcomeSucceeded, "")},
			map[string]float64{
				total + `{outcome="Succeeded",reason=""}`: 1,
				duration + `_count{outcome="Succeeded"}`:  1, duration + `_sum{outcome="Succeeded"}`: 90,
			},
		},
		"R17 one that is found to fail": {
			[]model.Step{left(v1alpha1.OutcomeProgressing, v1alpha1.FailureCrashLoopBackOff)},
			map[string]float64{
				total + `{outcome="Failed",reason="CrashLoopBackOff"}`: 1,
				duration + `_count{outcome="Failed"}`:                  1, duration + `_sum{outcome="Failed"}`: 90,
			},
		},
		"R17 each reason for itself": {
			[]model.Step{
				left(v1alpha1.OutcomeProgressing, v1alpha1.FailureCrashLoopBackOff), left(v1alpha1.OutcomeProgressing, v1alpha1.FailureRejected),
				left(v1alpha1.OutcomeProgressing, v1alpha1.FailureRejected),
			},
			map[string]float64{
				total + `{outcome="Failed",reason="CrashLoopBackOff"}`: 1, total + `{outcome="Failed",reason="Rejected"}`: 2,
				duration + `_count{outcome="Failed"}`: 3, duration + `_sum{outcome="Failed"}`: 270,
			},
		},
		"R14 one that recovers": {
			[]model.Step{left(v1alpha1.OutcomeSucceeded, v1alpha1.FailureCrashLoopBackOff)},
			map[string]float64{
				total + `{outcome="Succeeded",reason="Recovered"}`: 1,
				duration + `_count{outcome="Succeeded"}`:           1, duration + `_sum{outcome="Succeeded"}`: 90,
			},
		},
		"R5 one that is superseded": {
			[]model.Step{left(v1alpha1.OutcomeSuperseded, "")},
			map[string]float64{
				total + `{outcome="Superseded",reason=""}`: 1,
				duration + `_count{outcome="Superseded"}`:  1, duration + `_sum{outcome="Superseded"}`: 90,
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m, registry := metrics(t)
			for _, step := range test.steps {
				m.Took(step, noon.Add(90*time.Second))
			}
			if diff := cmp.Diff(test.want, gathered(t, registry, total, duration)); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
		})
	}
}

// TestClockIsSetBack checks that the sum of durations never decreases, which would look like a
// restart of the operator.
func TestClockIsSetBack(t *testing.T) {
	const duration = "appstack_rollout_duration_seconds"
	m, registry := metrics(t)
	m.Took(left(v1alpha1.OutcomeSucceeded, ""), noon.Add(-time.Hour))
	m.LookedUp(v1alpha1.ReasonImagesPinned, -time.Hour)
	want := map[string]float64{
		duration + `_count{outcome="Succeeded"}`: 1, duration + `_sum{outcome="Succeeded"}`: 0,
		`appstack_image_lookup_duration_seconds_count{result="Pinned"}`: 1,
		`appstack_image_lookup_duration_seconds_sum{result="Pinned"}`:   0,
	}
	if diff := cmp.Diff(want, gathered(t, registry, duration, "appstack_image_lookup_duration_seconds")); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func TestRollbacks(t *testing.T) {
	m, registry := metrics(t)
	want := map[string]float64{
		`appstack_rollbacks_total{trigger="AutoRollback"}`: 0, // exists before the first rollback, for rate()
		`appstack_rollbacks_total{trigger="Rollback"}`:     0,
	}
	if diff := cmp.Diff(want, gathered(t, registry, "appstack_rollbacks_total")); diff != "" {
		t.Errorf("at the start (-want +got):\n%s", diff)
	}
	for trigger, times := range map[v1alpha1.RolloutTrigger]int{
		v1alpha1.TriggerAutoRollback: 2, v1alpha1.TriggerRollback: 1, v1alpha1.TriggerSpecChanged: 4, v1alpha1.TriggerRestart: 8,
	} {
		for range times {
			m.Took(started(trigger), noon)
		}
	}
	want = map[string]float64{
		`appstack_rollbacks_total{trigger="AutoRollback"}`: 2,
		`appstack_rollbacks_total{trigger="Rollback"}`:     1,
	}
	if diff := cmp.Diff(want, gathered(t, registry, "appstack_rollbacks_total")); diff != "" {
		t.Errorf("rollbacks (-want +got):\n%s", diff)
	}
}

// TestOneStepEndsAndBegins checks a rollback that starts while another rollout is in progress.
func TestOneStepEndsAndBegins(t *testing.T) {
	m, registry := metrics(t)
	step := started(v1alpha1.TriggerRollback)
	step.Ended = &model.Rollout{Outcome: v1alpha1.OutcomeSuperseded, StartedAt: noon}
	m.Took(step, noon.Add(time.Minute))
	want := map[string]float64{
		`appstack_rollouts_total{outcome="Superseded",reason=""}`: 1,
		`appstack_rollbacks_total{trigger="AutoRollback"}`:        0,
		`appstack_rollbacks_total{trigger="Rollback"}`:            1,
	}
	if diff := cmp.Diff(want, gathered(t, registry, "appstack_rollouts_total", "appstack_rollbacks_total")); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

// stack returns a stack with these conditions, each as type, status and reason.
func stack(name string, conditions ...[3]string) *v1alpha1.AppStack {
	made := Stack(name)
	for _, c := range conditions {
		made.Status.Conditions = append(made.Status.Conditions, metav1.Condition{
			Type: c[0], Status: metav1.ConditionStatus(c[1]), Reason: c[2], Message: "of " + name,
		})
	}
	return made
}

func TestStacksByCondition(t *testing.T) {
	_, registry := metrics(t,
		stack("new"),
		stack("shop", [3]string{"Ready", "True", "Succeeded"}, [3]string{"Available", "True", "PodsAvailable"}),
		stack("blog", [3]string{"Ready", "True", "Succeeded"}, [3]string{"Available", "True", "PodsAvailable"}),
		stack("wiki", [3]string{"Ready", "False", "RolledBack"}, [3]string{"Available", "True", "PodsAvailable"},
			[3]string{"Stalled", "True", "RolledBack"}))
	want := map[string]float64{
		`appstack_stacks{condition="Available",reason="PodsAvailable",status="True"}`: 3,
		`appstack_stacks{condition="Ready",reason="RolledBack",status="False"}`:       1,
		`appstack_stacks{condition="Ready",reason="Succeeded",status="True"}`:         2,
		`appstack_stacks{condition="Stalled",reason="RolledBack",status="True"}`:      1,
		`appstack_pod_watches`: 2,
	}
	if diff := cmp.Diff(want, gathered(t, registry, "appstack_stacks", "appstack_pod_watches")); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

// TestScrapeBeforeTheCacheIsFilled checks that all other metrics are available.
func TestScrapeBeforeTheCacheIsFilled(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	if _, err := telemetry.NewMetrics(registry, &cache{empty: errors.New("not filled")}, elected(), func() int { return 0 }); err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"appstack_pod_watches": 0}
	if diff := cmp.Diff(want, gathered(t, registry, "appstack_stacks", "appstack_pod_watches")); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

// TestOneWaitingToLead checks that a manager that does not lead counts no stacks.
func TestOneWaitingToLead(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	stacks := &cache{stacks: []*v1alpha1.AppStack{stack("shop", [3]string{"Ready", "True", "Succeeded"})}}
	if _, err := telemetry.NewMetrics(registry, stacks, make(chan struct{}), func() int { return 0 }); err != nil {
		t.Fatal(err)
	}
	if got := gathered(t, registry, "appstack_stacks"); len(got) > 0 {
		t.Errorf("a manager that does not lead reports %v", got)
	}
}

// TestLabels fails if the number of series would grow with the number of stacks or of their pods.
func TestLabels(t *testing.T) {
	m, registry := metrics(t, stack("shop", [3]string{"Ready", "True", "Succeeded"}))
	m.Took(left(v1alpha1.OutcomeProgressing, v1alpha1.FailureCrashLoopBackOff), noon)
	step := started(v1alpha1.TriggerAutoRollback)
	step.Name, step.Reason = "shop-2", "revision 2 failed"
	m.Took(step, noon)

	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			var names []string
			for _, label := range metric.GetLabel() {
				names = append(names, label.GetName())
				if strings.Contains(label.GetValue(), "shop") {
					t.Errorf("%s has %s=%q, which names an object", family.GetName(), label.GetName(), label.GetValue())
				}
			}
			got[family.GetName()] = names
		}
	}
	want := map[string][]string{
		"appstack_rollouts_total":           {"outcome", "reason"},
		"appstack_rollout_duration_seconds": {"outcome"},
		"appstack_rollbacks_total":          {"trigger"},
		"appstack_stacks":                   {"condition", "reason", "status"},
		"appstack_pod_watches":              nil,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

// TestMetricsAreRegisteredOnce checks that a second registration is an error, rather than metrics
// that nobody gathers.
func TestMetricsAreRegisteredOnce(t *testing.T) {
	_, registry := metrics(t)
	if _, err := telemetry.NewMetrics(registry, &cache{}, elected(), func() int { return 0 }); err == nil {
		t.Error("registered twice without an error")
	}
}
