// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// reasonRecovered is the reason of a success that ends a rollout that had failed.
const reasonRecovered = "Recovered"

// Metrics counts rollouts, rollbacks and image lookups. The number of label values is bounded: no
// label contains the name of a stack, a pod or an image.
type Metrics struct {
	rollouts  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	rollbacks *prometheus.CounterVec
	lookups   *prometheus.HistogramVec
}

// NewMetrics registers the metrics. The number of stacks by condition is read from the reader's
// cache at each scrape, but only after the manager was elected, so that two managers do not count
// the same stacks. watches returns the number of pod watches.
func NewMetrics(
	registry prometheus.Registerer, stacks client.Reader, elected <-chan struct{}, watches func() int,
) (*Metrics, error) {
	m := &Metrics{
		rollouts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "appstack_rollouts_total",
			Help: "Rollouts by how they ended. One that fails counts when that is found, with its reason; " +
				"if it recovers later, it counts as Succeeded too, with the reason Recovered.",
		}, []string{"outcome", "reason"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "appstack_rollout_duration_seconds",
			Help:    "Time from a rollout's start until it succeeded, failed or was superseded.",
			Buckets: []float64{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600},
		}, []string{"outcome"}),
		rollbacks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "appstack_rollbacks_total",
			Help: "Rollbacks that began, by trigger: AutoRollback after a failure, Rollback by spec.rollback.",
		}, []string{"trigger"}),
	}
	m.lookups = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "appstack_image_lookup_duration_seconds",
		Help:    "Time that a look-up of an image in its registry took, by result: Pinned, or the reason of a failure.",
		Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"result"})
	for _, trigger := range []v1alpha1.RolloutTrigger{v1alpha1.TriggerAutoRollback, v1alpha1.TriggerRollback} {
		m.rollbacks.WithLabelValues(string(trigger)) // present from the start, so that rates are correct
	}
	open := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "appstack_pod_watches",
		Help: "Stacks whose pods are watched, because a rollout of theirs is open.",
	}, func() float64 { return float64(watches()) })
	for _, collector := range []prometheus.Collector{m.rollouts, m.durations, m.rollbacks, m.lookups, open, &conditions{stacks, elected}} {
		if err := registry.Register(collector); err != nil {
			return nil, err //nolint:wrapcheck // it names the metric
		}
	}
	return m, nil
}

// Took counts the rollouts that an applied step started or ended.
func (m *Metrics) Took(step model.Step, now time.Time) {
	if start, ok := step.(model.StartRollout); ok {
		trigger := start.Rollout().Trigger
		if trigger == v1alpha1.TriggerAutoRollback || trigger == v1alpha1.TriggerRollback {
			m.rollbacks.WithLabelValues(string(trigger)).Inc()
		}
	}
	ended := model.EndedBy(step)
	if ended == nil {
		return
	}
	outcome, reason := ended.Outcome, ""
	switch {
	case ended.Failed():
		outcome, reason = v1alpha1.OutcomeFailed, ended.Failure.Reason
	case ended.Failure != nil:
		reason = reasonRecovered
	}
	m.rollouts.WithLabelValues(string(outcome), reason).Inc()
	m.durations.WithLabelValues(string(outcome)).Observe(seconds(now.Sub(ended.StartedAt)))
}

// LookedUp counts an image lookup by its result, and observes its duration.
func (m *Metrics) LookedUp(result string, duration time.Duration) {
	m.lookups.WithLabelValues(result).Observe(seconds(duration))
}

// seconds converts a duration for a histogram. It replaces a negative one, after the clock was set
// back, by 0: a decreasing sum would look like a restart of the operator.
func seconds(duration time.Duration) float64 { return max(0, duration.Seconds()) }

// conditions collects the number of stacks by condition.
type conditions struct {
	stacks  client.Reader
	elected <-chan struct{}
}

var stacksByCondition = prometheus.NewDesc("appstack_stacks",
	"Stacks by condition, status and reason.", []string{"condition", "status", "reason"}, nil)

// Describe implements prometheus.Collector.
func (c *conditions) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- stacksByCondition
}

// Collect implements prometheus.Collector.
func (c *conditions) Collect(metrics chan<- prometheus.Metric) {
	select {
	case <-c.elected:
	default:
		return
	}
	var stacks v1alpha1.AppStackList
	ctx, cancel := context.WithTimeout(context.Background(), time.Second) //nolint:forbidigo // a scrape has no context
	defer cancel()
	if err := c.stacks.List(ctx, &stacks, client.UnsafeDisableDeepCopy); err != nil {
		return // the cache is not filled yet
	}
	count := map[[3]string]float64{}
	for i := range stacks.Items {
		for _, condition := range stacks.Items[i].Status.Conditions {
			count[[3]string{condition.Type, string(condition.Status), condition.Reason}]++
		}
	}
	for labels, n := range count {
		metrics <- prometheus.MustNewConstMetric(stacksByCondition, prometheus.GaugeValue, n, labels[0], labels[1], labels[2])
	}
}
