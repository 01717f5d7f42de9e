// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("the plugin: why", func() {
	// told returns the output of why by title.
	told := func() map[string]string {
		GinkgoHelper()
		parts := map[string]string{}
		title := ""
		for line := range strings.Lines(does("why", app)) {
			if !strings.HasPrefix(line, " ") {
				title = strings.TrimSpace(line)
				continue
			}
			parts[title] += line
		}
		return parts
	}
	const runs, asked, stands, failed, todo = "Running", "Requested", "Status", "Failure", "Next steps"

	It("of a stack that is ready says what runs, and that nothing is to be done", func() {
		created(fixture.Annotation(v1alpha1.AnnotationChangeCause, "first"))
		parts := told()
		Expect(parts[runs]).To(And(
			ContainSubstring("Revision 1 runs: my-app:1."), ContainSubstring("3 of 3"), ContainSubstring("my-app."+namespace+".svc")))
		Expect(parts[asked]).To(And(
			ContainSubstring("The spec has the content of revision 1 (my-app:1)."), ContainSubstring("(SpecChanged): first.")))
		Expect(parts[stands]).To(ContainSubstring("✔ Ready: "))
		Expect(parts).NotTo(Or(HaveKey(failed), HaveKey(todo)))
	})

	It("of a release that failed says why, and the ways out", func() {
		created()
		pod := brokenRelease()
		parts := told()
		Expect(parts[runs]).To(ContainSubstring("Revision 1 runs: my-app:1."))
		Expect(parts[asked]).To(And(
			ContainSubstring("the content of revision 2 (my-app:2)"), ContainSubstring("to revision 1"), ContainSubstring("AutoRollback")))
		Expect(parts[stands]).To(ContainSubstring("✖ RolledBack: "))
		Expect(parts[failed]).To(And(
			ContainSubstring("Revision 2 failed"), ContainSubstring("InvalidImageName"),
			ContainSubstring(pod), ContainSubstring("couldn't parse image name")))
		Expect(parts[todo]).To(And(
			ContainSubstring("kubectl appstack set-image my-app IMAGE -n "+namespace),
			ContainSubstring("kubectl appstack restart my-app -n "+namespace),
			ContainSubstring("kubectl appstack rollback my-app -n "+namespace)))
	})

	It("of a claim that only one node can mount warns, as status does, until old pods go first", func() {
		claim := &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "data"},
			Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources: corev1.VolumeResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
				},
			},
		}
		Expect(k8s.Create(ctx, claim)).To(Succeed())
		mounts := func(s *v1alpha1.AppStack) {
			s.Spec.Volumes = []v1alpha1.Volume{{
				Name: "data", MountPath: "/data",
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
			}}
		}
		created(mounts)
		const warning = "mounts the claim data, which only one node can mount (ReadWriteOnce)"
		Expect(told()["Warnings"]).To(ContainSubstring(warning))
		Expect(does("status", app)).To(ContainSubstring("warning: Component main " + warning))

		change(fixture.Rollout(v1alpha1.RolloutPolicy{Strategy: v1alpha1.RolloutStrategyRecreate}))
		Eventually(func() string { return does("why", app) }).ShouldNot(ContainSubstring("the claim data"))
	})

	It("of a first release that failed does not tell to go back", func() {
		deny("my-app:denied")
		create(fixture.Image("my-app:denied"))
		stalled(v1alpha1.ReasonRolloutFailed)
		parts := told()
		Expect(parts[failed]).To(And(ContainSubstring("Revision 1 failed"), ContainSubstring("my-app:denied is denied")))
		Expect(parts[todo]).To(ContainSubstring("kubectl appstack set-image my-app IMAGE"))
		Expect(parts[todo]).NotTo(ContainSubstring("kubectl appstack rollback"), "no other revision exists")
	})

	It("of a paused stack says how to go on", func() {
		created()
		change(fixture.Paused(true), fixture.Image("my-app:2"))
		Eventually(func() string { return told()[stands] }).Should(ContainSubstring("◌ Paused: "))
		parts := told()
		Expect(parts[runs]).To(ContainSubstring("Revision 1 runs: my-app:1."))
		Expect(parts[asked]).To(And(
			ContainSubstring("The content of the spec (my-app:2) has no revision yet."), ContainSubstring("Rollouts are paused.")))
		Expect(parts[todo]).To(ContainSubstring("kubectl appstack resume my-app -n " + namespace))
	})

	It("of a rollback says how long it holds, and why it was made", func() {
		created()
		released(fixture.Image("my-app:2"))
		released(fixture.RollbackTo(1, 2), fixture.Because("checkout fails"))
		Expect(told()[asked]).To(ContainSubstring(
			"spec.rollback requests revision 1 while the spec has the content of revision 2 (checkout fails)."))
	})

	It("of a rollback to nowhere names the revisions that there are", func() {
		created()
		released(fixture.Image("my-app:2"))
		change(fixture.RollbackTo(9, 0))
		stalled(v1alpha1.ReasonRevisionNotFound)
		parts := told()
		Expect(parts[runs]).To(ContainSubstring("Revision 2 runs"))
		Expect(parts[asked]).To(ContainSubstring("spec.rollback requests revision 9"))
		Expect(parts[stands]).To(ContainSubstring("✖ RevisionNotFound: "))
		Expect(parts[todo]).To(And(ContainSubstring("(1, 2)"), ContainSubstring("kubectl appstack resume-spec my-app -n "+namespace)))
	})

	DescribeTable("of a spec that cannot run names the field",
		func(bad option, reason, field string) {
			created()
			change(bad)
			stalled(reason)
			parts := told()
			Expect(parts[runs]).To(ContainSubstring("Revision 1 runs"))
			Expect(parts[stands]).To(And(ContainSubstring("✖ "+reason+": "), ContainSubstring(field)))
			Expect(parts[todo]).To(ContainSubstring("Correct the field that the message names"))
		},
		Entry("of podTemplate", fixture.PodTemplate(`{"spec":{"afinity":{}}}`),
			v1alpha1.ReasonInvalidPodTemplate, `unknown field "spec.afinity"`),
		Entry("that the API server refuses", fixture.Env("a=b", "c"), v1alpha1.ReasonRejected, "spec.template.spec.containers[0].env[0].name"),
	)

	It("of a name that something else has says how to take it over", func() {
		Expect(k8s.Create(ctx, legacyDeployment(app))).To(Succeed())
		create()
		stalled(v1alpha1.ReasonNameConflict)
		parts := told()
		Expect(parts[runs]).To(ContainSubstring("Nothing yet."))
		Expect(parts[todo]).To(ContainSubstring("kubectl annotate appstack/my-app apps.appstack.dev/adopt=true -n " + namespace))
	})

	It("of a rollout that is under way says how to wait", func() {
		created()
		change(fixture.Image("my-app:2"))
		moved(2)
		parts := told()
		Expect(parts[runs]).To(ContainSubstring("Revision 2 is being rolled out: my-app:2."))
		Expect(parts[todo]).To(ContainSubstring("kubectl appstack wait my-app -n " + namespace))
	})
})

