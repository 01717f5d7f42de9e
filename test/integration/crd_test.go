// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"io"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

var _ = Describe("the resource", func() {
	It("is installed by a plain client-side kubectl apply, well below the limit of its annotation", func() {
		const limit = 200 * 1000 // the API server limits all annotations to 262144 bytes
		kubectl("apply", "-f", crdPath())
		crd := &apiextensionsv1.CustomResourceDefinition{}
		Expect(k8s.Get(ctx, client.ObjectKey{Name: readCRD().Name}, crd)).To(Succeed())
		applied := crd.Annotations[corev1.LastAppliedConfigAnnotation]
		Expect(applied).To(ContainSubstring("a volume has exactly one source"))
		Expect(len(applied)).To(BeNumerically("<", limit))
		Expect(kubectl("apply", "-f", crdPath())).To(ContainSubstring("unchanged"))
	})

	It("has a short name, and is in no category: kubectl delete all leaves stacks alone", func() {
		names := readCRD().Spec.Names
		Expect(names.ShortNames).To(ConsistOf("aps"))
		Expect(names.Categories).To(BeEmpty())
	})

	It("is explained by kubectl at every level of its own", func() {
		Expect(kubectl("explain", "appstack.spec")).To(ContainSubstring("Image of the main component"))
		Expect(kubectl("explain", "appstack.spec.components.ports")).To(ContainSubstring("Port that the Service offers"))
		walk("", *readCRD().Spec.Versions[0].Schema.OpenAPIV3Schema, func(path string, schema apiextensionsv1.JSONSchemaProps) {
			for name, field := range schema.Properties {
				if path+name == "metadata" {
					continue // set by the API server
				}
				Expect(field.Description).NotTo(BeEmpty(), "the description of %s.%s", path, name)
			}
		})
	})

	It("R19 R20 shows in kubectl get what users look for, and kubectl wait understands its conditions", func() {
		created()
		fields := func(output string) (header, row []string) {
			lines := strings.Split(strings.TrimSpace(output), "\n")
			Expect(lines).To(HaveLen(2), output)
			return strings.Fields(lines[0]), strings.Fields(lines[1])
		}
		header, row := fields(kubectl("get", "aps", "-n", namespace))
		Expect(header).To(Equal([]string{"NAME", "IMAGE", "REVISION", "READY", "REASON", "REPLICAS", "AGE"}))
		Expect(row).To(HaveLen(len(header)))
		Expect(row[:6]).To(Equal([]string{app, "my-app:1", "1", "True", "Succeeded", "3/3"}))

		header, row = fields(kubectl("get", "appstacks.apps.appstack.dev", "-n", namespace, "-o", "wide"))
		Expect(header).To(Equal([]string{
			"NAME", "IMAGE", "REVISION", "READY", "REASON", "REPLICAS", "AGE", "ADDRESS", "FAILED",
		}))
		Expect(row[7]).To(Equal("my-app." + namespace + ".svc:80"))

		kubectl("wait", "aps/"+app, "-n", namespace, "--for=condition=Ready", "--timeout=5s")
		kubectl("wait", "aps/"+app, "-n", namespace, "--for=condition=Available", "--timeout=5s")
	})

	It("is scaled by kubectl and by autoscalers through the scale subresource", func() {
		created()
		kubectl("scale", "appstack/"+app, "-n", namespace, "--replicas=5")
		Eventually(func(g Gomega) {
			g.Expect(*find(g, &appsv1.Deployment{}, app).Spec.Replicas).To(Equal(int32(5)))
		}).Should(Succeed())
		stack := ready()
		Expect(numbers()).To(Equal([]int64{1}))

		scale := scaleOf(stack)
		Expect(scale.Spec.Replicas).To(Equal(int32(5)))
		Expect(scale.Status.Replicas).To(Equal(int32(5)))
		selector, err := labels.Parse(scale.Status.Selector)
		Expect(err).NotTo(HaveOccurred())
		Expect(selector.Empty()).To(BeFalse())
		Expect(selector.Matches(labels.Set(deployment(app).Spec.Template.Labels))).To(BeTrue(), scale.Status.Selector)

		scale.Spec.Replicas = 2
		Expect(k8s.SubResource("scale").Update(ctx, stack, client.WithSubResourceBody(scale))).To(Succeed())
		Expect(*ready().Spec.Replicas).To(Equal(int32(2)))
		Expect(*deployment(app).Spec.Replicas).To(Equal(int32(2)))
	})
})

// kubectl runs kubectl as the administrator and returns its output.
func kubectl(arguments ...string) string {
	GinkgoHelper()
	admin, err := environment.ControlPlane.AddUser(adminUser, nil)
	Expect(err).NotTo(HaveOccurred())
	program, err := admin.Kubectl()
	Expect(err).NotTo(HaveOccurred())
	program.Opts = append(program.Opts, "--cache-dir="+GinkgoT().TempDir())
	stdout, stderr, err := program.Run(arguments...)
	told, _ := io.ReadAll(stderr)
	Expect(err).NotTo(HaveOccurred(), "kubectl %s: %s", strings.Join(arguments, " "), told)
	output, err := io.ReadAll(stdout)
	Expect(err).NotTo(HaveOccurred())
	return string(output)
}

var adminUser = envtest.User{Name: "admin", Groups: []string{"system:masters"}}

// scaleOf returns the stack's scale subresource.
func scaleOf(stack *v1alpha1.AppStack) *autoscalingv1.Scale {
	GinkgoHelper()
	scale := &autoscalingv1.Scale{}
	Expect(k8s.SubResource("scale").Get(ctx, stack, scale)).To(Succeed())
	return scale
}
