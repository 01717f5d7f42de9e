// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
)

// replicaSets are a Deployment's, oldest first.
type replicaSets []*replicaSet

// replicaSet holds the pods of one template. A pod becomes available in the
// tick after the one that made it, unless its image is named "unready".
type replicaSet struct {
	template         string
	image            string
	total, available int32
}

// tick lets the Deployment controller work for a second on all Deployments.
func (w *World) tick() (worked bool) {
	w.now = w.now.Add(time.Second)
	for _, name := range names(w.state.Deployments) {
		deployment := w.state.Deployments[name].DeepCopy()
		sets := w.pods[name]
		if sets == nil {
			sets = &replicaSets{}
			w.pods[name] = sets
		}
		before := sets.String()
		sets.advance(deployment)
		deployment.Status = sets.status(deployment)
		if sets.String() != before {
			w.write("%s   %s: %s", w.now.Format("04:05"), name, sets)
			worked = true
		}
		if w.state.Deployments[name].Status.ObservedGeneration != deployment.Generation {
			worked = true
		}
		w.state.Deployments[name] = deployment
	}
	return worked
}

// advance moves pods the way a rolling update may: never more than the surge
// allows, and never an available one away below what has to stay.
func (r *replicaSets) advance(deployment *appsv1.Deployment) {
	for _, set := range *r {
		if !strings.Contains(set.image, "unready") {
			set.available = set.total
		}
	}
	desired := ptr.Deref(deployment.Spec.Replicas, 1)
	current := r.current(deployment)
	if deployment.Spec.Paused {
		// a paused Deployment scales what it has
		if n := len(*r); n > 0 {
			(*r)[n-1].resize(desired - (r.total() - (*r)[n-1].total))
		}
		return
	}
	if current == nil {
		template := model.Hash(deployment.Spec.Template)
		current = &replicaSet{template: template, image: deployment.Spec.Template.Spec.Containers[0].Image}
		*r = append(*r, current)
	}
	surge, unavailable := int32(0), desired
	if update := deployment.Spec.Strategy.RollingUpdate; update != nil {
		surge = scaled(update.MaxSurge, desired, true)
		unavailable = scaled(update.MaxUnavailable, desired, false)
	}
	if current.total > desired {
		current.resize(desired)
	}
	spare := r.available() - (desired - unavailable)
	for _, set := range *r {
		if set == current {
			continue
		}
		broken := set.total - set.available
		gone := broken + max(0, min(spare, set.available))
		spare -= gone - broken
		set.total -= gone
		set.available = set.total
	}
	current.total += max(0, min(desired-current.total, desired+surge-r.total()))
}

func (r *replicaSets) current(deployment *appsv1.Deployment) *replicaSet {
	template := model.Hash(deployment.Spec.Template)
	for _, set := range *r {
		if set.template == template {
			return set
		}
	}
	return nil
}

func (r *replicaSets) status(deployment *appsv1.Deployment) appsv1.DeploymentStatus {
	out := appsv1.DeploymentStatus{
		ObservedGeneration: deployment.Generation,
		Replicas:           r.total(),
		ReadyReplicas:      r.available(),
		AvailableReplicas:  r.available(),
	}
	if current := r.current(deployment); current != nil {
		out.UpdatedReplicas = current.total
	}
	return out
}

func (r *replicaSets) total() (n int32) {
	for _, set := range *r {
		n += set.total
	}
	return n
}

func (r *replicaSets) available() (n int32) {
	for _, set := range *r {
		n += set.available
	}
	return n
}

// String tells the pods by image.
func (r *replicaSets) String() string {
	var parts []string
	for i, set := range *r {
		if set.total > 0 {
			parts = append(parts, fmt.Sprintf("rs%d (%s) %d of %d available", i+1, set.image, set.available, set.total))
		}
	}
	if len(parts) == 0 {
		return "no pods"
	}
	return strings.Join(slices.Clip(parts), ", ")
}

func (s *replicaSet) resize(total int32) {
	s.total = max(0, total)
	s.available = min(s.available, s.total)
}

func scaled(value *intstr.IntOrString, of int32, up bool) int32 {
	n, err := intstr.GetScaledValueFromIntOrPercent(value, int(of), up)
	if err != nil {
		panic(err)
	}
	return int32(n) //nolint:gosec // a number of pods
}
