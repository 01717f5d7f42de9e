// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package e2e_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/kubectl"
)

var _ = Describe("the built-in roles", func() {
	It("let an editor release and roll back, and a viewer read", func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		const editor, viewer, stranger = "erin", "vic", "sam"
		w.kubectl("create", "rolebinding", "editors", "--clusterrole=edit", "--user="+editor)
		w.kubectl("create", "rolebinding", "viewers", "--clusterrole=view", "--user="+viewer)
		// as returns kubectl as that user, in the namespace of the spec.
		as := func(user, input string, args ...string) (string, error) {
			GinkgoHelper()
			stdout, stderr, err := kubectl.Attempt(input, append([]string{"--namespace", w.namespace, "--as", user}, args...)...)
			return stdout + stderr, err
		}
		may := func(user string, args ...string) {
			GinkgoHelper()
			output, err := as(user, "", args...)
			Expect(err).NotTo(HaveOccurred(), output)
		}
		mayNot := func(user string, args ...string) {
			GinkgoHelper()
			output, err := as(user, "", args...)
			Expect(err).To(HaveOccurred(), output)
			Expect(output).To(ContainSubstring("forbidden"))
		}

		By("an editor")
		stack := oneLine("v1")
		stack.APIVersion, stack.Kind = v1alpha1.GroupVersion.String(), "AppStack"
		text, err := yaml.Marshal(stack)
		Expect(err).NotTo(HaveOccurred())
		// aggregated rights and a new role binding take a moment to become effective
		Eventually(ctx, func() error { _, err := as(editor, string(text), "apply", "-f", "-"); return err }).Should(Succeed())
		w.becomesReady(ctx)
		may(editor, "patch", "aps", app, "--type=merge", "-p", `{"spec":{"image":"`+images+`v2"}}`)
		w.becomesReady(ctx)
		may(editor, "patch", "aps", app, "--type=merge", "-p", `{"spec":{"rollback":{"toRevision":1}}}`)
		w.becomesReady(ctx)
		may(editor, "scale", "aps", app, "--replicas=2")
		may(editor, "get", "aps", app, "-o", "yaml")
		mayNot(editor, "patch", "aps", app, "--subresource=status", "--type=merge", "-p", `{"status":{"revision":9}}`)
		mayNot(editor, "delete", "controllerrevision", app+"-1")
		mayNot(editor, "get", "aps", "--all-namespaces")

		By("a viewer")
		may(viewer, "get", "aps", app)
		may(viewer, "get", "controllerrevisions")
		mayNot(viewer, "patch", "aps", app, "--type=merge", "-p", `{"spec":{"replicas":1}}`)
		mayNot(viewer, "scale", "aps", app, "--replicas=1")
		mayNot(viewer, "delete", "aps", app)
		mayNot(viewer, "create", "-f", "../../config/samples/apps_v1alpha1_appstack.yaml")

		By("someone else")
		mayNot(stranger, "get", "aps", app)

		may(editor, "delete", "aps", app)
	})
})
