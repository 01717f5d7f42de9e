// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// SourceHash returns the hash of a spec's content as written: everything except the fields that
// only affect operation (R1) and spec.restartedAt (R4). A field added to the API later counts as
// content unless it is excluded here, and changes no hash while it is unset.
func SourceHash(spec v1alpha1.AppStackSpec) string {
	source := spec.DeepCopy()
	source.Config = nil
	source.SecretChanges = ""
	source.Rollout = nil
	source.Rollback = nil
	source.RestartedAt = nil
	source.Paused = false
	source.RevisionHistoryLimit = nil
	stripOperation(&source.ComponentSpec)
	for i := range source.Components {
		stripOperation(&source.Components[i].ComponentSpec)
	}
	slices.SortFunc(source.Components, func(a, b v1alpha1.Component) int { return cmp.Compare(a.Name, b.Name) })
	return model.Hash(source)
}

func stripOperation(spec *v1alpha1.ComponentSpec) {
	spec.Replicas = nil
	spec.Autoscaling = nil
	spec.DisruptionBudget = nil
	if spec.PodTemplate != nil {
		spec.PodTemplate = &runtime.RawExtension{Raw: canonical(spec.PodTemplate.Raw)}
	}
}

// canonical returns the JSON with sorted keys and without white space, so that equal values have
// equal bytes whoever encoded them. It returns invalid JSON unchanged.
func canonical(raw []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber() // keeps integers from becoming floats
	var value any
	if decoder.Decode(&value) != nil {
		return raw
	}
	ordered, err := json.Marshal(value)
	if err != nil {
		return raw
	}
	return ordered
}
