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

// described matches a description's text: the name and the labels are not accessible otherwise.
var described = regexp.MustCompile(`^Desc\{fqName: "([^"]+)", .*, variableLabels: \{([^}]*)\}\}$`)

// TestNamesOfMetrics fails if a metric is renamed or gets other labels, in this project or in
// controller-runtime: alerts and dashboards use them. hack/monitoring/check compares them with this
// golden file.
func TestNamesOfMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	if _, err := telemetry.NewMetrics(registry, &cache{}, elected(), func() int { return 0 }); err != nil {
		t.Fatal(err)
	}
	collectors := []prometheus.Collector{registry}
	if others, ok := runtimemetrics.Registry.(prometheus.Collector); ok {
		collectors = append(collectors, others)
	} else {
		t.Fatal("controller-runtime no longer describes its metrics")
	}
	golden.Compare(t, "testdata/metrics.txt", strings.Join(names(t, collectors), "\n")+"\n")
}

// names returns the names and labels of the collectors' metrics. Those of Go and of the process are
// left out: they differ between Go versions and platforms.
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
			t.Errorf("unexpected form of a description: %s", description)
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
