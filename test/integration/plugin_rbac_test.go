// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli"
	"github.com/appstack-dev/appstack/test/fixture"
)

// granted binds the user to a role in the spec's namespace and waits until the binding takes effect.
func granted(user string, role *rbacv1.ClusterRole) {
	GinkgoHelper()
	role.ObjectMeta = metav1.ObjectMeta{GenerateName: "plugin-"}
	Expect(k8s.Create(ctx, role)).To(Succeed())
	DeferCleanup(func() { Expect(k8s.Delete(ctx, role)).To(Succeed()) })
	Expect(k8s.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "plugin-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
	})).To(Succeed())
	Eventually(func(g Gomega) {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: "list", Group: v1alpha1.GroupName, Resource: "appstacks",
			},
		}}
		g.Expect(k8s.Create(ctx, review)).To(Succeed())
		g.Expect(review.Status.Allowed).To(BeTrue())
	}).Should(Succeed())
}

const (
	// vic may read stacks and their objects.
	vic = "vic"
	// ed may also change stacks.
	ed = "ed"
	// wes may read stacks, and nothing else.
	wes = "wes"
	// sam has no permissions.
	sam = "sam"
)

// asked is a command with the verb of its first request that needs a permission.
type asked struct {
	verb string
	args []string
}

// writes are commands that change a stack that is rolled back from revision 2 to 1.
var writes = []asked{
	{"create", []string{"create", "other", "--image", "my-app:1"}},
	{"patch", []string{"set-image", app, "my-app:3"}},
	{"patch", []string{"rollback", app, "--to-revision", "1", "--yes"}},
	{"patch", []string{"resume-spec", app}},
	{"patch", []string{"restart", app}},
	{"patch", []string{"pause", app}},
	{"patch", []string{"resume", app}},
	{"patch", []string{"scale", app, "5"}},
}

// reads are commands that read that stack.
var reads = []asked{
	{"get", []string{"status", app}},
	{"get", []string{"status", app, "-o", "yaml"}},
	{"list", []string{"list"}},
	{"get", []string{"history", app}},
	{"get", []string{"history", app, "--revision", "1"}},
	{"get", []string{"diff", app}},
	{"get", []string{"diff", app, "1", "2"}},
	{"get", []string{"why", app}},
	{"list", []string{"wait", app}},
	{"get", []string{"export", app}},
}

