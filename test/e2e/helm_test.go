// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package e2e_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/appstack-dev/appstack/test/kubectl"
)

var _ = Describe("the Helm chart", Serial, func() {
	It("replaces kustomize, is upgraded, is restricted to namespaces, and is uninstalled without harm to stacks", func(ctx SpecContext) {
		w, other := newWorld(ctx, nil), newWorld(ctx, nil)
		w.apply(oneLine("v1", replicas(2)))
		w.becomesReady(ctx)
		before := w.settled(ctx)
		DeferCleanup(install)
		file := filepath.Join("testdata", "prometheus-operator.yaml")
		kubectl.ApplyDefinitions(file)
		DeferCleanup(func() { kubectl.Run("delete", "-f", file) })
		DeferCleanup(func(ctx SpecContext) {
			output, err := helm(ctx, "uninstall", "appstack", "--namespace", operatorNamespace, "--ignore-not-found", "--wait")
			Expect(err).NotTo(HaveOccurred(), output)
		})

		By("installing over the objects of kustomize, with all add-ons")
		for _, folder := range []string{"prometheus", "grafana", "network-policy"} {
			kubectl.Run("apply", "-k", filepath.Join(root(), "config", folder))
		}
		release(ctx, "--take-ownership", "--server-side=false",
			"--values", filepath.Join(root(), "hack", "helm", "values", "addons.yaml"))
		for _, object := range []string{"servicemonitor", "prometheusrule", "networkpolicy"} {
			Expect(kubectl.Run("get", object, "-n", operatorNamespace, "-o", "name")).NotTo(BeEmpty(), object)
		}
		Expect(may("get", "secrets", "default")).To(BeTrue(), "pullSecrets.enabled")
		w.isLeftAlone(ctx, before)

		By("restricting it to one namespace")
		release(ctx, "--set", "watchNamespaces={"+w.namespace+"}")
		Expect(may("get", "secrets", "default")).To(BeFalse())
		Expect(may("list", "deployments", "default")).To(BeFalse())
		Expect(may("list", "deployments", w.namespace)).To(BeTrue())
		w.patch(`{"spec":{"image":"%sv2"}}`, images)
		Expect(history(w.becomesReady(ctx))[0]).To(Equal("2 SpecChanged Succeeded"))
		other.apply(oneLine("v1"))
		Consistently(ctx, func() int64 { return other.stack(ctx).Status.ObservedGeneration }).Should(BeZero())

		By("extending it to the cluster again")
		release(ctx)
		other.becomesReady(ctx)
		before = w.settled(ctx)

		By("uninstalling")
		_, err := helm(ctx, "uninstall", "appstack", "--namespace", operatorNamespace, "--wait")
		Expect(err).NotTo(HaveOccurred())
		Expect(managers(ctx)).To(BeEmpty())
		_, stderr, err := kubectl.Attempt("", "delete", "crd", crd, "--dry-run=server")
		Expect(err).To(HaveOccurred(), "the CRD and its guard must exist")
		Expect(stderr).To(ContainSubstring("this would delete every AppStack"))
		Consistently(ctx, func() []life { return w.lives(ctx) }).Should(ConsistOf(before))
		Expect(fetch(ctx, w.url(app), "").Body).To(HavePrefix("v2"))

		By("returning to kustomize")
		install(ctx)
		w.isLeftAlone(ctx, before)
	}, SpecTimeout(longSpec))
})

// release installs or upgrades the chart with the image under test.
func release(ctx context.Context, args ...string) {
	GinkgoHelper()
	output, err := helm(ctx, append([]string{"upgrade", "appstack", filepath.Join(root(), "dist", "chart"), "--install",
		"--namespace", operatorNamespace, "--create-namespace", "--reset-values",
		"--set", "image.tag=latest", "--set", "registry.plainHTTP={appstack-registry:5000}"}, args...)...)
	Expect(err).NotTo(HaveOccurred(), output)
	operatorRuns(ctx)
}

// helm runs the helm binary of `make test-e2e`.
func helm(ctx context.Context, args ...string) (string, error) {
	GinkgoHelper()
	output, err := exec.CommandContext(ctx, filepath.Join(root(), "bin", "helm"), args...).CombinedOutput()
	GinkgoWriter.Printf("$ helm %s\n%s", strings.Join(args, " "), output)
	return string(output), err
}

// may reports whether the operator's account has the right in the namespace.
func may(verb, resource, namespace string) bool {
	GinkgoHelper()
	stdout, _, _ := kubectl.Attempt("", "auth", "can-i", verb, resource, "-n", namespace,
		"--as=system:serviceaccount:"+operatorNamespace+":appstack-controller-manager")
	answer := strings.TrimSpace(stdout) // kubectl fails if it is no
	Expect(answer).To(BeElementOf("yes", "no"))
	return answer == "yes"
}
