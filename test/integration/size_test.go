// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/apply"
	"github.com/appstack-dev/appstack/test/fixture"
)

// huge sets content that fits into etcd as a stack but not as a revision: the pod
// template of each of the 21 components repeats the names of the pull secrets.
func huge(s *v1alpha1.AppStack) {
	fixture.Env("HUGE", strings.Repeat("x", 1_500_000))(s)
	for i := range 20 {
		fixture.Component(fmt.Sprintf("c%d", i), 1, nil, "work")(s)
		s.Spec.ImagePullSecrets = append(s.Spec.ImagePullSecrets, corev1.LocalObjectReference{
			Name: fmt.Sprintf("%s-%d", strings.Repeat("s", 200), i),
		})
	}
}

var _ = Describe("a revision that is too large for etcd", func() {
	It("R4 R30 of a new stack is said to be so, and can be corrected", func() {
		create(huge)
		stack := stalled(v1alpha1.ReasonRejected, "revision 1 is too large", "ConfigMap")
		Expect(stack.Status.Revision).To(BeZero())
		expectEvent(stack, corev1.EventTypeWarning, v1alpha1.ReasonRejected, "revision 1 is too large")
		Expect(numbers()).To(BeEmpty())
		Expect(released(func(s *v1alpha1.AppStack) { s.Spec = fixture.Stack(app).Spec }).Status.Revision).To(Equal(int64(1)))
	})

	DescribeTable("is refused in words that the operator knows", func(bytes int) {
		err := k8s.Create(ctx, &appsv1.ControllerRevision{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "huge"}, Revision: 1,
			Data: runtime.RawExtension{Raw: []byte(`{"huge":"` + strings.Repeat("x", bytes) + `"}`)},
		})
		Expect(err).To(HaveOccurred())
		Expect(apply.TooLarge(err)).To(BeTrue(), err.Error())
	},
		Entry("by etcd", 1_600_000),
		Entry("by the API server's client of etcd", 2_200_000),
		Entry("by the API server", 3_300_000),
	)

	It("R4 R30 of a stack that runs touches nothing that runs", func() {
		created()
		before := deployment(app).ResourceVersion
		change(huge)
		stack := stalled(v1alpha1.ReasonRejected, "revision 2 is too large", "ConfigMap")
		Expect(stack).To(haveCondition(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonPodsAvailable))
		Consistently(func() string { return deployment(app).ResourceVersion }).Should(Equal(before))
		Expect(numbers()).To(Equal([]int64{1}))
		stack = released(func(s *v1alpha1.AppStack) { s.Spec = fixture.Stack(app).Spec })
		Expect(rollouts(stack)).To(HaveLen(1))
	})
})
