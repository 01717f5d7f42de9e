// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package world

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/kubectl"
)

// Kubectl runs kubectl in the namespace of the spec.
func (w World) Kubectl(args ...string) string {
	GinkgoHelper()
	return kubectl.Run(append([]string{"--namespace", w.Namespace}, args...)...)
}

// KubectlApply applies the manifests in the text.
func (w World) KubectlApply(text string) {
	GinkgoHelper()
	_, stderr, err := kubectl.Attempt(text, "--namespace", w.Namespace, "apply", "-f", "-")
	Expect(err).NotTo(HaveOccurred(), stderr)
}

// Refusal returns the error of kubectl apply for text that the API server rejects.
func (w World) Refusal(text string) string {
	GinkgoHelper()
	_, stderr, err := kubectl.Attempt(text, "--namespace", w.Namespace, "apply", "-f", "-")
	Expect(err).To(HaveOccurred(), "the API server accepted it")
	return stderr
}

// Apply applies the stack with kubectl, in the namespace of the spec.
func (w World) Apply(stack *v1alpha1.AppStack) {
	GinkgoHelper()
	stack.Namespace = w.Namespace
	stack.APIVersion, stack.Kind = v1alpha1.GroupVersion.String(), "AppStack"
	text, err := yaml.Marshal(stack)
	Expect(err).NotTo(HaveOccurred())
	w.KubectlApply(string(text))
}
