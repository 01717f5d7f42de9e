// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package tenants_test

import (
	"encoding/json"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/world"
)

// annotationRecord is the annotation with a revision's history.
const annotationRecord = "apps.appstack.dev/record"

// theSame stands for the data of the existing revision.
const theSame = "the same"

var _ = Describe("A ControllerRevision", func() {
	It("cannot be written by the author", func(ctx SpecContext) {
		t := newTenant(ctx, nil)
		t.applies(one(app))
		t.ready(ctx, app)
		forged := forgery(t.record(ctx, app+"-1"), 7)
		refusal := t.asAuthor().Create(ctx, forged)
		Expect(refusal).To(MatchError(ContainSubstring("cannot create resource \"controllerrevisions\"")))
		tell("a record", refusal.Error())
		Expect(t.asAuthor().Delete(ctx, t.record(ctx, app+"-1"))).NotTo(Succeed())
	})

	It("cannot be given other content by anybody", func(ctx SpecContext) {
		t := newTenant(ctx, nil)
		t.applies(one(app))
		t.ready(ctx, app)
		record := t.record(ctx, app+"-1")
		record.Data.Raw = []byte(strings.ReplaceAll(string(record.Data.Raw), "my-app:1", "thief:1"))
		refusal := world.Kube.Update(ctx, record)
		Expect(refusal).To(MatchError(ContainSubstring("field is immutable")))
	})

	It("that somebody else created runs after a rollback to it, and Pod Security applies", func(ctx SpecContext) {
		for level, tries := range map[string]func(tenant){
			"privileged": func(t tenant) {
				Eventually(func() []string { return world.History(t.named(ctx, app)) }).WithContext(ctx).
					Should(ContainElement("7 Rollback Succeeded"))
				Expect(t.podsOf(ctx, app)).To(ContainElement(HaveField("Spec.HostPID", BeTrue())))
			},
			"baseline": func(t tenant) {
				Eventually(t.condition(ctx, app, v1alpha1.ConditionStalled)).WithContext(ctx).WithTimeout(failsFast).
					Should(HaveField("Reason", v1alpha1.ReasonRolledBack))
				Expect(t.named(ctx, app).Status.Failure.Message).To(ContainSubstring(`violates PodSecurity "baseline:latest"`))
				Expect(t.podsOf(ctx, app)).To(HaveEach(HaveField("Spec.HostPID", BeFalse())))
			},
		} {
			t := newTenant(ctx, map[string]string{podSecurity: level})
			t.applies(one(app))
			t.ready(ctx, app)
			Expect(world.Kube.Create(ctx, forgery(t.record(ctx, app+"-1"), 7))).To(Succeed())
			t.applies(one(app, fixture.RollbackTo(7, 0)))
			tries(t)
		}
	})

	It("can be created under the policy only by users who may create its pods themselves", func(ctx SpecContext) {
		t := newTenant(ctx, underPolicy)
		t.applies(one(app))
		t.ready(ctx, app)
		t.grant(ctx, "apps", "controllerrevisions", []string{"create", "update", "patch"})
		var refusal error
		Eventually(func() error {
			refusal = t.asAuthor().Create(ctx, forgery(t.record(ctx, app+"-1"), 7))
			return refusal
		}).Should(MatchError(And(ContainSubstring("denied request: metadata.labels[apps.appstack.dev/stack]: "),
			ContainSubstring("may not create deployments in namespace "+t.Namespace),
			ContainSubstring("leave records to the operator, or ask for that right (create deployments.apps)"))))
		tell("a forged record", refusal.Error())
		rewritten := t.record(ctx, app+"-1")
		rewritten.Annotations[annotationRecord] = `{"sources":["x"],"contentHash":"x"}`
		Expect(t.asAuthor().Update(ctx, rewritten)).To(MatchError(ContainSubstring("this is the record of a revision")))
		smuggled := forgery(t.record(ctx, app+"-1"), 7)
		smuggled.Labels = nil
		Expect(t.asAuthor().Create(ctx, smuggled)).To(Succeed()) // nobody's, until it has the label
		smuggled.Labels = t.record(ctx, app+"-1").Labels
		Expect(t.asAuthor().Update(ctx, smuggled)).To(MatchError(ContainSubstring("this is the record of a revision")))
		t.grant(ctx, "apps", "deployments", []string{"create"})
		Eventually(func() error { return t.asAuthor().Update(ctx, smuggled) }).Should(Succeed())

		By("letting the operator and the garbage collector do their work")
		t.applies(one(app, fixture.Image("my-app:2")))
		t.ready(ctx, app)
		t.Kubectl("delete", "aps", app, "--cascade=orphan")
		Eventually(func() []metav1.OwnerReference { return t.record(ctx, app+"-1").OwnerReferences }).WithContext(ctx).Should(BeEmpty())
		t.applies(one(app, fixture.Image("my-app:2")))
		t.ready(ctx, app)
		Eventually(func() []metav1.OwnerReference { return t.record(ctx, app+"-1").OwnerReferences }).WithContext(ctx).Should(HaveLen(1))
	})

	DescribeTable("that is invalid changes no running pods, and does not affect other stacks", func(
		ctx SpecContext, number int64, data, record string,
	) {
		t := newTenant(ctx, nil)
		t.applies(one(app))
		t.ready(ctx, app)
		uids := world.UIDs(t.Pods(ctx))
		forged := forgery(t.record(ctx, app+"-1"), number)
		switch data {
		case "":
		case theSame:
			forged.Data = t.record(ctx, app+"-1").Data
		default:
			forged.Data.Raw = []byte(data)
		}
		if record != "" {
			forged.Annotations[annotationRecord] = record
		}
		Expect(world.Kube.Create(ctx, forged)).To(Succeed())
		mark := world.MarkNow()
		t.applies(one(app, fixture.RollbackTo(number, 0)))
		Eventually(t.condition(ctx, app, v1alpha1.ConditionReady)).WithContext(ctx).Should(HaveField("Reason", Not(BeEmpty())))
		requests := t.quiet(ctx, mark)
		Expect(len(requests)).To(BeNumerically("<", 40), "%q", requests)
		tell(CurrentSpecReport().LeafNodeText, t.condition(ctx, app, v1alpha1.ConditionReady)().Message)
		Expect(world.UIDs(t.Pods(ctx))).To(ConsistOf(uids))

		t.applies(one("neighbor"))
		t.ready(ctx, "neighbor")
		Expect(world.Kube.Delete(ctx, forged)).To(Succeed())
		t.applies(one(app, fixture.Image("my-app:2")))
		t.ready(ctx, app)
	},
		Entry("no JSON in the annotation", int64(7), "", "{"),
		Entry("data of another kind", int64(7), `{"components":"all"}`, ""),
		Entry("no component", int64(7), `{"components":[]}`, ""),
		Entry("a component without anything", int64(7), `{"components":[{}]}`, ""),
		Entry("a component twice", int64(7), `{"components":[{"name":"main"},{"name":"main"}]}`, ""),
		Entry("a component with the name of a foreign object", int64(7), `{"components":[{"name":"../x"}]}`, ""),
		Entry("a selector that matches everything", int64(7),
			`{"components":[{"name":"main","selector":{},"template":{"spec":{"containers":[]}}}]}`, ""),
		Entry("a rollout in the far future", int64(7), "",
			`{"sources":[],"contentHash":"x","rollouts":[{"sequence":-1,"trigger":"x","outcome":"x","startedAt":"2999-01-01T00:00:00Z"}]}`),
		Entry("the highest number", int64(1<<53), theSame, ""),
	)
})

