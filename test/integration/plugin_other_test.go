// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/cli"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("the plugin: version", func() {
	It("shows the plugin's, the cluster's and the operator's", func() {
		stdout, stderr, code := appstack("version")
		Expect(code).To(BeZero())
		Expect(stdout).To(MatchRegexp(`^Client +test\nServer +v1\.\d+\.\d+.*\n$`))
		Expect(stderr).To(ContainSubstring("operator: not found in the cluster"))

		By("finding the operator by its Deployment")
		manager := legacyDeployment("manager")
		manager.SetLabels(map[string]string{"app.kubernetes.io/name": "appstack", "app.kubernetes.io/component": "manager"})
		Expect(k8s.Create(ctx, manager)).To(Succeed())
		DeferCleanup(func() { Expect(k8s.Delete(ctx, manager, client.GracePeriodSeconds(0))).To(Succeed()) })
		stdout, stderr, code = appstack("version")
		Expect(code).To(BeZero())
		Expect(stdout).To(ContainSubstring("Operator  legacy:1 (" + namespace + "/manager)\n"))
		Expect(stderr).To(BeEmpty())
	})

	It("writes it for programs", func() {
		v := read[map[string]any](does("version", "-o", "json"))
		Expect(v).To(And(HaveKeyWithValue("client", "test"), HaveKeyWithValue("server", HavePrefix("v1.")), HaveKey("unknown")))
		Expect(read[map[string]any](does("version", "-o", "yaml"))).To(Equal(v))
		Expect(refuses("version", "-o", "bogus")).To(ContainSubstring("--output bogus: must be one of json, yaml"))
	})

	It("--client asks no cluster", func() {
		stdout, stderr, code := plugin{kubeconfig: "/nowhere/kubeconfig"}.output("version", "--client")
		Expect(code).To(BeZero(), stderr)
		Expect(stdout).To(Equal("Client    test\n"))
		Expect(read[map[string]string](does("version", "--client", "-o", "json"))).To(Equal(map[string]string{"client": "test"}))
	})
})

var _ = Describe("the plugin: completion", func() {
	// completes returns the completions for the shell, followed by the number of cobra's
	// completion directive.
	completes := func(args ...string) string {
		GinkgoHelper()
		return does(append([]string{"__complete"}, args...)...)
	}

	It("knows the names of stacks, and their states", func() {
		created()
		Expect(k8s.Create(ctx, fixture.Stack("other", fixture.InNamespace(namespace), fixture.Paused(true)))).To(Succeed())
		for _, command := range []string{"status", "history", "diff", "why", "logs", "wait", "set-image", "rollback", "resume-spec", "restart",
			"scale", "pause", "resume", "export"} {
			Expect(completes(command, "")).To(And(ContainSubstring("my-app\t"), ContainSubstring("other\t")), command)
		}
		Expect(completes("status", app, "")).NotTo(ContainSubstring("other"), "the command takes one name")
	})

	It("knows revisions, newest first", func() {
		created()
		released(fixture.Image("my-app:2"))
		const two = "2\tmy-app:2, Succeeded\n1\tmy-app:1, Succeeded\n"
		Expect(completes("rollback", app, "--to-revision", "")).To(HavePrefix(two))
		Expect(completes("history", app, "--revision", "")).To(HavePrefix(two))
		Expect(completes("logs", app, "--revision", "")).To(HavePrefix(two))
		Expect(completes("diff", app, "")).To(HavePrefix(two))
		Expect(completes("diff", app, "1", "")).To(HavePrefix(two))
	})

	It("knows components, and words", func() {
		create(fixture.Component("worker", 1, nil, "work"))
		Expect(completes("set-image", app, "")).To(HavePrefix("main=\nworker=\n"))
		Expect(completes("scale", app, "")).To(HavePrefix("main=\nworker=\n"))
		Expect(completes("logs", app, "")).To(HavePrefix("main\nworker\n"))
		Expect(completes("set-image", app, "--dry-run=")).To(ContainSubstring("server"))
		Expect(completes("history", app, "-o", "")).To(ContainSubstring("json"))
		Expect(completes("status", app, "--namespace", "")).To(ContainSubstring(namespace + "\n"))
		Expect(completes("status", app, "--context", "")).To(HavePrefix("envtest\n"))
	})

	It("is silent where there is nothing, and where the cluster does not answer", func() {
		Expect(completes("status", "")).To(HavePrefix(":4\n"))
		Expect(completes("rollback", "other", "--to-revision", "")).To(HavePrefix(":4\n"))
		stdout, _, code := plugin{kubeconfig: "/nowhere/kubeconfig"}.output("__complete", "status", "")
		Expect(code).To(BeZero())
		Expect(stdout).To(HavePrefix(":4\n"))
	})
})

var _ = Describe("the plugin: what is not there", func() {
	It("is named, with a way on", func() {
		_, stderr, code := plugin{kubeconfig: "/nowhere/kubeconfig"}.output("status", app)
		Expect(code).To(Equal(cli.ExitError))
		Expect(stderr).To(ContainSubstring("/nowhere/kubeconfig"))
		Expect(refuses("stat", app)).To(ContainSubstring("stat"))
		Expect(refuses("status", app, "--no-such-flag")).To(ContainSubstring("--no-such-flag"))
	})

	It("is told of a namespace that another one is", func() {
		elsewhere := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "other-"}}
		Expect(k8s.Create(ctx, elsewhere)).To(Succeed())
		create()
		Expect(refuses("status", app, "-n", elsewhere.Name)).To(ContainSubstring(
			`AppStack "my-app" not found in namespace ` + elsewhere.Name + ": see kubectl appstack list -A"))
	})
})
