// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/operator"
)

var _ = Describe("the operator's rights", func() {
	It("suffice for a stack's whole life, and no more are used", func() {
		asAccount, _ := operatorAccount()
		instead(asAccount, operator.Options{})

		By("creating all kinds of objects, adopting, updating")
		Expect(k8s.Create(ctx, legacyDeployment(app))).To(Succeed())
		Expect(k8s.Create(ctx, legacyService(app))).To(Succeed())
		putConfig("web", map[string]string{"color": "blue"})
		stack := created(adopting(), fixture.HistoryLimit(1), autoscaled(v1alpha1.Autoscaling{MaxReplicas: 3}), fixture.EnvFrom("web"),
			fixture.Component("worker", 2, func(c *v1alpha1.Component) { c.Ports = []v1alpha1.Port{{ContainerPort: 1}} }))
		expectEvent(stack, corev1.EventTypeNormal, v1alpha1.EventRolloutStarted, "revision 1")
		released(fixture.Image("my-app:2"), fixture.HistoryLimit(3), notAutoscaled())

		By("rolling back, pruning, removing")
		released(fixture.RollbackTo(1, 0))
		released(fixture.NoRollback(), fixture.HistoryLimit(1), fixture.WithoutComponents(), fixture.Ports())
		Eventually(numbers).Should(Equal([]int64{3}))
		for _, object := range []string{app, worker} {
			Eventually(gone(&corev1.Service{}, object)).Should(BeTrue())
		}
		Eventually(gone(&appsv1.Deployment{}, worker)).Should(BeTrue())

		By("adopting orphaned objects")
		orphan()
		stack = created(fixture.Image("my-app:2"), fixture.Ports())
		Eventually(func(g Gomega) {
			for _, object := range owned() {
				g.Expect(metav1.IsControlledBy(object, stack)).To(BeTrue(), object.GetName())
			}
		}).Should(Succeed())

		By("restoring a removed label")
		edit(deployment(app), func(d *appsv1.Deployment) { delete(d.Labels, naming.LabelStack) })
		Eventually(func() map[string]string { return deployment(app).Labels }).Should(HaveKey(naming.LabelStack))
		ready()
	})

	It("in one namespace suffice for an operator that works there only (--watch-namespaces)", func() {
		other := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "other-"}}
		Expect(k8s.Create(ctx, other)).To(Succeed())
		instead(tenantAccount(), operator.Options{Namespaces: []string{namespace}})

		elsewhere := fixture.Stack(app, fixture.InNamespace(other.Name))
		Expect(k8s.Create(ctx, elsewhere)).To(Succeed())
		DeferCleanup(func() { Expect(k8s.Delete(ctx, elsewhere)).To(Succeed()) })
		putConfig("web", map[string]string{"color": "blue"})
		created(fixture.Component("worker", 2, nil, "work"), fixture.EnvFrom("web"))
		released(fixture.Image("my-app:2"))
		released(fixture.RollbackTo(1, 2), fixture.WithoutComponents())
		Consistently(func(g Gomega) {
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(elsewhere), elsewhere)).To(Succeed())
			g.Expect(elsewhere.Status.ObservedGeneration).To(BeZero())
		}).Should(Succeed())
	})

	DescribeTable("suffice to see the pods of many stacks that roll out at once (R17)",
		func(run func()) {
			run()
			created()
			const many = 25 // more stacks than get a watch of their own
			for i := range many {
				other := fixture.Stack(fmt.Sprintf("other-%d", i), fixture.InNamespace(namespace))
				Expect(k8s.Create(ctx, other)).To(Succeed())
			}
			Eventually(func(g Gomega) {
				list := &appsv1.DeploymentList{}
				g.Expect(k8s.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
				g.Expect(list.Items).To(HaveLen(many + 1))
			}).Should(Succeed())
			change(fixture.Image("my-app:2"))
			moved(2)
			fails(podOf(replicaSetOf(deployment(app))))
			healed()
		},
		Entry("in all namespaces", func() {
			asAccount, _ := operatorAccount()
			instead(asAccount, operator.Options{})
		}),
		Entry("in one", func() { instead(tenantAccount(), operator.Options{Namespaces: []string{namespace}}) }),
	)

	It("hold no wildcard, no Secrets, and nothing by which more could be had", func() {
		for _, rule := range readRole("role.yaml").Rules {
			Expect(slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs)).NotTo(ContainElement("*"))
			Expect(rule.Resources).NotTo(ContainElement("secrets"))
			if slices.Contains(rule.Resources, "pods") {
				Expect(rule.Verbs).To(ConsistOf("list", "watch"))
			}
			Expect(rule.Resources).NotTo(ContainElement(HavePrefix("pods/")))
			Expect(rule.Verbs).NotTo(ContainElement(BeElementOf("escalate", "bind", "impersonate")))
			Expect(rule.NonResourceURLs).To(BeEmpty())
		}
	})
})

