// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package kinds

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/render"
)

// +kubebuilder:rbac:groups=autoscaling,resources=horizontalpodautoscalers,verbs=get;list;watch;create;patch;delete

const kindAutoscaler model.Kind = "HorizontalPodAutoscaler"

// autoscalers set the replica count of components with autoscaling.
var autoscalers = &Kind{
	Name:     kindAutoscaler,
	Resource: autoscalingv2.SchemeGroupVersion.WithResource("horizontalpodautoscalers"),
	New:      func() Object { return &autoscalingv2.HorizontalPodAutoscaler{} },
	child: func(in In) *Child {
		return appliedChild(in, kindAutoscaler, render.Autoscaler(in.State.Stack, *in.Component), nil)
	},
	spec: specOf(func(a *autoscalingv2.HorizontalPodAutoscaler) any { return a.Spec }),
}
