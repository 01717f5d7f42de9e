// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// Budget returns the apply configuration of a component's PodDisruptionBudget, or nil if it should
// have none. By default a component with a single pod has none, because a budget would only block
// the draining of nodes.
func Budget(stack *v1alpha1.AppStack, desired model.Desired) *policyv1ac.PodDisruptionBudgetApplyConfiguration {
	budget := ptr.Deref(desired.DisruptionBudget, v1alpha1.DisruptionBudget{})
	asked := budget.MinAvailable != nil || budget.MaxUnavailable != nil
	single := desired.Replicas != nil && *desired.Replicas < 2
	if budget.Disabled || single && !asked {
		return nil
	}
	spec := policyv1ac.PodDisruptionBudgetSpec().
		WithSelector(metav1ac.LabelSelector().WithMatchLabels(desired.Selector)).
		WithUnhealthyPodEvictionPolicy(policyv1.AlwaysAllow)
	if budget.MinAvailable != nil {
		spec.WithMinAvailable(*budget.MinAvailable)
	} else {
		spec.WithMaxUnavailable(ptr.Deref(budget.MaxUnavailable, intstr.FromInt32(1)))
	}
	return policyv1ac.PodDisruptionBudget(naming.Object(stack.Name, desired.Name), stack.Namespace).
		WithLabels(naming.Labels(stack.Name, desired.Name)).
		WithOwnerReferences(owner(stack)).
		WithSpec(spec)
}
