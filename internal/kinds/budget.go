// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package kinds

import (
	policyv1 "k8s.io/api/policy/v1"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/render"
)

// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete

const kindBudget model.Kind = "PodDisruptionBudget"

// budgets limit how many pods of a component voluntary disruptions, such as node drains, may
// take down at a time.
var budgets = &Kind{
	Name:     kindBudget,
	Resource: policyv1.SchemeGroupVersion.WithResource("poddisruptionbudgets"),
	New:      func() Object { return &policyv1.PodDisruptionBudget{} },
	child: func(in In) *Child {
		return appliedChild(in, kindBudget, render.Budget(in.State.Stack, *in.Component), nil)
	},
	spec: specOf(func(b *policyv1.PodDisruptionBudget) any { return b.Spec }),
}
