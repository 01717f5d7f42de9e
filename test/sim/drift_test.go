// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim_test

import (
	. "github.com/onsi/ginkgo/v2"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// setImage changes a Deployment as kubectl set image does.
func setImage(image string) func(*appsv1.Deployment) {
	return func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = image }
}

// setImageOf does so if the Deployment exists.
func (s story) setImageOf(name, image string) {
	if s.State().Children.Deployment(name) != nil {
		s.Change(name, "kubectl-set", setImage(image))
	}
}

var _ = DescribeTable("changes by other clients", tellStory,
	Entry("R19 R28 somebody sets another image each second", "contest", func(s story) {
		s.released()
		s.Say("kubectl set image deployment/shop app=evil:1, each second")
		for range 6 {
			s.Change("shop", "kubectl-set", setImage("evil:1"))
			s.Wait(1)
		}
		s.Say("nothing more")
		s.settle()
	}),
	Entry("R19 R28 an autoscaler while the spec sets replicas", "contest-of-replicas", func(s story) {
		s.released()
		s.Say("an autoscaler for the Deployment wants 4 replicas")
		for range 10 {
			s.Change("shop", "kube-controller-manager", func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To[int32](4) })
			s.Wait(1)
		}
		s.apply("replicas left out", Unmanaged())
		s.settle()
	}),
	Entry("R28 an occasional change is reverted at once", "drift", func(s story) {
		s.released()
		for range 3 {
			s.Say("kubectl set image deployment/shop app=other:1")
			s.Change("shop", "kubectl-set", setImage("other:1"))
			s.Wait(61)
		}
		s.settle()
	}),
	Entry("R20 R28 a mutating policy is added later", "policy", func(s story) {
		s.released()
		s.Say("a policy of the cluster: images come from the mirror")
		s.Admit = setImage("mirror/my-app:1")
		s.apply("replicas 4: the policy changes what is written for it", Replicas(4))
		s.settle()
		s.Say("kubectl set image deployment/shop app=evil:1: the policy changes that too")
		s.Change("shop", "kubectl-set", setImage("evil:1"))
		s.settle()
	}),
	Entry("R28 objects are deleted", "deleted", func(s story) {
		s.released()
		for _, kind := range []model.Kind{model.KindService, "PodDisruptionBudget", model.KindDeployment} {
			s.Say("kubectl delete " + string(kind) + " shop")
			s.Delete(kind, "shop")
			s.settle()
		}
	}),
)
