// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package kinds

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/internal/model"
)

// Copies is the kind of a stack's copies of ConfigMaps. They belong to revisions, not to
// components, so the kind is not in All.
var Copies = &Kind{
	Name:         model.KindConfigMap,
	Resource:     corev1.SchemeGroupVersion.WithResource("configmaps"),
	New:          func() Object { return &corev1.ConfigMap{} },
	MetadataOnly: true,
	Content:      true,
}
