// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package e2e_test

import (
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

var _ = Describe("a Secret that pods use", func() {
	It("replaces them when it changes, and is rolled back when the app crashes by it (R36)", gate, func(ctx SpecContext) {
		secret := func(version, behavior string) *corev1.Secret {
			return &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Name: "account"},
				Data:       map[string][]byte{"VERSION": []byte(version), "BEHAVIOR": []byte(behavior)},
			}
		}
		w := newWorld(ctx, nil)
		w.apply(secret("blue", "good"), oneLine("v1", replicas(3), overHTTP, func(s *v1alpha1.AppStack) {
			s.Spec.SecretChanges, s.Spec.Env = v1alpha1.SecretChangesRestart, nil
			s.Spec.EnvFrom = []corev1.EnvFromSource{{
				SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "account"}},
			}}
		}))
		w.becomesReady(ctx)
		Eventually(ctx, answers(ctx, w.url(app))).Should(Equal("blue"))
		message := func() string { return readyMessage(w.stack(ctx)) }
		Eventually(ctx, message).Should(ContainSubstring("kubectl create role appstack-secret-restarts"))

		By("granting the right")
		w.kubectl("apply", "-k", filepath.Join(root(), "config", "secret-restarts", "namespace"))
		Eventually(ctx, message, 90*time.Second).Should(Equal("revision 1 runs"))
		Eventually(ctx, func() string {
			return w.kubectl("get", "controllerrevisions", "-o", "yaml")
		}).Should(ContainSubstring(`"secretVersions"`), "the version is recorded")
		stop := startLoad(ctx, w.url(app), perSecond)

		By("changing it")
		began := time.Now()
		w.apply(secret("red", "good"))
		w.rollsOut(ctx, "2 SecretChanged Succeeded")
		AddReportEntry("from the change of a Secret until its revision has succeeded", time.Since(began))
		w.settled(ctx)
		Expect(answers(ctx, w.url(app))()).To(Equal("red"))

		By("changing it to what the app crashes by")
		w.apply(secret("bad", "crash-at-start"))
		w.rollsOut(ctx, "2 AutoRollback Succeeded")
		Expect(history(w.stack(ctx))[1]).To(Equal("3 SecretChanged Failed"))
		Expect(answers(ctx, w.url(app))()).To(Equal("red"))

		By("correcting it")
		w.apply(secret("green", "good"))
		w.rollsOut(ctx, "4 SecretChanged Succeeded")
		w.settled(ctx)
		Expect(answers(ctx, w.url(app))()).To(Equal("green"))
		stop(ctx).losesNothing("Secret changed, rolled back and corrected", 100)
	}, SpecTimeout(longSpec))
})

// readyMessage returns the message of the condition Ready.
func readyMessage(stack *v1alpha1.AppStack) string {
	for _, condition := range stack.Status.Conditions {
		if condition.Type == v1alpha1.ConditionReady {
			return condition.Message
		}
	}
	return ""
}