var _ = Describe("the users' roles", func() {
	DescribeTable("aggregate to the built-in ones",
		func(file, to string, verbs, statusVerbs []string) {
			role := readRole(file)
			Expect(role.Labels).To(HaveKeyWithValue("rbac.authorization.k8s.io/aggregate-to-"+to, "true"))
			Expect(verbsOn(role, "appstacks")).To(ConsistOf(verbs))
			Expect(verbsOn(role, "appstacks/status")).To(ConsistOf(statusVerbs))
			Expect(verbsOn(role, "appstacks/scale")).To(ContainElement("get"))
			for _, rule := range role.Rules { // the other API groups: reading the objects of a stack
				if slices.Equal(rule.APIGroups, []string{v1alpha1.GroupName}) {
					continue
				}
				Expect(rule.Verbs).To(HaveEach(BeElementOf("get", "list", "watch")))
				Expect(rule.Resources).To(HaveEach(BeElementOf("pods", "pods/log", "services", "deployments", "replicasets",
					"controllerrevisions", "horizontalpodautoscalers", "poddisruptionbudgets")))
			}
		},
		Entry("admin", "appstack_admin_role.yaml", "admin",
			[]string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}, []string{"get", "update", "patch"}),
		Entry("editor", "appstack_editor_role.yaml", "edit",
			[]string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}, []string{"get"}),
		Entry("viewer", "appstack_viewer_role.yaml", "view",
			[]string{"get", "list", "watch"}, []string{"get"}),
	)
})

// operatorAccount returns a client config with exactly the permissions that
// config/rbac grants the operator, and the guard of ConfigMaps, until the spec ends.
func operatorAccount() (asAccount *rest.Config, account rbacv1.Subject) {
	GinkgoHelper()
	installGuard("copies_policy.yaml", "copies_binding.yaml")
	role := readRole("role.yaml")
	role.GenerateName, role.Name = "operator-", ""
	Expect(k8s.Create(ctx, role)).To(Succeed())
	account = rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "appstack-controller-manager"}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "operator-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{account},
	}
	Expect(k8s.Create(ctx, binding)).To(Succeed())
	DeferCleanup(func() {
		Expect(k8s.Delete(ctx, binding)).To(Succeed())
		Expect(k8s.Delete(ctx, role)).To(Succeed())
	})
	return as(account), account
}

// tenantAccount returns a client config with exactly the permissions that
// config/namespaced/tenant grants the operator in the spec's namespace.
func tenantAccount() *rest.Config {
	GinkgoHelper()
	installGuard("copies_policy.yaml", "copies_binding.yaml")
	raw, err := os.ReadFile(filepath.Join(root, "config", "namespaced", "tenant", "role.yaml"))
	Expect(err).NotTo(HaveOccurred())
	role := &rbacv1.Role{}
	Expect(yaml.UnmarshalStrict(raw, role)).To(Succeed())
	role.Namespace = namespace
	Expect(k8s.Create(ctx, role)).To(Succeed())
	account := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "appstack-controller-manager"}
	Expect(k8s.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects:   []rbacv1.Subject{account},
	})).To(Succeed())
	return as(account)
}

// as returns a client config that impersonates the account.
func as(account rbacv1.Subject) *rest.Config {
	asAccount := rest.CopyConfig(config)
	asAccount.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + account.Namespace + ":" + account.Name,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + account.Namespace, "system:authenticated"},
	}
	return asAccount
}

func readRole(file string) *rbacv1.ClusterRole {
	GinkgoHelper()
	raw, err := os.ReadFile(filepath.Join(root, "config", "rbac", file))
	Expect(err).NotTo(HaveOccurred())
	role := &rbacv1.ClusterRole{}
	Expect(yaml.UnmarshalStrict(raw, role)).To(Succeed())
	return role
}

func verbsOn(role *rbacv1.ClusterRole, resource string) []string {
	var verbs []string
	for _, rule := range role.Rules {
		if slices.Contains(rule.Resources, resource) {
			verbs = append(verbs, rule.Verbs...)
		}
	}
	return verbs
}
