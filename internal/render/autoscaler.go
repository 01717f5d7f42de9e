// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	autoscalingv2ac "k8s.io/client-go/applyconfigurations/autoscaling/v2"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// defaultCPUUtilization is an autoscaler's CPU target, in percent, if the spec sets no target.
const defaultCPUUtilization = 80

// Autoscaler returns the apply configuration of a component's HorizontalPodAutoscaler, or nil if
// the spec has no autoscaling.
func Autoscaler(stack *v1alpha1.AppStack, desired model.Desired) *autoscalingv2ac.HorizontalPodAutoscalerApplyConfiguration {
	scaling := desired.Autoscaling
	if scaling == nil {
		return nil
	}
	name := naming.Object(stack.Name, desired.Name)
	spec := autoscalingv2ac.HorizontalPodAutoscalerSpec().
		WithScaleTargetRef(autoscalingv2ac.CrossVersionObjectReference().
			WithAPIVersion("apps/v1").
			WithKind(string(model.KindDeployment)).
			WithName(name)).
		WithMinReplicas(desired.Floor()).
		WithMaxReplicas(scaling.MaxReplicas)
	cpu, memory := scaling.TargetCPUUtilization, scaling.TargetMemoryUtilization
	if cpu == nil && memory == nil {
		spec.WithMetrics(utilization(corev1.ResourceCPU, defaultCPUUtilization))
	}
	if cpu != nil {
		spec.WithMetrics(utilization(corev1.ResourceCPU, *cpu))
	}
	if memory != nil {
		spec.WithMetrics(utilization(corev1.ResourceMemory, *memory))
	}
	return autoscalingv2ac.HorizontalPodAutoscaler(name, stack.Namespace).
		WithLabels(naming.Labels(stack.Name, desired.Name)).
		WithOwnerReferences(owner(stack)).
		WithSpec(spec)
}

func utilization(resource corev1.ResourceName, percent int32) *autoscalingv2ac.MetricSpecApplyConfiguration {
	return autoscalingv2ac.MetricSpec().
		WithType(autoscalingv2.ResourceMetricSourceType).
		WithResource(autoscalingv2ac.ResourceMetricSource().
			WithName(resource).
			WithTarget(autoscalingv2ac.MetricTarget().
				WithType(autoscalingv2.UtilizationMetricType).
				WithAverageUtilization(percent)))
}
