// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
)

var _ = Describe("a stack that is deleted", func() {
	worker := func() option { return fixture.Component("worker", 2, nil, "work") }

	It("R26 R27 and made again takes back what was left by --cascade=orphan, and goes on with its revisions", func() {
		created(worker())
		released(fixture.Image("my-app:2"))
		orphan()
		Expect(owned()).NotTo(BeEmpty())
		uids := uidsOf(owned())
		templates := templatesOf(owned())
		Consistently(func() map[string]string { return templatesOf(owned()) }).Should(Equal(templates))

		stack := created(worker(), fixture.Image("my-app:2"))
		Eventually(func(g Gomega) {
			for _, object := range owned() {
				g.Expect(metav1.IsControlledBy(object, stack)).To(BeTrue(), object.GetName())
			}
		}).Should(Succeed())
		Expect(uidsOf(owned())).To(Equal(uids), "the same objects")
		Expect(templatesOf(owned())).To(Equal(templates), "no pod is replaced")
		Expect(rollouts(ready())).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))

		stack = released(fixture.Image("my-app:3"))
		Expect(stack.Status.Revision).To(Equal(int64(3)))
		stack = released(fixture.RollbackTo(1, 3))
		Expect(stack.Status.Image).To(Equal("my-app:1"))
	})

	It("R26 takes back by other content what was left, with a new revision", func() {
		created()
		orphan()
		stack := created(fixture.Image("my-app:9"))
		Expect(rollouts(stack)).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
		Expect(metav1.IsControlledBy(deployment(app), stack)).To(BeTrue())
	})

	It("R26 removes what was left and is not needed", func() {
		created(worker())
		orphan()
		created()
		Eventually(gone(&appsv1.Deployment{}, "my-app-worker")).Should(BeTrue())
	})

	It("R26 R27 and made again waits until what the first one owned is gone, and then begins anew", func() {
		created()
		deleteStack()
		left := owned()
		Expect(left).NotTo(BeEmpty())
		uids := uidsOf(left)

		create(fixture.Image("my-app:2"))
		Eventually(func(g Gomega) {
			stack := observed(g)
			g.Expect(stack).To(haveCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonWaitingForDeletion))
			g.Expect(stack).To(haveCondition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonWaitingForDeletion))
			g.Expect(stack).NotTo(haveType(v1alpha1.ConditionStalled))
		}).Should(Succeed())
		Consistently(func() map[string]types.UID { return uidsOf(owned()) }).Should(Equal(uids))
		Expect(deployment(app).Spec.Template.Spec.Containers[0].Image).To(Equal("my-app:1"), "nothing is written")

		for _, object := range left[1:] {
			Expect(k8s.Delete(ctx, object)).To(Succeed())
		}
		Consistently(owned).Should(HaveLen(1), "one of the objects remains")
		collectGarbage()
		stack := ready()
		Expect(rollouts(stack)).To(Equal([]string{"1 SpecChanged Succeeded"}))
		Expect(stack.Status.Image).To(Equal("my-app:2"))
		for name, uid := range uidsOf(owned()) {
			Expect(uids[name]).NotTo(Equal(uid), name)
		}
	})

	It("R26 takes back what a backup restored: the objects and no status", func() {
		created()
		released(fixture.Image("my-app:2"))
		backup := owned()
		deleteStack()
		collectGarbage()
		for _, object := range backup {
			object.SetResourceVersion("")
			object.SetUID("")
			object.SetOwnerReferences(nil)
			Expect(k8s.Create(ctx, object)).To(Succeed())
		}
		stack := created(fixture.Image("my-app:2"))
		Expect(rollouts(stack)).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
		Eventually(func(g Gomega) {
			for _, object := range owned() {
				g.Expect(metav1.IsControlledBy(object, stack)).To(BeTrue(), object.GetName())
			}
		}).Should(Succeed())
	})

	It("R27 is not held by a finalizer, and the operator leaves what it owned alone", func() {
		created()
		left := versionsOf(owned())
		deleteStack()
		Consistently(func() map[string]string { return versionsOf(owned()) }).Should(Equal(left))
	})
})

func kindOf(object client.Object) string {
	GinkgoHelper()
	gvk, err := k8s.GroupVersionKindFor(object)
	Expect(err).NotTo(HaveOccurred())
	return gvk.Kind + " " + object.GetName()
}

func uidsOf(objects []client.Object) map[string]types.UID {
	all := map[string]types.UID{}
	for _, object := range objects {
		all[kindOf(object)] = object.GetUID()
	}
	return all
}

func versionsOf(objects []client.Object) map[string]string {
	all := map[string]string{}
	for _, object := range objects {
		all[kindOf(object)] = object.GetResourceVersion()
	}
	return all
}

// templatesOf returns the pod templates of the Deployments among the objects.
func templatesOf(objects []client.Object) map[string]string {
	all := map[string]string{}
	for _, object := range objects {
		if deployment, ok := object.(*appsv1.Deployment); ok {
			all[deployment.Name] = bytesOf(deployment.Spec.Template)
		}
	}
	return all
}
