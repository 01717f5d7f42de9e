// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("the plugin: export", func() {
	// objects parses the objects in the text.
	objects := func(text string) []*unstructured.Unstructured {
		GinkgoHelper()
		var all []*unstructured.Unstructured
		for _, document := range strings.Split(text, "\n---\n")[1:] {
			all = append(all, &unstructured.Unstructured{Object: read[map[string]any](document)})
		}
		return all
	}
	names := func(all []*unstructured.Unstructured) []string {
		var names []string
		for _, object := range all {
			names = append(names, object.GetKind()+" "+object.GetName())
		}
		return names
	}
	// applied applies the text as its header instructs.
	applied := func(text string) {
		GinkgoHelper()
		file := filepath.Join(GinkgoT().TempDir(), "my-app.yaml")
		Expect(os.WriteFile(file, []byte(text), 0o600)).To(Succeed())
		kubectl("apply", "-f", file)
	}
	// shop creates a stack with every feature.
	shop := func() {
		GinkgoHelper()
		create(fixture.Env("A", "b"), func(s *v1alpha1.AppStack) {
			s.Spec.Service = &v1alpha1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Annotations: map[string]string{"example.com/kept": "yes"}}
		}, fixture.Component("worker", 2, func(c *v1alpha1.Component) {
			c.Replicas, c.Autoscaling = nil, &v1alpha1.Autoscaling{MinReplicas: ptr.To[int32](2), MaxReplicas: 4}
			c.DisruptionBudget = &v1alpha1.DisruptionBudget{MaxUnavailable: ptr.To(intstr.FromInt32(1))}
		}, "work"), asking("100m"))
		ready()
	}

	It("writes plain objects, with nothing in them of AppStack's or of the cluster's", func() {
		shop()
		text := does("export", app)
		Expect(text).To(And(
			HavePrefix("# "),
			ContainSubstring("kubectl delete appstack my-app --cascade=orphan -n "+namespace), ContainSubstring("kubectl apply -f")))
		all := objects(text)
		Expect(names(all)).To(ConsistOf("Deployment my-app", "Deployment my-app-worker", "Service my-app",
			"HorizontalPodAutoscaler my-app-worker", "PodDisruptionBudget my-app", "PodDisruptionBudget my-app-worker"))
		for _, object := range all {
			name := object.GetKind() + " " + object.GetName()
			Expect(object.GetNamespace()).To(Equal(namespace), name)
			Expect(object.Object["metadata"]).NotTo(HaveKey(BeElementOf(
				"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "ownerReferences", "finalizers")), name)
			for key, value := range object.GetLabels() {
				Expect(key).NotTo(HavePrefix(v1alpha1.GroupName), name)
				Expect(value).NotTo(Equal("appstack"), name)
			}
			for key := range object.GetAnnotations() {
				Expect(key).NotTo(HavePrefix(v1alpha1.GroupName), name)
			}
			Expect(object.Object["spec"]).NotTo(HaveKey(BeElementOf("clusterIPs", "ipFamilies")), name)
		}
		Expect(text).To(ContainSubstring("example.com/kept: \"yes\""))
		Expect(text).NotTo(MatchRegexp(`(?m)^ *creationTimestamp: null$`))
	})

	It("writes no status", func() {
		shop()
		for _, object := range objects(does("export", app)) {
			Expect(object.Object).NotTo(HaveKey("status"), object.GetKind()+" "+object.GetName())
		}
	})

	It("changes no pod when it is applied after the stack was deleted", func() {
		shop()
		Expect(k8s.Get(ctx, key(worker), &appsv1.Deployment{})).To(Succeed())
		edit(deployment(worker), func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To[int32](3) }) // as the autoscaler does
		report(worker, all(3))
		ready()
		text := does("export", app)
		orphan()
		before := map[string]*appsv1.Deployment{app: deployment(app), worker: deployment(worker)}
		served := service(app)

		applied(text)
		for name, was := range before {
			live := deployment(name)
			Expect(bytesOf(live.Spec.Template)).To(Equal(bytesOf(was.Spec.Template)))
			Expect(bytesOf(live.Spec.Selector)).To(Equal(bytesOf(was.Spec.Selector)))
			Expect(bytesOf(live.Spec)).To(Equal(bytesOf(was.Spec)))
			Expect(live.UID).To(Equal(was.UID))
		}
		Expect(bytesOf(service(app).Spec)).To(Equal(bytesOf(served.Spec)))
	})

	It("makes the same where there is nothing", func() {
		shop()
		text := does("export", app)
		orphan()
		template := bytesOf(deployment(app).Spec.Template)
		collectGarbage()
		for _, object := range objects(text) {
			Expect(k8s.Create(ctx, object, client.FieldValidation("Strict"))).To(Succeed(), object.GetKind())
		}
		Expect(bytesOf(deployment(app).Spec.Template)).To(Equal(template))
		Expect(deployment(app).Spec.Replicas).To(HaveValue(Equal(int32(3))))
	})

	It("leaves the number of pods to the autoscaler", func() {
		shop()
		for _, object := range objects(does("export", app)) {
			if object.GetKind() == "Deployment" {
				_, found, err := unstructured.NestedFieldNoCopy(object.Object, "spec", "replicas")
				Expect(err).NotTo(HaveOccurred())
				Expect(found).To(Equal(object.GetName() == app), object.GetName())
			}
		}
	})

	It("leaves out what is another's, though it has the labels", func() {
		created()
		copied := deployment(app)
		copied.ObjectMeta = legacyMeta("copy")
		copied.Labels = deployment(app).Labels
		Expect(k8s.Create(ctx, copied)).To(Succeed())
		Expect(names(objects(does("export", app)))).NotTo(ContainElement("Deployment copy"))
	})

	It("of a stack that runs nothing, and of an unknown name, is refused", func() {
		create(fixture.Paused(true))
		Expect(refuses("export", app)).To(ContainSubstring("my-app has no objects yet: see kubectl appstack why my-app -n " + namespace))
		Expect(refuses("export", "other")).To(ContainSubstring(`AppStack "other" not found`))
	})
})
