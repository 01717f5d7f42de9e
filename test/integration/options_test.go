// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
)

// autoscaled sets autoscaling instead of replicas.
func autoscaled(by v1alpha1.Autoscaling) option {
	return func(s *v1alpha1.AppStack) { s.Spec.Replicas, s.Spec.Autoscaling = nil, &by }
}

// notAutoscaled removes autoscaling, and sets no replicas.
func notAutoscaled() option {
	return func(s *v1alpha1.AppStack) { s.Spec.Autoscaling = nil }
}

func budgeted(by v1alpha1.DisruptionBudget) option {
	return func(s *v1alpha1.AppStack) { s.Spec.DisruptionBudget = &by }
}

func rolledOut(by v1alpha1.RolloutPolicy) option {
	return func(s *v1alpha1.AppStack) { s.Spec.Rollout = &by }
}

// ports sets the main component's ports.
func ports(of ...v1alpha1.Port) option {
	return func(s *v1alpha1.AppStack) { s.Spec.Ports = of }
}

// asking sets the resource requests of a pod.
func asking(cpu string) option {
	return func(s *v1alpha1.AppStack) {
		s.Spec.Resources = &corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)},
		}
	}
}

// workers sets the additional components by name.
func workers(names ...string) option {
	return func(s *v1alpha1.AppStack) {
		s.Spec.Components = nil
		for _, name := range names {
			fixture.Component(name, 1, nil, name)(s)
		}
	}
}

// adopting lets the stack adopt existing objects.
func adopting() option { return fixture.Annotation(v1alpha1.AnnotationAdopt, "true") }

// hour returns a time in the past; a higher n is later.
func hour(n int) time.Time {
	return time.Date(2026, 1, 1, n, 0, 0, 0, time.UTC)
}

// patched applies a merge patch to the stack, byte for byte.
func patched(by string) {
	GinkgoHelper()
	Expect(k8s.Patch(ctx, current(), client.RawPatch(types.MergePatchType, []byte(by)), client.FieldOwner(user))).To(Succeed())
}
