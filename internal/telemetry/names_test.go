// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package telemetry_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	_ "sigs.k8s.io/controller-runtime/pkg/controller" // registers its metrics
	runtimemetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/appstack-dev/appstack/internal/telemetry"
	"github.com/appstack-dev/appstack/test/golden"
)

// described is a description's text, of which the name and the labels are needed: there is no other way to them.
var described = regexp.MustCompile(`^Desc\{fqName: "([^"]+)", .*, variableLabels: \{([^}]*)\}\}$`)

// TestNamesOfMetrics fails where a metric is renamed, by us or by a newer controller-runtime, or gets other labels:
// alerts and dashboards go by these. hack/monitoring/check compares them with this golden file.
func TestNamesOfMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	if _, err := telemetry.NewMetrics(registry, &cache{}, elected(), func() int { return 0 }); err != nil {
		t.Fatal(err)
	}
	collectors := []prometheus.Collector{registry}
	if others, ok := runtimemetrics.Registry.(prometheus.Collector); ok {
		collectors = append(collectors, others)
	} else {
		t.Fatal("controller-runtime does not describe its metrics any more")
	}
	golden.Compare(t, "testdata/metrics.txt", strings.Join(names(t, collectors), "\n")+"\n")
}

// names are those of the collectors' metrics, with their labels. Those of Go and of the process are left out: they are
// other ones with each version of Go, and on each system.
func names(t *testing.T, collectors []prometheus.Collector) []string {
	t.Helper()
	descriptions := make(chan *prometheus.Desc)
	go func() {
		for _, collector := range collectors {
			collector.Describe(descriptions)
		}
		close(descriptions)
	}()
	var all []string
	for description := range descriptions {
		found := described.FindStringSubmatch(description.String())
		if found == nil {
			t.Errorf("a description is of another form: %s", description)
			continue
		}
		name, labels := found[1], strings.Split(found[2], ",")
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		slices.Sort(labels)
		all = append(all, name+"{"+strings.Join(labels, ",")+"}")
	}
	slices.Sort(all)
	return all
}
