// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package kinds

import (
	appsv1 "k8s.io/api/apps/v1"

	"github.com/appstack-dev/appstack/internal/model"
)

// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=get;list;watch;create;patch;delete

// Revisions are a stack's records. No component has one: they are not among All.
var Revisions = &Kind{
	Name:     model.KindRevision,
	Resource: appsv1.SchemeGroupVersion.WithResource("controllerrevisions"),
	New:      func() Object { return &appsv1.ControllerRevision{} },
}