var _ = Describe("the plugin: logs", func() {
	It("of a revision that failed and has no pods any more shows what is kept of them", func() {
		created()
		pod := brokenRelease()
		Expect(k8s.Delete(ctx, find(Default, &corev1.Pod{}, pod), client.GracePeriodSeconds(0))).To(Succeed())
		Expect(refuses("logs", app, "--revision", "2")).To(And(
			HavePrefix("Revision 2 failed "), ContainSubstring("couldn't parse image name"),
			ContainSubstring("error: revision 2 has no pods anymore: see the failure report above\n")))
	})

	It("of a revision without pods tells where to look", func() {
		created()
		Expect(refuses("logs", app)).To(ContainSubstring("revision 1 has no pods: see kubectl appstack status my-app -n " + namespace))
		Expect(refuses("logs", app, "main")).To(ContainSubstring("revision 1 has no pods"))
	})

	It("of a stack that never ran says so", func() {
		create(fixture.Paused(true))
		Expect(refuses("logs", app)).NotTo(ContainSubstring("revision 0"))
	})

	It("of what there is not says what there is", func() {
		created(fixture.Component("worker", 1, nil, "work"))
		Expect(refuses("logs", app, "mailer")).To(ContainSubstring(`my-app has no component "mailer": use one of main, worker`))
		Expect(refuses("logs", app, "--revision", "9")).To(ContainSubstring("my-app has no revision 9: use one of 1"))
		Expect(refuses("logs", "other")).To(ContainSubstring(`AppStack "other" not found`))
	})

	It("of pods that have no node yet is empty, and of one whose node is gone says so", func() {
		created()
		pod := podOf(replicaSetOf(deployment(app)))
		Expect(does("logs", app)).To(BeEmpty())
		to := &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: "nowhere"}}
		Expect(k8s.SubResource("binding").Create(ctx, pod, to)).To(Succeed())
		told := refuses("logs", app)
		Expect(told).To(ContainSubstring(`"nowhere" not found`))
		Expect(told).NotTo(ContainSubstring("list -A"), "the stack exists")
	})

	It("--follow waits for pods, until it is interrupted", func() {
		created()
		logs := goes("logs", app, "-f")
		Consistently(logs.code).ShouldNot(Receive())
		logs.interrupt()
		Eventually(logs.code).Should(Receive(BeZero()))
	})
})
