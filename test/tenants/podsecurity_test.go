// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package tenants_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
)

// overApp returns a podTemplate with fields of the app container.
func overApp(fields string) string {
	return `{"spec":{"containers":[{"name":"app",` + fields + `}]}}`
}

// rootless has the fields that a pod needs if its image does not declare a user other than root.
const rootless = `"securityContext":{"runAsNonRoot":true,"runAsUser":1000,"capabilities":{"drop":["ALL"]}}`

// escapes are attempts to escape from a pod, by the name of the stack: the podTemplate, and the message
// of Pod Security.
var escapes = map[string]struct{ template, says string }{
	"privileged":   {overApp(`"securityContext":{"privileged":true,"allowPrivilegeEscalation":true}`), "privileged"},
	"host-network": {`{"spec":{"hostNetwork":true}}`, "host namespaces"},
	"host-pid":     {`{"spec":{"hostPID":true}}`, "host namespaces"},
	"host-ipc":     {`{"spec":{"hostIPC":true}}`, "host namespaces"},
	"host-path":    {`{"spec":{"volumes":[{"name":"root","hostPath":{"path":"/"}}]}}`, "hostPath"},
	"host-port":    {overApp(`"ports":[{"name":"port-80","containerPort":80,"hostPort":80}]`), "hostPort"},
	"sys-admin":    {overApp(`"securityContext":{"capabilities":{"add":["SYS_ADMIN"]}}`), `must not include "SYS_ADMIN"`},
	"unconfined":   {overApp(`"securityContext":{"seccompProfile":{"type":"Unconfined"}}`), "seccompProfile"},
	"sysctl":       {`{"spec":{"securityContext":{"sysctls":[{"name":"kernel.msgmax","value":"1"}]}}}`, "forbidden sysctls"},
	"init-privileged": {
		`{"spec":{"initContainers":[{"name":"first","image":"my-app:1","securityContext":{"privileged":true}}]}}`, "privileged",
	},
}

// failsFast is the time limit for a rollout to fail whose pods cannot be created (R17), with a reserve.
const failsFast = 45 * time.Second

var _ = Describe("Pod Security", func() {
	for level, fits := range map[string]string{
		"baseline":   `{}`,
		"restricted": overApp(rootless),
	} {
		It("with level "+level+" applies to the pods of stacks, and the stack reports the violation (R17, R18)", func(ctx SpecContext) {
			t := newTenant(ctx, map[string]string{podSecurity: level})
			for name, escape := range escapes {
				t.applies(one(name, fixture.PodTemplate(escape.template)))
			}
			t.applies(one("fits", fixture.PodTemplate(fits)))
			t.ready(ctx, "fits")
			for name, escape := range escapes {
				t.isRefused(ctx, name, `violates PodSecurity "`+level+`:latest"`, escape.says)
			}
			for _, pod := range t.Pods(ctx) {
				Expect(pod.Labels).To(HaveKeyWithValue("apps.appstack.dev/stack", "fits"))
			}
		})
	}

	It("with level restricted rejects the pods of an image that may run as root (R22)", func(ctx SpecContext) {
		t := newTenant(ctx, map[string]string{podSecurity: "restricted"})
		t.applies(one("unknown-user"))
		t.isRefused(ctx, "unknown-user", `violates PodSecurity "restricted:latest"`, "unrestricted capabilities", "runAsNonRoot != true")
	})

	It("causes a rollback of a stack that ran before", func(ctx SpecContext) {
		t := newTenant(ctx, map[string]string{podSecurity: "baseline"})
		stack := one(app)
		t.applies(stack)
		t.ready(ctx, app)
		pods := t.Pods(ctx)
		t.applies(fixture.With(stack, fixture.PodTemplate(escapes["privileged"].template)))
		Eventually(t.condition(ctx, app, v1alpha1.ConditionStalled)).WithContext(ctx).WithTimeout(failsFast).
			Should(HaveField("Reason", v1alpha1.ReasonRolledBack))
		failure := t.named(ctx, app).Status.Failure
		Expect(failure).To(And(HaveField("Reason", v1alpha1.FailureReplicaFailure),
			HaveField("Message", ContainSubstring("violates PodSecurity"))))
		Eventually(func() []corev1.Pod { return t.Pods(ctx) }).WithContext(ctx).Should(HaveLen(len(pods)))
		Expect(t.Pods(ctx)[0].UID).To(Equal(pods[0].UID))
	})

	It("applies only to namespaces with its label", func(ctx SpecContext) {
		t := newTenant(ctx, nil)
		for name, escape := range escapes {
			t.applies(one(name, fixture.PodTemplate(escape.template)))
		}
		for name := range escapes {
			t.ready(ctx, name)
		}
	})

	It("does not matter for ephemeral containers: the API server rejects them in a template", func(ctx SpecContext) {
		t := newTenant(ctx, nil)
		t.applies(one(app, fixture.PodTemplate(`{"spec":{"ephemeralContainers":[{"name":"debug","image":"my-app:1"}]}}`)))
		Expect(t.stalled(ctx, app, v1alpha1.ReasonRejected)).To(ContainSubstring("ephemeralContainers"))
		Expect(t.Deployments(ctx)).To(BeEmpty())
	})
})

// one returns a stack with one pod.
func one(name string, options ...fixture.Option) *v1alpha1.AppStack {
	return fixture.Stack(name, append([]fixture.Option{fixture.Replicas(1)}, options...)...)
}

// isRefused waits until the rollout has failed because no pods can be created, and checks the message in
// the condition and in the failure report.
func (t tenant) isRefused(ctx context.Context, name string, words ...string) {
	GinkgoHelper()
	Eventually(t.condition(ctx, name, v1alpha1.ConditionStalled)).WithContext(ctx).WithTimeout(failsFast).
		Should(HaveField("Reason", v1alpha1.ReasonRolloutFailed), name)
	stack := t.named(ctx, name)
	condition := t.condition(ctx, name, v1alpha1.ConditionStalled)()
	Expect(condition.LastTransitionTime.Sub(stack.CreationTimestamp.Time)).To(BeNumerically("<=", failsFast), name)
	failure := stack.Status.Failure
	Expect(failure).NotTo(BeNil(), name)
	tell(name, condition.Message+" / "+failure.Message)
	Expect(failure.Reason).To(Equal(v1alpha1.FailureReplicaFailure), name)
	for _, word := range words {
		Expect(failure.Message).To(ContainSubstring(word), name)
		Expect(condition.Message).To(ContainSubstring(word), name)
	}
}
