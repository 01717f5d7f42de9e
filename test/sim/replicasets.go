// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/internal/model"
)

// replicaSets are the ReplicaSets of a Deployment, oldest first.
type replicaSets struct {
	all []*replicaSet
	// ending are the terminating pods. They do not count as replicas, but still use nodes and
	// quota.
	ending []*pod
	// created reports whether a ReplicaSet was created in the current tick.
	created bool
}

// replicaSet is a ReplicaSet with its pods.
type replicaSet struct {
	template string
	image    string
	spec     corev1.PodSpec
	pods     []*pod
	// refusedSince is when the quota first rejected a pod; zero if no pod is missing. The next
	// attempt is at retryAt, or when the desired number changes.
	refusedSince, retryAt time.Time
	desired               int32
}

func (r *replicaSets) sets() []*replicaSet {
	if r == nil {
		return nil
	}
	return r.all
}

// terminating returns the pods that are being deleted.
func (r *replicaSets) terminating() []*pod {
	if r == nil {
		return nil
	}
	return r.ending
}

// refusedSince returns since when the quota has rejected pods of one of the ReplicaSets; zero if no
// pod is missing.
func (r *replicaSets) refusedSince() time.Time {
	for _, set := range r.sets() {
		if !set.refusedSince.IsZero() {
			return set.refusedSince
		}
	}
	return time.Time{}
}

// each returns all pods that count as replicas.
func (r *replicaSets) each() []*pod {
	var all []*pod
	for _, set := range r.sets() {
		all = append(all, set.pods...)
	}
	return all
}

func (r *replicaSets) current(deployment *appsv1.Deployment) *replicaSet {
	template := model.TemplateHash(deployment.Spec.Template)
	for _, set := range r.all {
		if set.template == template {
			return set
		}
	}
	return nil
}

func (r *replicaSets) status(deployment *appsv1.Deployment, now time.Time) appsv1.DeploymentStatus {
	out := appsv1.DeploymentStatus{
		ObservedGeneration: deployment.Generation,
		Replicas:           r.total(),
		ReadyReplicas:      r.available(now, 0),
		AvailableReplicas:  r.available(now, minReady(deployment)),
	}
	if current := r.current(deployment); current != nil {
		out.UpdatedReplicas = current.total()
	}
	return out
}

func (r *replicaSets) total() int32 { return int32(len(r.each())) } //nolint:gosec // a number of pods

func (r *replicaSets) available(now time.Time, minReadySeconds int32) (n int32) {
	for _, set := range r.all {
		n += set.available(now, minReadySeconds)
	}
	return n
}

func (s *replicaSet) total() int32 { return int32(len(s.pods)) } //nolint:gosec // a number of pods

func (s *replicaSet) available(now time.Time, minReadySeconds int32) (n int32) {
	for _, pod := range s.pods {
		if pod.available(now, minReadySeconds) {
			n++
		}
	}
	return n
}

// String describes the pods by ReplicaSet and image.
func (r *replicaSets) String() string {
	var parts []string
	for i, set := range r.all {
		if len(set.pods) == 0 {
			continue
		}
		ready, troubles := 0, []string{}
		for _, pod := range set.pods {
			if pod.readySince != nil {
				ready++
			}
			if trouble := pod.trouble(); trouble != "" && !slices.Contains(troubles, trouble) {
				troubles = append(troubles, trouble)
			}
		}
		part := fmt.Sprintf("rs%d (%s) %d of %d ready", i+1, set.image, ready, len(set.pods))
		if len(troubles) > 0 {
			part += " [" + strings.Join(troubles, ", ") + "]"
		}
		parts = append(parts, part)
	}
	if len(r.ending) > 0 {
		parts = append(parts, fmt.Sprintf("%d terminating", len(r.ending)))
	}
	if !r.refusedSince().IsZero() {
		parts = append(parts, "no more pods are allowed")
	}
	if len(parts) == 0 {
		return "no pods"
	}
	return strings.Join(parts, ", ")
}
