// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package tenants_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/kubectl"
	"github.com/appstack-dev/appstack/test/operator"
	"github.com/appstack-dev/appstack/test/world"
)

// The labels by which policies apply to a namespace.
const (
	podSecurity  = "pod-security.kubernetes.io/enforce"
	tenantPolicy = "apps.appstack.dev/tenant-policy"
)

// underPolicy are the labels of a namespace to which config/tenant-policy applies.
var underPolicy = map[string]string{tenantPolicy: "enforce"}

// tenant is a namespace with an author, who may only write stacks there, and an operator.
type tenant struct {
	world.World
	author string
}

func newTenant(ctx context.Context, labels map[string]string) tenant {
	GinkgoHelper()
	t := tenant{World: world.New(ctx)}
	t.author = "author-of-" + t.Namespace
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: t.Namespace}}
	Expect(world.Kube.Get(ctx, client.ObjectKeyFromObject(namespace), namespace)).To(Succeed())
	for key, value := range labels {
		metav1.SetMetaDataLabel(&namespace.ObjectMeta, key, value)
	}
	Expect(world.Kube.Update(ctx, namespace)).To(Succeed())
	t.bind(ctx, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: editorRole})
	t.operates()
	return t
}

// operates runs the operator for this namespace only, until the spec ends.
func (t tenant) operates() {
	GinkgoHelper()
	config := world.Connection(world.OperatorAgent)
	config.Impersonate = operatorAccount
	// it continues after the node that starts it
	stop, err := operator.Start(context.Background(), config, operator.Options{Namespaces: []string{t.Namespace}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(stop()).To(Succeed()) })
}

// bind gives the author a role in the namespace.
func (t tenant) bind(ctx context.Context, role rbacv1.RoleRef) {
	GinkgoHelper()
	Expect(world.Kube.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: t.Namespace, GenerateName: "author-"},
		RoleRef:    role,
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: t.author}},
	})).To(Succeed())
}

// grant gives the author one more right in the namespace, on some objects or on all.
func (t tenant) grant(ctx context.Context, group, resource string, verbs []string, names ...string) {
	GinkgoHelper()
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: t.Namespace, GenerateName: "author-"},
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs, ResourceNames: names,
		}},
	}
	Expect(world.Kube.Create(ctx, role)).To(Succeed())
	t.bind(ctx, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name})
}

// asAuthor returns the author's client.
func (t tenant) asAuthor() client.Client {
	GinkgoHelper()
	config := world.Connection("appstack-tenants-test")
	config.Impersonate = rest.ImpersonationConfig{UserName: t.author, Groups: []string{"system:authenticated"}}
	author, err := client.New(config, client.Options{Scheme: world.Kube.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return author
}

// attempts runs kubectl apply with the stack as the author, and returns kubectl's error message.
func (t tenant) attempts(stack *v1alpha1.AppStack, args ...string) error {
	GinkgoHelper()
	stack.Namespace = t.Namespace
	stack.APIVersion, stack.Kind = v1alpha1.GroupVersion.String(), "AppStack"
	text, err := yaml.Marshal(stack)
	Expect(err).NotTo(HaveOccurred())
	all := append([]string{"--namespace", t.Namespace, "--as", t.author, "apply", "-f", "-"}, args...)
	if _, stderr, err := kubectl.Attempt(string(text), all...); err != nil {
		return fmt.Errorf("%w: %s", err, stderr)
	}
	return nil
}

// applies runs kubectl apply with the stack as the author, which must succeed.
func (t tenant) applies(stack *v1alpha1.AppStack) {
	GinkgoHelper()
	Expect(t.attempts(stack)).To(Succeed())
}

// dryRun makes a dry run of applying the stack as the author.
func (t tenant) dryRun(stack *v1alpha1.AppStack) error {
	GinkgoHelper()
	return t.attempts(stack, "--dry-run=server")
}

// named returns the stack with the name.
func (t tenant) named(ctx context.Context, name string) *v1alpha1.AppStack {
	GinkgoHelper()
	stack, err := world.Get[v1alpha1.AppStack](ctx, t.Namespace, name)
	Expect(err).NotTo(HaveOccurred())
	return stack
}

// condition returns the condition of the named stack for its current generation; empty if there is
// none.
func (t tenant) condition(ctx context.Context, name, conditionType string) func() metav1.Condition {
	return func() metav1.Condition {
		GinkgoHelper()
		stack := t.named(ctx, name)
		condition := meta.FindStatusCondition(stack.Status.Conditions, conditionType)
		if condition == nil || condition.ObservedGeneration != stack.Generation {
			return metav1.Condition{}
		}
		return *condition
	}
}

// ready waits until the named stack is ready.
func (t tenant) ready(ctx context.Context, name string) *v1alpha1.AppStack {
	GinkgoHelper()
	Eventually(t.condition(ctx, name, v1alpha1.ConditionReady)).WithContext(ctx).
		Should(HaveField("Status", metav1.ConditionTrue), name)
	return t.named(ctx, name)
}

// stalled waits until the named stack is stalled with the reason, and returns the message of the
// condition.
func (t tenant) stalled(ctx context.Context, name, reason string) string {
	GinkgoHelper()
	var condition metav1.Condition
	Eventually(func() metav1.Condition {
		condition = t.condition(ctx, name, v1alpha1.ConditionStalled)()
		return condition
	}).WithContext(ctx).Should(HaveField("Reason", reason), name)
	tell(name, condition.Message)
	return condition.Message
}

// requests returns the requests of the operator for this namespace since the mark: other specs may run
// operators in this cluster.
func (t tenant) requests(mark world.Mark) (all []string) {
	GinkgoHelper()
	for _, request := range mark.Requests(t.World) {
		if strings.Contains(request, "/namespaces/"+t.Namespace+"/") {
			all = append(all, request)
		}
	}
	return all
}

// quiet waits until the operator has made no request here for two seconds, and returns its requests
// since the mark.
func (t tenant) quiet(ctx context.Context, mark world.Mark) (requests []string) {
	GinkgoHelper()
	before := -1
	Eventually(ctx, func() int {
		requests = t.requests(mark)
		fresh := len(requests) - before
		before = len(requests)
		return fresh
	}).WithPolling(2 * time.Second).WithTimeout(time.Minute).Should(BeZero())
	return requests
}

// tell adds a message to the output of a verbose run; docs/security.md has some of them.
func tell(about, message string) {
	_, _ = fmt.Fprintf(GinkgoWriter, "%s: %s\n", about, message)
}
