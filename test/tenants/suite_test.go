// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package tenants_test tests which rights an account that may only write stacks gains through them. The
// operator runs with the rights of config/rbac.
package tenants_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/format"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/test/kubectl"
	"github.com/appstack-dev/appstack/test/world"
)

// app is the name of the stack in the specs.
const app = world.App

var (
	// editorRole is the ClusterRole of config/rbac for authors.
	editorRole string
	// operatorAccount is the operator's service account.
	operatorAccount rest.ImpersonationConfig
)

func TestTenants(t *testing.T) {
	RegisterFailHandler(Fail)
	format.MaxLength = 4000
	SetDefaultEventuallyTimeout(90 * time.Second)
	EnforceDefaultTimeoutsWhenUsingContexts()
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	SetDefaultConsistentlyDuration(time.Second)
	SetDefaultConsistentlyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "Tenants")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	world.Open(ctx)
	home := world.New(ctx)
	editorRole = madeRole(ctx, "appstack_editor_role.yaml").Name
	account := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: home.Namespace, Name: "controller-manager"}
	operatorAccount = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + account.Namespace + ":" + account.Name,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + account.Namespace, "system:authenticated"},
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "appstack-test-operator-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: madeRole(ctx, "role.yaml").Name},
		Subjects:   []rbacv1.Subject{account},
	}
	Expect(world.Kube.Create(ctx, binding)).To(Succeed())
	DeferCleanup(remove, binding)

	policy := filepath.Join(world.Root(), "config", "tenant-policy")
	kubectl.Run("apply", "-k", policy)
	DeferCleanup(func() { kubectl.Run("delete", "--ignore-not-found", "-k", policy) })
})

// madeRole creates the ClusterRole of a file of config/rbac, with its own name.
func madeRole(ctx SpecContext, file string) *rbacv1.ClusterRole {
	GinkgoHelper()
	raw, err := os.ReadFile(filepath.Join(world.Root(), "config", "rbac", file))
	Expect(err).NotTo(HaveOccurred())
	role := &rbacv1.ClusterRole{}
	Expect(yaml.UnmarshalStrict(raw, role)).To(Succeed())
	role.GenerateName, role.Name = "appstack-test-"+role.Name+"-", ""
	role.Labels = nil // it is not to be aggregated into the cluster's own roles
	Expect(world.Kube.Create(ctx, role)).To(Succeed())
	DeferCleanup(remove, role)
	return role
}

func remove(ctx SpecContext, object client.Object) {
	Expect(client.IgnoreNotFound(world.Kube.Delete(ctx, object))).To(Succeed())
}
