// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package kinds

import (
	appsv1 "k8s.io/api/apps/v1"

	"github.com/appstack-dev/appstack/internal/model"
)

// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=get;list;watch;create;patch;delete

// Revisions is the kind of a stack's revision records. They belong to no component, so the kind
// is not in All.
var Revisions = &Kind{
	Name:     model.KindRevision,
	Resource: appsv1.SchemeGroupVersion.WithResource("controllerrevisions"),
	New:      func() Object { return &appsv1.ControllerRevision{} },
}
