// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("the plugin: status", func() {
	It("shows components, revisions and pods", func() {
		created(fixture.Component("worker", 2, nil, "work"))
		pod := podOf(replicaSetOf(deployment(app)))
		Expect(does("status", app)).To(And(
			HavePrefix("✔ Ready: "),
			MatchRegexp(`(?m)^Namespace +%s$`, namespace),
			MatchRegexp(`(?m)^Revision +1, last good$`),
			MatchRegexp(`(?m)^Address +my-app\.%s\.svc`, namespace),
			MatchRegexp(`(?m)^├─ main +✔ 3 updated +3/3 .* my-app:1$`),
			MatchRegexp(`(?m)^│  └─ revision 1 +current .* last good$`),
			MatchRegexp(`(?m)^│     └─ %s +◌ Pending`, pod.Name),
			MatchRegexp(`(?m)^└─ worker +✔ 2 updated +2/2`),
		))
	})

	It("shows a rollout that is under way, and which pods are of which revision", func() {
		created()
		old := podOf(replicaSetOf(deployment(app)))
		change(fixture.Image("my-app:2"))
		moved(2)
		pod := podOf(replicaSetOf(deployment(app)))
		text := does("status", app)
		Expect(text).To(And(
			HavePrefix("◌ Progressing: "),
			ContainSubstring("2 is being rolled out, last good is 1"),
			MatchRegexp(`(?m)^└─ main +◌ 0 of 3 updated`),
			MatchRegexp(`(?m)^   ├─ revision 2 +current`),
			MatchRegexp(`(?m)^   └─ revision 1 +earlier .* last good$`),
		))
		Expect(strings.Index(text, pod.Name)).To(BeNumerically("<", strings.Index(text, old.Name)))
	})

	It("shows what failed", func() {
		created()
		pod := brokenRelease()
		Expect(does("status", app)).To(And(
			HavePrefix("✖ RolledBack: "),
			ContainSubstring("1, last good, the spec requests 2"),
			ContainSubstring("Revision 2 failed"),
			ContainSubstring(v1alpha1.FailureInvalidImageName),
			ContainSubstring("couldn't parse image name"),
			MatchRegexp(`(?m)^  pod +%s$`, pod),
			MatchRegexp(`(?m)^   └─ revision 2 .* failed: InvalidImageName$`),
		))
	})

	It("writes the object for programs", func() {
		created()
		for _, format := range []string{"yaml", "json"} {
			stack := read[*v1alpha1.AppStack](does("status", app, "-o", format))
			Expect(stack.Kind).To(Equal("AppStack"))
			Expect(stack.APIVersion).To(Equal(v1alpha1.GroupVersion.String()))
			Expect(stack.Spec).To(Equal(current().Spec))
			Expect(stack.Status.Revision).To(Equal(int64(1)))
		}
		Expect(does("status", app, "-o", "name")).To(Equal("appstack.apps.appstack.dev/my-app\n"))
		Expect(does("status", app, "-o", "jsonpath={.status.image}")).To(Equal("my-app:1"))
		Expect(does("status", app, "-o", "wide")).To(ContainSubstring("Ready"))
		Expect(refuses("status", app, "-o", "bogus")).To(ContainSubstring("bogus"))
	})

	It("of an unknown name says where it looked", func() {
		Expect(refuses("status", app)).To(Equal(
			`error: AppStack "my-app" not found in namespace ` + namespace + ": see kubectl appstack list -A\n"))
	})
})

var _ = Describe("the plugin: list", func() {
	// names returns the first word of each line below the header.
	names := func(text string) []string {
		var all []string
		for _, line := range strings.Split(strings.TrimSpace(text), "\n")[1:] {
			all = append(all, strings.Fields(line)[0])
		}
		return all
	}
	// another creates a stack that never becomes ready, because nothing handles its Deployments.
	another := func(name string, options ...option) {
		GinkgoHelper()
		options = append([]option{fixture.InNamespace(namespace)}, options...)
		Expect(k8s.Create(ctx, fixture.Stack(name, options...))).To(Succeed())
	}
	stalls := func(name string) {
		GinkgoHelper()
		Eventually(func(g Gomega) {
			stack := find(g, &v1alpha1.AppStack{}, name)
			g.Expect(stack).To(haveCondition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonRejected))
		}).Should(Succeed())
	}
	team := func(of string) option {
		return func(s *v1alpha1.AppStack) { s.Labels = map[string]string{"team": of} }
	}

	It("shows those that need someone first, then those that are busy", func() {
		created(team("shop"))
		another("busy")
		another("refused", fixture.Env("a=b", "c"), team("shop"))
		stalls("refused")
		text := does("list")
		Expect(names(text)).To(Equal([]string{"refused", "busy", app}))
		Expect(text).To(And(
			MatchRegexp(`(?m)^refused +✖ Rejected +- `),
			MatchRegexp(`(?m)^busy +◌ `),
			MatchRegexp(`(?m)^my-app +✔ Ready +1 +3/3 .* my-app:1$`),
		))

		By("selecting by labels")
		Expect(names(does("list", "-l", "team=shop"))).To(Equal([]string{"refused", app}))
		Expect(names(does("ls", "-l", "!team"))).To(Equal([]string{"busy"}))
		Expect(refuses("list", "-l", "=")).To(ContainSubstring("--selector"))

		By("printing wide output")
		Expect(does("list", "-o", "wide")).To(And(ContainSubstring("MESSAGE"), ContainSubstring("spec.template.spec.containers[0].env[0].name")))

		By("printing machine-readable objects, in the same order")
		list := read[*v1alpha1.AppStackList](does("list", "-o", "json"))
		Expect(list.Kind).To(Equal("AppStackList"))
		Expect(list.Items).To(HaveExactElements(HaveField("Name", "refused"), HaveField("Name", "busy"), HaveField("Name", app)))
		Expect(list.Items).To(HaveEach(HaveField("Kind", "AppStack")))
	})

	It("writes names for programs", func() {
		another("one")
		another("two")
		Expect(does("list", "-o", "name")).To(Equal("appstack.apps.appstack.dev/one\nappstack.apps.appstack.dev/two\n"))
	})

	It("shows those of all namespaces", func() {
		create()
		other := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "other-"}}
		Expect(k8s.Create(ctx, other)).To(Succeed())
		elsewhere := fixture.Stack("elsewhere", fixture.InNamespace(other.Name))
		Expect(k8s.Create(ctx, elsewhere)).To(Succeed())
		DeferCleanup(func() { Expect(k8s.Delete(ctx, elsewhere)).To(Succeed()) })

		Expect(does("list", "-A")).To(And(
			HavePrefix("NAMESPACE "),
			MatchRegexp(`(?m)^%s +my-app `, namespace),
			MatchRegexp(`(?m)^%s +elsewhere `, other.Name)))
		Expect(does("list")).NotTo(ContainSubstring("elsewhere"))
	})

	It("of an empty namespace tells how to begin, on the standard error", func() {
		stdout, stderr, code := appstack("list")
		Expect(code).To(BeZero())
		Expect(stdout).To(BeEmpty())
		Expect(stderr).To(Equal("No stacks found in namespace " + namespace +
			": create one with kubectl appstack create NAME --image IMAGE\n"))
		Expect(read[*v1alpha1.AppStackList](does("list", "-o", "json")).Items).To(BeEmpty())
	})
})
