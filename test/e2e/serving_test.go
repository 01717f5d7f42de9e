// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package e2e_test

import (
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/kubectl"
)

var _ = Describe("a stack", func() {
	It("is reachable by its name, scaled, updated, and rolled back manually", gate, func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		w.apply(oneLine("v1"))
		stack := w.becomesReady(ctx)
		Expect(stack.Status.Components[0].Image).To(MatchRegexp("^"+images+"v1@sha256:[0-9a-f]{64}$"), "R21: pinned by digest")
		Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("v1"))

		By("scaling")
		w.patch(`{"spec":{"replicas":3}}`)
		w.becomesReady(ctx)
		w.kubectl("scale", "aps", app, "--replicas=2")
		w.becomesReady(ctx)
		Eventually(ctx, func() []corev1.Pod { return w.pods(ctx, naming.Main) }).Should(HaveLen(2))
		Expect(w.stack(ctx).Status.History).To(HaveLen(1), "R1: scaling creates no revision")

		By("updating")
		w.patch(`{"spec":{"image":"%sv2"}}`, images)
		Expect(history(w.becomesReady(ctx))).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
		Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("v2"))

		By("rolling back")
		w.patch(`{"spec":{"rollback":{"toRevision":1,"fromRevision":2}}}`)
		Expect(history(w.becomesReady(ctx))[0]).To(Equal("1 Rollback Succeeded"))
		w.settled(ctx) // until they are gone, the pods of revision 2 answer requests that still reach them
		Consistently(ctx, answers(ctx, w.url(app))).Should(Equal("v1"))
	})

	It("has components, each with its own name", func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		w.apply(oneLine("v1", func(s *v1alpha1.AppStack) {
			s.Spec.Components = []v1alpha1.Component{
				{Name: "api", ComponentSpec: v1alpha1.ComponentSpec{Replicas: ptr.To[int32](2)}, Image: images + "v2"},
				{Name: "worker", ComponentSpec: v1alpha1.ComponentSpec{
					Args: []string{"client"}, Env: []corev1.EnvVar{{Name: "CLIENT_PORT", Value: "9999"}}}},
			}
		}))
		w.becomesReady(ctx)
		Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("v1"))
		Eventually(ctx, answers(ctx, w.url(app+"-api"))).Should(Equal("v2"))
		Expect(w.kubectl("get", "services", "-o", "name")).NotTo(ContainSubstring("worker"),
			"R22: another process of the image answers on no port")

		By("rolling all of them back, because one of them fails")
		w.patch(`{"spec":{"image":"%sv3","components":[
			{"name":"api","image":"%scrash-at-start","replicas":2},
			{"name":"worker","args":["client"],"env":[{"name":"CLIENT_PORT","value":"9998"}]}]}}`, images, images)
		stack := w.rolledBack(ctx)
		Expect(stack.Status.Failure.Component).To(Equal("api"))
		Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("v1"))
		Eventually(ctx, answers(ctx, w.url(app+"-api"))).Should(Equal("v2"))
	})
})

var _ = Describe("the samples", func() {
	It("are ready within a minute", func(ctx SpecContext) {
		w := newWorld(ctx, nil)
		began := time.Now()
		w.kubectl("apply", "-k", filepath.Join(root(), "config", "samples"))
		w.kubectl("wait", "--for=condition=Ready", "aps/my-app", "aps/shop", "--timeout=60s")
		AddReportEntry("samples ready after", time.Since(began).Round(time.Second).String())
		got := fetch(ctx, "http://my-app."+w.namespace+".svc.cluster.local/hostname", "")
		Expect(got.Status).To(Equal(200), got.Error)
		Expect(got.Body).To(HavePrefix("my-app-"))
	})
})

var _ = Describe("a namespace with the restricted Pod Security standard", func() {
	It("runs an image with a numeric USER, with nothing more in the spec", func(ctx SpecContext) {
		w := newWorld(ctx, map[string]string{"pod-security.kubernetes.io/enforce": "restricted"})
		w.apply(oneLine("v1"))
		w.becomesReady(ctx)
		Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("v1"))
		Expect(kubectl.Run("get", "namespace", w.namespace, "-o",
			`jsonpath={.metadata.labels.pod-security\.kubernetes\.io/enforce}`)).To(Equal("restricted"))
	})
})
