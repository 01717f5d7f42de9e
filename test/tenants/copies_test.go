// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package tenants_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/world"
)

var _ = Describe("A forged copy of a ConfigMap", func() {
	const blue, red = "blue", "red"
	// copyOf returns an object with the name, the labels and the owner of the stack's copy of ConfigMap web.
	copyOf := func(stack *v1alpha1.AppStack, color, content string) *corev1.ConfigMap {
		config := &model.ConfigMap{Data: map[string]string{"color": color}}
		name := render.ConfigCopies(stack.Name, map[string]*model.ConfigMap{"web": config})["web"].Name
		return &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: stack.Namespace, Name: name, Labels: naming.Recommended(stack.Name),
				Annotations:     map[string]string{naming.AnnotationConfigSource: "web"},
				OwnerReferences: []metav1.OwnerReference{naming.Owner(stack)},
			},
			Immutable: ptr.To(true), Data: map[string]string{"color": content},
		}
	}

	It("is not used by a new revision, nor by a rollback (R31, R37)", func(ctx SpecContext) {
		t := newTenant(ctx, nil)
		Expect(world.PutConfig(ctx, t.Namespace, "web", map[string]string{"color": blue})).To(Succeed())
		t.applies(one(app, fixture.EnvFrom("web")))
		t.ready(ctx, app)
		stack := t.named(ctx, app)

		By("taking the name of the next copy")
		Expect(world.Kube.Create(ctx, copyOf(stack, red, "forged"))).To(Succeed())
		Expect(world.PutConfig(ctx, t.Namespace, "web", map[string]string{"color": red})).To(Succeed())
		message := t.stalled(ctx, app, v1alpha1.ReasonNameConflict)
		Expect(message).To(ContainSubstring("is no immutable copy of ConfigMap web: delete it"))
		tell("a forged copy of a ConfigMap", message)
		Expect(world.Kube.Delete(ctx, copyOf(stack, red, "forged"))).To(Succeed())
		t.ready(ctx, app)
		Expect(t.named(ctx, app).Status.Revision).To(BeEquivalentTo(2))

		By("replacing the copy of an earlier revision")
		Expect(world.Kube.Delete(ctx, copyOf(stack, blue, blue))).To(Succeed())
		Expect(world.Kube.Create(ctx, copyOf(stack, blue, "forged"))).To(Succeed())
		t.applies(one(app, fixture.EnvFrom("web"), fixture.RollbackTo(1, 0)))
		Expect(t.stalled(ctx, app, v1alpha1.ReasonNameConflict)).To(ContainSubstring("is no immutable copy of ConfigMap web"))
		Expect(t.named(ctx, app).Status.Revision).To(BeEquivalentTo(2))
	})
})
