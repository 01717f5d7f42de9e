// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package tenants_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/kubectl"
	"github.com/appstack-dev/appstack/test/world"
)

var _ = Describe("The tenant policy", func() {
	It("checks each change of content, and no change of operation", func(ctx SpecContext) {
		t := newTenant(ctx, underPolicy)
		worker := fixture.Component("worker", 1, nil, "work")
		stack := one(app, secretReferences["env"].option, worker)
		t.Apply(stack) // an administrator's
		t.ready(ctx, app)

		By("letting the author scale, pause, restart, and change how it is rolled out")
		t.kubectlAsAuthor("scale", "aps", app, "--replicas=2")
		two := fixture.With(stack.DeepCopy(), fixture.Replicas(2), fixture.Paused(true), fixture.HistoryLimit(5),
			fixture.RestartedAt(time.Now()), fixture.OnFailure(v1alpha1.FailurePolicyHold), fixture.Annotation("example.com/note", "hi"))
		two.Spec.Components[0].Replicas = ptr.To[int32](2)
		t.applies(two)
		t.applies(fixture.With(two, fixture.Paused(false)))
		t.ready(ctx, app)

		By("refusing another program with the same Secret")
		for name, changed := range map[string]*v1alpha1.AppStack{
			"image":            fixture.With(two.DeepCopy(), fixture.Image("thief:1")),
			"component":        fixture.With(two.DeepCopy(), fixture.Component("thief", 1, nil, "steal")),
			"component's args": fixture.With(two.DeepCopy(), fixture.WithoutComponents(), fixture.Component("worker", 2, nil, "steal")),
			"no component":     fixture.With(two.DeepCopy(), fixture.WithoutComponents()),
		} {
			Expect(t.dryRun(changed)).To(MatchError(ContainSubstring("spec.env: ")), name)
		}

		By("letting the author take the reference away, and not bring it back")
		t.applies(fixture.Stack(app, fixture.Replicas(1)))
		Eventually(func() []string { return world.History(t.named(ctx, app)) }).WithContext(ctx).
			Should(HaveExactElements("3 SpecChanged Succeeded", "2 Restart Succeeded", "1 SpecChanged Succeeded"))
		Expect(t.dryRun(stack)).To(MatchError(ContainSubstring("spec.env: ")))

		By("letting the author go back to what was admitted before: its content is not theirs to choose")
		t.applies(fixture.Stack(app, fixture.Replicas(1), fixture.RollbackTo(1, 0)))
		Eventually(func() int64 { return t.named(ctx, app).Status.Revision }).WithContext(ctx).Should(BeEquivalentTo(1))
		t.ready(ctx, app)
		t.applies(fixture.Stack(app, fixture.Replicas(1)))
		Eventually(func() int64 { return t.named(ctx, app).Status.Revision }).WithContext(ctx).Should(BeEquivalentTo(3))
	})

	It("accepts the largest stacks, and checks up to 12 Secrets by name", func(ctx SpecContext) {
		t := newTenant(ctx, underPolicy)
		names := func(n int) (all []string) {
			for i := range n {
				all = append(all, fmt.Sprintf("secret-%d", i))
			}
			return all
		}
		t.grant(ctx, "", "secrets", []string{"get"}, names(13)...)
		Eventually(func() error { return t.creates(ctx, largest(names(12))) }).Should(Succeed())
		refusal := t.creates(ctx, largest(names(13)))
		Expect(refusal).To(MatchError(And(ContainSubstring("the stack names more than 12 Secrets"),
			ContainSubstring("ask for that right on all of them (get secrets), or name fewer Secrets"))))
		tell("13 Secrets", refusal.Error())
		Expect(t.creates(ctx, largest(append(names(11), secret)))).To(MatchError(ContainSubstring(`may not get Secret "` + secret + `"`)))
		t.grant(ctx, "", "secrets", []string{"get"})
		Eventually(func() error { return t.creates(ctx, largest(names(400))) }).Should(Succeed())
	})

	It("has no type errors, as the API server reports them", func(ctx SpecContext) {
		for _, policy := range []string{"secrets", "service-accounts", "labels", "adoption", "records"} {
			Eventually(func() string {
				return kubectl.Run("get", "validatingadmissionpolicy", "appstack-tenant-"+policy, "-o",
					`jsonpath={.status.observedGeneration}/{.metadata.generation} {.status.typeChecking}`)
			}).WithContext(ctx).Should(MatchRegexp(`^(\d+)/\d+ \{\}$`), policy)
		}
	})

	It("accepts templates that remove lists, and rejects templates that it cannot read", func(ctx SpecContext) {
		t := newTenant(ctx, underPolicy)
		Expect(t.creates(ctx, one(app, fixture.PodTemplate(`{"metadata":null,"spec":{"volumes":null,"initContainers":null,`+
			`"imagePullSecrets":null,"topologySpreadConstraints":null,"containers":[{"name":"app","env":null,"envFrom":null}]}}`)))).To(Succeed())
		Expect(t.creates(ctx, one(app, fixture.PodTemplate(`{"spec":null}`)))).To(Succeed())
		for _, template := range []string{
			`{"spec":{"volumes":[{"name":"v","secret":{"secretName":["x"]}}]}}`,
			`{"spec":{"volumes":{"name":"v","secret":{"secretName":"x"}}}}`,
		} {
			Expect(t.creates(ctx, one(app, fixture.PodTemplate(template)))).NotTo(Succeed(), template)
		}
	})
})

// largest returns a stack with as many components and variables as the schema allows, which refer to
// the Secrets in turns, also in podTemplate.
func largest(secrets []string) *v1alpha1.AppStack {
	next := 0
	variables := func(n int) (all []corev1.EnvVar) {
		for i := range n {
			all = append(all, corev1.EnvVar{Name: fmt.Sprintf("V%d", i), ValueFrom: &corev1.EnvVarSource{
				SecretKeyRef: &corev1.SecretKeySelector{
					LocalObjectReference: corev1.LocalObjectReference{Name: secrets[next%len(secrets)]}, Key: "k",
				},
			}})
			next++
		}
		return all
	}
	stack := one("largest")
	stack.Spec.Env = variables(512)
	for i := range 20 {
		template, err := json.Marshal(map[string]any{"spec": map[string]any{
			"initContainers": []any{map[string]any{"name": "first", "image": "my-app:1", "env": variables(64)}},
		}})
		Expect(err).NotTo(HaveOccurred())
		stack.Spec.Components = append(stack.Spec.Components, v1alpha1.Component{
			Name: fmt.Sprintf("c%d", i),
			ComponentSpec: v1alpha1.ComponentSpec{
				Env: variables(512), Args: []string{strings.Repeat("a", 1000)}, PodTemplate: &runtime.RawExtension{Raw: template},
			},
		})
	}
	return stack
}

// creates makes a dry run of creating the stack as the author.
func (t tenant) creates(ctx context.Context, stack *v1alpha1.AppStack) error {
	GinkgoHelper()
	stack.Namespace = t.Namespace
	return t.asAuthor().Create(ctx, stack, client.DryRunAll)
}

// kubectlAsAuthor runs kubectl as the author.
func (t tenant) kubectlAsAuthor(args ...string) string {
	GinkgoHelper()
	return t.Kubectl(append([]string{"--as", t.author}, args...)...)
}

// podsOf returns the pods of a stack.
func (t tenant) podsOf(ctx context.Context, stack string) (pods []corev1.Pod) {
	GinkgoHelper()
	for _, pod := range t.Pods(ctx) {
		if pod.Labels["apps.appstack.dev/stack"] == stack {
			pods = append(pods, pod)
		}
	}
	return pods
}