// record returns the ControllerRevision with the name.
func (t tenant) record(ctx SpecContext, name string) *appsv1.ControllerRevision {
	GinkgoHelper()
	record, err := world.Get[appsv1.ControllerRevision](ctx, t.Namespace, name)
	Expect(err).NotTo(HaveOccurred())
	return record
}

// forgery returns a forged ControllerRevision with the number: with the labels and the owner of a real
// one, and pods that see the host's processes.
func forgery(from *appsv1.ControllerRevision, number int64) *appsv1.ControllerRevision {
	GinkgoHelper()
	forged := &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: from.Namespace, Name: strings.TrimSuffix(from.Name, "1") + strconv.FormatInt(number, 10), Labels: from.Labels,
			OwnerReferences: from.OwnerReferences,
			Annotations:     map[string]string{annotationRecord: `{"sources":[],"contentHash":"forged"}`},
		},
		Revision: number,
	}
	var content map[string]any
	Expect(json.Unmarshal(from.Data.Raw, &content)).To(Succeed())
	component, _ := content["components"].([]any)[0].(map[string]any)
	spec, _ := component["template"].(map[string]any)["spec"].(map[string]any)
	spec["hostPID"] = true
	raw, err := json.Marshal(content)
	Expect(err).NotTo(HaveOccurred())
	forged.Data = runtime.RawExtension{Raw: raw}
	return forged
}
