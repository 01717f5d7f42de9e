// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package revision encodes revisions as ControllerRevisions and decodes them, numbers them, derives
// their history, and selects the one that should run. It does no I/O and keeps no state.
package revision

import (
	"encoding/json"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// Encode returns the ControllerRevision that stores a revision of the stack.
func Encode(stack *v1alpha1.AppStack, rev model.Revision) (*appsv1.ControllerRevision, error) {
	content, err := json.Marshal(rev.Content)
	if err != nil {
		return nil, fmt.Errorf("encoding the content of revision %d: %w", rev.Number, err)
	}
	// The API server rejects any change of the data, even of its key order, and a strategic merge
	// patch of another field, such as the garbage collector sends, sorts the keys. So they are
	// sorted from the start.
	data := canonical(content)
	record, err := encodeRecord(rev.Record)
	if err != nil {
		return nil, fmt.Errorf("encoding the record of revision %d: %w", rev.Number, err)
	}
	annotations := map[string]string{naming.AnnotationRecord: record}
	if rev.Record.ChangeCause != "" {
		annotations[v1alpha1.AnnotationChangeCause] = fit(rev.Record.ChangeCause, maxWords)
	}
	return &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       stack.Namespace,
			Name:            naming.Revision(stack.Name, rev.Number),
			UID:             rev.UID,
			ResourceVersion: rev.ResourceVersion,
			Labels:          naming.Recommended(stack.Name),
			Annotations:     annotations,
			OwnerReferences: []metav1.OwnerReference{naming.Owner(stack)},
		},
		Data:     runtime.RawExtension{Raw: data},
		Revision: rev.Number,
	}, nil
}

// Decode returns the revision stored in a ControllerRevision. It returns an error if the data or
// the record cannot be read, or if the operator cannot have written them.
func Decode(stored *appsv1.ControllerRevision) (model.Revision, error) {
	rev := model.Revision{
		Number:          stored.Revision,
		Name:            stored.Name,
		UID:             stored.UID,
		ResourceVersion: stored.ResourceVersion,
		Orphan:          metav1.GetControllerOfNoCopy(stored) == nil,
	}
	if err := json.Unmarshal(stored.Data.Raw, &rev.Content); err != nil {
		return model.Revision{}, fmt.Errorf("ControllerRevision %s: reading its data: %w", stored.Name, err)
	}
	if err := json.Unmarshal([]byte(stored.Annotations[naming.AnnotationRecord]), &rev.Record); err != nil {
		return model.Revision{}, fmt.Errorf("ControllerRevision %s: reading annotation %s: %w",
			stored.Name, naming.AnnotationRecord, err)
	}
	if err := runnable(rev); err != nil {
		return model.Revision{}, fmt.Errorf("ControllerRevision %s: %w", stored.Name, err)
	}
	for i := range rev.Record.Rollouts {
		rev.Record.Rollouts[i].Revision = rev.Number
	}
	return rev, nil
}

// runnable returns an error for a revision that the operator cannot have created. Rolling out one
// without the main component would delete what runs. A trigger may be unknown: a newer operator may have
// recorded it, and the status leaves such a rollout out.
func runnable(rev model.Revision) error {
	if rev.Number < 1 {
		return fmt.Errorf("its revision is %d, and the first is 1", rev.Number)
	}
	if len(rev.Content.Components) == 0 || rev.Content.Components[0].Name != naming.Main {
		return fmt.Errorf("its data does not begin with component %s", naming.Main)
	}
	names := map[string]bool{}
	for _, component := range rev.Content.Components {
		if component.App().Name == "" || len(component.Selector) == 0 {
			return fmt.Errorf("component %q of its data has no container %s, or no selector", component.Name, naming.AppContainer)
		}
		if names[component.Name] {
			return fmt.Errorf("component %q is in its data twice", component.Name)
		}
		names[component.Name] = true
	}
	for _, rollout := range rev.Record.Rollouts {
		if !slices.Contains(outcomes, rollout.Outcome) {
			return fmt.Errorf("annotation %s records a rollout with the outcome %q", naming.AnnotationRecord, rollout.Outcome)
		}
	}
	return nil
}

var outcomes = []v1alpha1.RolloutOutcome{
	v1alpha1.OutcomeProgressing, v1alpha1.OutcomeSucceeded, v1alpha1.OutcomeFailed, v1alpha1.OutcomeSuperseded,
}
