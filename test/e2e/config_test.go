// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package e2e_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/kubectl"
)

var _ = Describe("a ConfigMap that pods use", func() {
	It("is released when it changes, rolled back when the app crashes by it, and put back byte for byte (R31, R32, R34)", gate,
		func(ctx SpecContext) {
			w := newWorld(ctx, nil)
			w.apply(settings("blue", "good"), oneLine("v1", replicas(3), overHTTP, withSettings))
			w.becomesReady(ctx)
			Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("blue"))
			stop := startLoad(ctx, w.url(app), perSecond)

			By("changing it")
			began := time.Now()
			w.apply(settings("red", "good"))
			w.rollsOut(ctx, "2 ConfigChanged Succeeded")
			AddReportEntry("from the change of a ConfigMap until its revision has succeeded", time.Since(began))
			w.eachPodHas(ctx, "red")

			By("changing it to what the app crashes by")
			began = time.Now()
			w.apply(settings("bad", "crash-at-start"))
			w.rollsOut(ctx, "2 AutoRollback Succeeded")
			AddReportEntry("from the change of a ConfigMap until it is rolled back", time.Since(began))
			Expect(history(w.stack(ctx))[1]).To(Equal("3 ConfigChanged Failed"))
			w.eachPodHas(ctx, "red")

			By("starting a pod of the old revision, while the ConfigMap has the bad content, and GitOps sees no drift")
			w.kubectl("delete", "pod", w.pods(ctx, naming.Main)[0].Name)
			Eventually(ctx, func() int { return len(w.pods(ctx, naming.Main)) }).Should(Equal(3))
			w.settled(ctx)
			w.eachPodHas(ctx, "red")
			live, err := get[corev1.ConfigMap](ctx, w.namespace, "settings")
			Expect(err).NotTo(HaveOccurred())
			Expect(live.Data).To(HaveKeyWithValue("app.conf", content("bad")))
			w.isAsApplied(settings("bad", "crash-at-start"))
			Consistently(ctx, func() []string { return history(w.stack(ctx)) }, 7*time.Second).Should(HaveLen(4),
				"the bad content is not tried again")

			By("fixing it")
			w.apply(settings("green", "good"))
			w.rollsOut(ctx, "4 ConfigChanged Succeeded")
			w.eachPodHas(ctx, "green")

			By("putting it back to what it was at first")
			w.apply(settings("blue", "good"))
			w.rollsOut(ctx, "1 ConfigChanged Succeeded")
			w.eachPodHas(ctx, "blue")

			By("rolling back by hand")
			w.patch(`{"spec":{"rollback":{"toRevision":2}}}`)
			w.rollsOut(ctx, "2 Rollback Succeeded")
			w.eachPodHas(ctx, "red")
			w.settled(ctx)
			stop(ctx).losesNothing("config released, rolled back and put back", 200)
		}, SpecTimeout(longSpec))
})

// settings are the ConfigMap of the spec: variables, and a file.
func settings(version, behavior string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "settings"},
		Data:       map[string]string{"VERSION": version, "BEHAVIOR": behavior, "app.conf": content(version)},
	}
}

// content is the file of a version.
func content(version string) string { return fmt.Sprintf("# %s\ncolor = %s\n", version, version) }

// withSettings makes the app take its version, its behavior and a file from the ConfigMap.
func withSettings(s *v1alpha1.AppStack) {
	reference := corev1.LocalObjectReference{Name: "settings"}
	s.Spec.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: reference}}}
	s.Spec.Env = []corev1.EnvVar{{Name: "FILE", Value: "/etc/app/app.conf"}}
	s.Spec.Volumes = []v1alpha1.Volume{{
		Name: "settings", MountPath: "/etc/app", ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: reference},
	}}
}

// rollsOut waits until the newest rollout is as wanted.
func (w world) rollsOut(ctx context.Context, newest string) {
	GinkgoHelper()
	Eventually(ctx, func() string { return history(w.stack(ctx))[0] }).Should(Equal(newest))
}

// eachPodHas reads the file in every pod, and the version.
func (w world) eachPodHas(ctx context.Context, version string) {
	GinkgoHelper()
	w.settled(ctx)
	pods := w.pods(ctx, naming.Main)
	Expect(pods).To(HaveLen(3))
	for _, pod := range pods {
		url := fmt.Sprintf("http://%s:8080/", pod.Status.PodIP)
		Expect(fetch(ctx, url+"file", "").Body).To(Equal(content(version)), pod.Name)
		Expect(fetch(ctx, url, "").Body).To(HavePrefix(version), pod.Name)
	}
}

// isAsApplied checks that kubectl diff finds no difference.
func (w world) isAsApplied(config *corev1.ConfigMap) {
	GinkgoHelper()
	config.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	config.Namespace = w.namespace
	text, err := yaml.Marshal(config)
	Expect(err).NotTo(HaveOccurred())
	stdout, stderr, err := kubectl.Attempt(string(text), "--namespace", w.namespace, "diff", "-f", "-")
	Expect(err).NotTo(HaveOccurred(), stdout+stderr)
}