var _ = Describe("the plugin: permissions", func() {
	rolledBack := func() {
		GinkgoHelper()
		created()
		released(fixture.Image("my-app:2"))
		released(fixture.RollbackTo(1, 2))
	}
	viewer := func() { granted(vic, readRole("appstack_viewer_role.yaml")) }
	editor := func() { granted(ed, readRole("appstack_editor_role.yaml")) }
	onlooker := func() {
		granted(wes, &rbacv1.ClusterRole{Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupName}, Resources: []string{"appstacks"}, Verbs: []string{"get", "list", "watch"},
		}}})
	}
	lacks := func(who, verb string) string {
		return who + " cannot " + verb + " appstacks.apps.appstack.dev in namespace " + namespace
	}

	// suffices checks that the user can run the command and gets its full output.
	suffices := func(user string, command asked) {
		GinkgoHelper()
		By(strings.Join(command.args, " "))
		stdout, stderr, code := appstackAs(user, command.args...)
		Expect(code).To(BeZero(), stderr)
		Expect(stdout).NotTo(BeEmpty())
		Expect(stdout + stderr).NotTo(ContainSubstring("ask an administrator"))
	}
	// refused checks that the error names the missing permission and that nothing changes.
	refused := func(user, verb string, args ...string) {
		GinkgoHelper()
		By(strings.Join(args, " "))
		changesNothing(func() {
			_, stderr, code := appstackAs(user, args...)
			Expect(code).To(Equal(cli.ExitError))
			Expect(stderr).To(ContainSubstring("error: " + lacks(user, verb)))
		})
	}

	It("the viewer's role suffices to look", func() {
		rolledBack()
		viewer()
		for _, command := range reads {
			suffices(vic, command)
		}
	})

	It("the viewer's role suffices to watch, and to ask for logs", func() {
		created()
		viewer()
		status := goes("status", app, "-w", "--as", vic)
		Eventually(status.out).Should(gbytes.Say("my-app: ✔ Ready"))
		change(fixture.Image("my-app:2"))
		Eventually(status.out).Should(gbytes.Say("my-app: ◌ Progressing"))
		moved(2)
		_, stderr, code := appstackAs(vic, "logs", app)
		Expect(code).To(Equal(cli.ExitError))
		Expect(stderr).To(MatchRegexp(`^error: revision 2 has no pods: `))
		podOf(replicaSetOf(deployment(app)))
		ready()
		_, stderr, code = appstackAs(vic, "logs", app)
		Expect(code).To(BeZero(), stderr)
	})

	It("the viewer's role suffices for the versions, but for the operator's, and says so", func() {
		viewer()
		stdout, stderr, code := appstackAs(vic, "version")
		Expect(code).To(BeZero())
		Expect(stdout).To(And(ContainSubstring("Client "), ContainSubstring("Server ")))
		Expect(stderr).To(ContainSubstring("operator: vic cannot list deployments.apps in all namespaces"))
	})

	It("the viewer's role is not enough to change anything, which is said", func() {
		rolledBack()
		viewer()
		for _, command := range writes {
			refused(vic, command.verb, command.args...)
		}
		_, stderr, _ := appstackAs(vic, "pause", app)
		Expect(stderr).To(ContainSubstring("such as appstack-editor-role"))
	})

	It("the editor's role suffices for everything", func() {
		rolledBack()
		editor()
		for _, command := range reads {
			suffices(ed, command)
		}
		for _, command := range writes {
			change(fixture.RollbackTo(1, 2), fixture.Image("my-app:2"), fixture.Paused(false))
			suffices(ed, command)
		}
	})

	It("the history names the editor", func() {
		created()
		editor()
		_, stderr, code := appstackAs(ed, "set-image", app, "my-app:2")
		Expect(code).To(BeZero(), stderr)
		moved(2)
		Expect(ready().Status.History[0].Cause).To(Equal("set-image my-app:2, by ed"))
	})

	It("a stranger is told which permission is missing", func() {
		rolledBack()
		for _, command := range slices.Concat(reads, writes) {
			if command.verb == "patch" {
				command.verb = "get" // the command reads before it patches
			}
			refused(sam, command.verb, command.args...)
		}
		refused(sam, "get", "logs", app)
		refused(sam, "list", "status", app, "-w")
	})

	It("a stranger is told that he may not look at all namespaces", func() {
		_, stderr, code := appstackAs(sam, "list", "-A")
		Expect(code).To(Equal(cli.ExitError))
		Expect(stderr).To(And(
			ContainSubstring("sam cannot list appstacks.apps.appstack.dev in all namespaces"), ContainSubstring("appstack-viewer-role")))
	})

	It("who may see stacks only is shown them, and told what is not shown", func() {
		rolledBack()
		onlooker()
		for _, command := range []string{"status", "why"} {
			stdout, stderr, code := appstackAs(wes, command, app)
			Expect(code).To(BeZero(), stderr)
			Expect(stdout).To(And(ContainSubstring("Ready"), ContainSubstring("my-app:1")))
			for _, resource := range []string{"controllerrevisions.apps", "deployments.apps", "replicasets.apps", "pods"} {
				Expect(stdout).To(MatchRegexp(`not shown: wes cannot list %s in namespace %s`, resource, namespace), command)
			}
		}
		for _, args := range [][]string{{"list"}, {"history", app}, {"wait", app}} {
			_, stderr, code := appstackAs(wes, args...)
			Expect(code).To(BeZero(), stderr)
		}
	})

	It("who may see stacks only is told nothing about revisions that is not so", func() {
		rolledBack()
		onlooker()
		stdout, _, _ := appstackAs(wes, "why", app)
		Expect(stdout).NotTo(ContainSubstring("has no revision yet"))
	})

	DescribeTable("who may see stacks only is refused what needs more, by",
		func(resource string, args ...string) {
			rolledBack()
			onlooker()
			_, stderr, code := appstackAs(wes, args...)
			Expect(code).To(Equal(cli.ExitError))
			Expect(stderr).To(ContainSubstring("error: wes cannot list " + resource))
		},
		Entry("diff", "controllerrevisions.apps", "diff", app),
		Entry("history --revision", "controllerrevisions.apps", "history", app, "--revision", "1"),
		Entry("rollback", "controllerrevisions.apps", "rollback", app, "--yes"),
		Entry("logs", "", "logs", app), // one of several resources
		Entry("export", "deployments.apps", "export", app),
	)
})
