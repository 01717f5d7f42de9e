// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package tenants_test

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/world"
)

// held is a finalizer that only the spec removes.
const held = "example.com/held"

var _ = Describe("A namespace that cannot be deleted", func() {
	It("causes no requests of the operator, nor does a stack in it that cannot be deleted (R27)", func(ctx SpecContext) {
		t := newTenant(ctx, nil)
		stack := one(app, fixture.Component("worker", 1, nil, "work"))
		stack.Finalizers = []string{held}
		t.Apply(stack)
		t.ready(ctx, app)
		config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: t.Namespace, Name: "stays", Finalizers: []string{held}}}
		Expect(world.Kube.Create(ctx, config)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) {
			for _, object := range []client.Object{config, stack} {
				patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
				Expect(client.IgnoreNotFound(world.Kube.Patch(ctx, object, patch))).To(Succeed())
			}
		})

		mark := world.MarkNow()
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: t.Namespace}}
		Expect(world.Kube.Delete(ctx, namespace)).To(Succeed())
		// the namespace controller deletes kind by kind, with pauses: children may be deleted before the stack
		Eventually(func() *metav1.Time { return t.named(ctx, app).DeletionTimestamp }).WithContext(ctx).
			WithTimeout(time.Minute).ShouldNot(BeNil())
		Eventually(func() []string { return t.Deployments(ctx) }).WithContext(ctx).WithTimeout(time.Minute).Should(BeEmpty())
		requests := t.quiet(ctx, mark)
		Expect(len(requests)).To(BeNumerically("<", 60), "%q", requests)
		tell("writes", strings.Join(writes(requests), "\n"))

		By("being changed while it is on its way")
		t.Kubectl("annotate", "aps", app, "example.com/note=hi")
		t.Kubectl("scale", "aps", app, "--replicas=3")
		Consistently(func() []string { return t.requests(mark) }).WithContext(ctx).WithTimeout(5 * time.Second).
			WithPolling(time.Second).Should(HaveLen(len(requests)))
	})
})

// writes returns the requests that are writes.
func writes(requests []string) (all []string) {
	for _, request := range requests {
		verb, _, _ := strings.Cut(request, " ")
		if verb != "get" && verb != "list" {
			all = append(all, request)
		}
	}
	return all
}
