// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package e2e_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/appstack-dev/appstack/test/kubectl"
)

const metricsURL = "https://appstack-controller-manager-metrics." + operatorNamespace + ".svc.cluster.local:8443/metrics"

var _ = Describe("the metrics", func() {
	// token returns the token of a new account in the namespace of the spec.
	token := func(w world, account string) string {
		GinkgoHelper()
		w.kubectl("create", "serviceaccount", account)
		return strings.TrimSpace(w.kubectl("create", "token", account))
	}

	It("are served only to accounts with the right to read them", func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		By("an anonymous client")
		Expect(fetch(ctx, metricsURL, "").Status).To(Equal(401))

		By("an account without the right")
		Expect(fetch(ctx, metricsURL, token(w, "stranger")).Status).To(Equal(403))

		By("an account with it")
		reader := token(w, "prometheus")
		w.mayReadMetrics("prometheus")
		Eventually(ctx, func() fetched { return fetch(ctx, metricsURL, reader) }).Should(And(
			HaveField("Status", 200), HaveField("Body", ContainSubstring("controller_runtime_reconcile_total"))))
	})

	It("include all that the alerts and the dashboard use", func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		w.apply(oneLine("v1"))
		w.becomesReady(ctx)
		w.apply(oneLine("crash-at-start"))
		w.rolledBack(ctx)
		reader := token(w, "prometheus")
		w.mayReadMetrics("prometheus")

		served := sets.New[string]()
		// each request reaches either of the two managers
		Eventually(ctx, func(g Gomega) {
			got := fetch(ctx, metricsURL, reader)
			g.Expect(got.Status).To(Equal(200), got.Error)
			for line := range strings.Lines(got.Body) {
				name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
				name, _, _ = strings.Cut(name, "{")
				served.Insert(name)
			}
			g.Expect(asked().Difference(served).UnsortedList()).To(BeEmpty())
		}).Should(Succeed())
	})
})

// mayReadMetrics grants the account the right to read metrics, until the spec ends.
func (w world) mayReadMetrics(account string) {
	GinkgoHelper()
	name := w.namespace + "-metrics"
	kubectl.Run("create", "clusterrolebinding", name, "--clusterrole=appstack-metrics-reader",
		"--serviceaccount="+w.namespace+":"+account)
	DeferCleanup(func(context.Context) { kubectl.Run("delete", "clusterrolebinding", name) })
}

// metricName matches the names of the operator's metrics and those of its libraries.
var metricName = regexp.MustCompile(`\b(appstack|controller_runtime|leader_election|workqueue|rest_client|process|go)_[a-z_]+\b`)

// asked returns the metrics in the queries of config/prometheus and config/grafana.
func asked() sets.Set[string] {
	GinkgoHelper()
	all := sets.New[string]()
	for _, file := range []string{"prometheus/alerts.yaml", "grafana/dashboard.json"} {
		text, err := os.ReadFile(filepath.Join(root(), "config", filepath.FromSlash(file)))
		Expect(err).NotTo(HaveOccurred())
		for _, expression := range regexp.MustCompile(`(?m)^\s*(?:- )?"?expr"?:.*(?:\n\s{8,}.*)*`).FindAllString(string(text), -1) {
			all.Insert(metricName.FindAllString(expression, -1)...)
		}
	}
	Expect(all).NotTo(BeEmpty())
	return all
}
