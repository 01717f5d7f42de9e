// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package tenants_test

import (
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/world"
)

// control is text with terminal control sequences and HTML.
const control = "\x1b[31mred\x1b]0;title\x07<script>alert(1)</script>\x00\u202e"

var _ = Describe("An oversized stack", func() {
	DescribeTable("is rejected when it is written", func(ctx SpecContext, edit fixture.Option, says string) {
		t := newTenant(ctx, nil)
		stack := fixture.With(one(app), edit)
		stack.Namespace = t.Namespace
		refusal := t.asAuthor().Create(ctx, stack)
		Expect(refusal).To(MatchError(ContainSubstring(says)))
		tell(CurrentSpecReport().LeafNodeText, refusal.Error()[:min(400, len(refusal.Error()))])
	},
		Entry("larger than etcd accepts", env(1_700_000), "etcdserver: request is too large"),
		Entry("larger than the API server reads", env(3_500_000), "limit is 3145728"),
		Entry("with too long a history", fixture.HistoryLimit(math.MaxInt32), "spec.revisionHistoryLimit"),
		Entry("with no history", fixture.HistoryLimit(0), "spec.revisionHistoryLimit"),
		Entry("with too many components", func(s *v1alpha1.AppStack) {
			for i := range 21 {
				fixture.Component(fmt.Sprintf("c%d", i), 1, nil)(s)
			}
		}, "spec.components: Too many"),
		Entry("with too many variables", func(s *v1alpha1.AppStack) {
			for i := range 513 {
				fixture.Env(fmt.Sprintf("V%d", i), "")(s)
			}
		}, "spec.env: Too many"),
		Entry("with too large annotations", fixture.Annotation(v1alpha1.AnnotationChangeCause, strings.Repeat("x", 300_000)),
			"metadata.annotations: Too long"),
		Entry("with a template nested deeper than JSON allows", fixture.PodTemplate(nested(10_001)), "exceeded max depth"),
	)

	DescribeTable("is reported where the schema cannot detect it, and changes nothing", func(
		ctx SpecContext, edit fixture.Option, reason, says string,
	) {
		t := newTenant(ctx, nil)
		stack := fixture.With(one(app), edit)
		stack.Namespace = t.Namespace
		mark := world.MarkNow()
		Expect(t.asAuthor().Create(ctx, stack)).To(Succeed())
		Expect(t.stalled(ctx, app, reason)).To(ContainSubstring(says))
		requests := t.quiet(ctx, mark)
		Expect(len(requests)).To(BeNumerically("<", 30), "%q", requests)
		t.applies(one("neighbor"))
		t.ready(ctx, "neighbor")
	},
		Entry("a template nested as deep as JSON allows", fixture.PodTemplate(nested(5000)), v1alpha1.ReasonInvalidPodTemplate, "podTemplate"),
		Entry("a template of unknown fields", fixture.PodTemplate(`{"spec":{"`+strings.Repeat("x", 100_000)+`":1}}`),
			v1alpha1.ReasonInvalidPodTemplate, "unknown field"),
	)

	It("with 20 components with 100 variables each runs", func(ctx SpecContext) {
		t := newTenant(ctx, nil)
		stack := one(app)
		for i := range 20 {
			fixture.Component(fmt.Sprintf("c%d", i), 0, func(c *v1alpha1.Component) {
				for j := range 100 {
					c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprintf("V%d", j), Value: strings.Repeat("x", 100)})
				}
			})(stack)
		}
		stack.Namespace = t.Namespace
		Expect(t.asAuthor().Create(ctx, stack)).To(Succeed())
		Eventually(t.condition(ctx, app, v1alpha1.ConditionReady)).WithContext(ctx).WithTimeout(2 * time.Minute).
			Should(HaveField("Status", metav1.ConditionTrue))
		Expect(t.Deployments(ctx)).To(HaveLen(21))
	})

	DescribeTable("with the maximum of replicas gets the pods that a quota allows",
		func(ctx SpecContext, replicas int32, policy v1alpha1.RolloutPolicy, says, summary string) {
			t := newTenant(ctx, nil)
			Expect(world.Kube.Create(ctx, &corev1.ResourceQuota{
				ObjectMeta: metav1.ObjectMeta{Namespace: t.Namespace, Name: "pods"},
				Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}},
			})).To(Succeed())
			Eventually(func() string { return t.Kubectl("get", "quota", "pods", "-o", "jsonpath={.status.hard.pods}") }).Should(Equal("0"))
			t.applies(one(app, fixture.Replicas(replicas), fixture.Component("worker", replicas, nil, "work"), fixture.Rollout(policy)))
			Eventually(t.condition(ctx, app, v1alpha1.ConditionStalled)).WithContext(ctx).WithTimeout(failsFast).
				Should(HaveField("Message", ContainSubstring(says)))
			Expect(t.named(ctx, app).Status.ReadySummary).To(Equal(summary))
			Expect(t.Pods(ctx)).To(BeEmpty())
			t.Kubectl("delete", "aps", app)
		},
		Entry("that Kubernetes can add a surge to", int32(1_500_000_000), v1alpha1.RolloutPolicy{}, "exceeded quota: pods", "0/3000000000"),
		// the Deployment controller creates none then: the sum of replicas and surge overflows
		Entry("that it cannot add a surge to", int32(math.MaxInt32), v1alpha1.RolloutPolicy{ProgressDeadlineSeconds: ptr.To[int32](12)},
			v1alpha1.FailureProgressDeadlineExceeded, "0/4294967294"),
	)

	It("reports short messages without control characters", func(ctx SpecContext) {
		t := newTenant(ctx, nil)
		// the schema rejects such an image, but does not check podTemplate
		stack := one(app, fixture.PodTemplate(`{"spec":{"containers":[{"name":"app","image":"my-app:1\u001b[31m"}]}}`),
			fixture.Annotation(v1alpha1.AnnotationChangeCause, control+strings.Repeat("x", 200_000)))
		stack.Namespace = t.Namespace
		Expect(t.asAuthor().Create(ctx, stack)).To(Succeed())
		stack = t.ready(ctx, app)
		Expect(len(stack.Status.History[0].Cause)).To(BeNumerically("<=", 1024))
		for _, shown := range []string{"history", "status", "list"} {
			args := []string{shown, "--namespace", t.Namespace}
			if shown != "list" {
				args = append(args, app)
			}
			text, err := exec.CommandContext(ctx, filepath.Join(world.Root(), "bin", "kubectl-appstack"), args...).CombinedOutput()
			Expect(err).NotTo(HaveOccurred(), string(text))
			Expect(string(text)).NotTo(ContainSubstring("\x1b[31m"), shown)
			Expect(string(text)).NotTo(ContainSubstring("\x07"), shown)
		}
		for _, args := range [][]string{{"get", "aps"}, {"describe", "aps"}, {"get", "events"}} {
			Expect(t.Kubectl(args...)).NotTo(ContainSubstring("\x1b[31m"), "%q", args)
		}
	})
})

// env sets a variable of the given size in bytes.
func env(bytes int) fixture.Option { return fixture.Env("A", strings.Repeat("x", bytes)) }

// nested returns a podTemplate with the given number of levels.
func nested(levels int) string {
	return strings.Repeat(`{"a":`, levels) + "1" + strings.Repeat("}", levels)
}
