// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim

import (
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/plan"
)

// Change changes an existing Deployment as another field manager.
func (w *World) Change(name, manager string, by func(*appsv1.Deployment)) {
	changed := w.state.Children.Deployment(name).DeepCopy()
	by(changed)
	w.admit(changed)
	changed.Generation++
	w.state.Children.Put(model.KindDeployment, changed)
	w.managers[name] = manager
	w.changed = true
}

// Delete deletes an object as another client; it may not exist.
func (w *World) Delete(kind model.Kind, name string) {
	w.remove(kind, name)
	w.look()
	w.changed = true
}

// admit lets the cluster's admission control mutate a Deployment before it is stored.
func (w *World) admit(deployment *appsv1.Deployment) {
	if w.Admit != nil {
		w.Admit(deployment)
	}
}

// attributed returns the steps with the field managers whose changes they revert, which the
// operator finds out when it carries a step out.
func (w *World) attributed(planned []model.Step) []model.Step {
	steps := slices.Clone(planned)
	for i := range steps {
		step, ok := steps[i].(model.WriteChild)
		if !ok || step.Undone.Field == "" {
			continue
		}
		step.Undone.Manager = w.managers[step.Name]
		if step.Event == v1alpha1.EventDriftRepaired {
			step.Reason = plan.Repair(w.Stack(), step)
		}
		steps[i] = step
	}
	return steps
}

// note adds the API server's answer to a step to the write log. before is nil if the object is new.
func (w *World) note(step model.WriteChild, before, after metav1.Object) {
	kind := kinds.Of(step.Kind)
	undone, answered := step.Undone, kind.Fingerprint(after)
	if before != nil && kind.Fingerprint(before) == answered {
		undone = model.Change{}
	}
	accepted := map[types.UID]model.LastWrite{}
	maps.Copy(accepted, w.state.LastWrites)
	accepted[after.GetUID()] = accepted[after.GetUID()].Next(model.LastWrite{
		Asked: step.Hash, Answered: answered, Generation: after.GetGeneration(), At: w.now,
	}, undone)
	w.state.LastWrites = accepted
}
