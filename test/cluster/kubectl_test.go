// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/kubectl"
)

// kubectl runs it in the namespace of the spec.
func (w world) kubectl(args ...string) string {
	GinkgoHelper()
	return kubectl.Run(append([]string{"--namespace", w.namespace}, args...)...)
}

// kubectlApply applies the text, as written to a file.
func (w world) kubectlApply(text string) {
	GinkgoHelper()
	_, stderr, err := kubectl.Attempt(text, "--namespace", w.namespace, "apply", "-f", "-")
	Expect(err).NotTo(HaveOccurred(), stderr)
}

// refusal is what kubectl apply tells the user whose text the API server refuses.
func (w world) refusal(text string) string {
	GinkgoHelper()
	_, stderr, err := kubectl.Attempt(text, "--namespace", w.namespace, "apply", "-f", "-")
	Expect(err).To(HaveOccurred(), "it was accepted")
	return stderr
}

// apply applies the stack with kubectl, in the namespace of the spec.
func (w world) apply(stack *v1alpha1.AppStack) {
	GinkgoHelper()
	stack.Namespace = w.namespace
	stack.APIVersion, stack.Kind = v1alpha1.GroupVersion.String(), "AppStack"
	text, err := yaml.Marshal(stack)
	Expect(err).NotTo(HaveOccurred())
	w.kubectlApply(string(text))
}
