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
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// tick advances the time by a second, for all pods and for the Deployment controller. It reports
// whether anything changed.
func (w *World) tick() (worked bool) {
	w.now = w.now.Add(time.Second)
	for _, name := range w.order(names(w.state.Children[model.KindDeployment])) {
		deployment := w.state.Children.Deployment(name).DeepCopy()
		sets := w.pods[name]
		if sets == nil {
			sets = &replicaSets{}
			w.pods[name] = sets
		}
		before, was := sets.String(), deployment.Status
		ending := len(sets.ending)
		sets.ending = slices.DeleteFunc(sets.ending, func(p *pod) bool { return !w.now.Before(p.endsAt) })
		if len(sets.ending) < ending {
			w.gone = w.now
		}
		for _, pod := range sets.each() {
			if !pod.placed {
				pod.placed = w.hasRoom()
			}
			pod.tick(w.now, w.broken[pod.image]+pod.config)
		}
		serving := sets.available(w.now, minReady(deployment))
		w.advance(sets, deployment)
		deployment.Status = sets.status(deployment, w.now)
		deployment.Status.Conditions = conditions(deployment, was, sets, w.now)
		w.expectAvailable(name, deployment, serving)
		if sets.String() != before {
			w.write("%s   %s: %s", w.now.Format("04:05"), name, sets)
			worked = true
		}
		worked = worked || !equality.Semantic.DeepEqual(was, deployment.Status)
		w.state.Children.Put(model.KindDeployment, deployment)
	}
	w.look()
	if w.Registry != nil {
		worked = w.resolver.hear(w.Registry, w.now) || worked
	}
	return worked
}

// look updates the pods in the operator's state.
func (w *World) look() {
	w.state.Pods = model.Pods{Known: true, Gone: w.gone}
	for _, name := range names(w.state.Children[model.KindDeployment]) {
		component := w.state.Children.Deployment(name).Labels[naming.LabelComponent]
		for _, set := range w.pods[name].sets() {
			for _, pod := range set.pods {
				w.state.Pods.All = append(w.state.Pods.All, pod.seen(component, set.template))
			}
		}
		for _, pod := range w.pods[name].terminating() {
			w.state.Pods.All = append(w.state.Pods.All, pod.seen(component, ""))
		}
	}
}

// hasRoom reports whether a node has room for one more pod.
func (w *World) hasRoom() bool {
	placed := 0
	for _, name := range names(w.pods) {
		for _, pod := range w.pods[name].each() {
			if pod.placed {
				placed++
			}
		}
		placed += len(w.pods[name].terminating())
	}
	return w.Room < 0 || placed < w.Room
}

// advance creates and deletes pods as the Deployment controller does. It never exceeds the surge,
// and never deletes available pods that maxUnavailable requires to stay.
func (w *World) advance(r *replicaSets, deployment *appsv1.Deployment) {
	desired := replicas(deployment)
	current := r.current(deployment)
	r.created = false
	update := deployment.Spec.Strategy.RollingUpdate
	if deployment.Spec.Paused {
		w.scale(r, desired, update)
		return
	}
	if current == nil {
		current = &replicaSet{
			template: model.TemplateHash(deployment.Spec.Template),
			image:    deployment.Spec.Template.Spec.Containers[0].Image,
			spec:     deployment.Spec.Template.Spec,
		}
		r.all, r.created = append(r.all, current), true
	}
	for _, set := range r.all {
		if set != current {
			set.refusedSince = time.Time{} // it needs no more pods
		}
	}
	if update == nil { // Recreate
		for _, set := range r.all {
			if set != current {
				w.resize(r, set, 0)
			}
		}
		if len(r.ending) == 0 {
			w.resize(r, current, desired)
		}
		return
	}
	surge := scaled(update.MaxSurge, desired, true)
	w.shrink(r, current, deployment)
	w.resize(r, current, min(desired, current.total()+max(0, desired+surge-r.total())))
}

// scale adjusts the number of pods of a paused Deployment, with the templates that it has. A
// rollout that is under way keeps its surge. The real controller scales all ReplicaSets in
// proportion; this one removes pods that are not ready first.
func (w *World) scale(r *replicaSets, desired int32, update *appsv1.RollingUpdateDeployment) {
	var used []*replicaSet
	for _, set := range r.all {
		if len(set.pods) > 0 {
			used = append(used, set)
		}
	}
	if len(used) == 0 {
		return
	}
	newest := used[len(used)-1]
	if len(used) > 1 && update != nil {
		desired += scaled(update.MaxSurge, desired, true)
	}
	excess := r.total() - desired
	for _, ready := range []bool{false, true} {
		for _, set := range used {
			set.pods = slices.DeleteFunc(set.pods, func(p *pod) bool {
				goes := excess > 0 && (p.readySince != nil) == ready
				if goes {
					excess--
					w.end(r, p)
				}
				return goes
			})
		}
	}
	w.resize(r, newest, newest.total()+desired-r.total())
}

// shrink deletes pods of old templates: first the unavailable ones, then available ones as long as
// enough remain.
func (w *World) shrink(r *replicaSets, current *replicaSet, deployment *appsv1.Deployment) {
	desired, least := replicas(deployment), minReady(deployment)
	stay := desired - scaled(deployment.Spec.Strategy.RollingUpdate.MaxUnavailable, desired, false)
	spare := r.total() - stay - (current.total() - current.available(w.now, least))
	for _, healthy := range []bool{false, true} {
		for _, set := range r.all {
			if set == current {
				continue
			}
			set.pods = slices.DeleteFunc(set.pods, func(p *pod) bool {
				goes := spare > 0 && p.available(w.now, least) == healthy
				if healthy {
					goes = goes && r.available(w.now, least) > stay
				}
				if goes {
					spare--
					w.end(r, p)
				}
				if goes && healthy {
					p.readySince = nil // so that it no longer counts as available
				}
				return goes
			})
		}
	}
}

// end deletes a pod. One with wordLingers terminates for a while.
func (w *World) end(r *replicaSets, p *pod) {
	if strings.Contains(p.image+w.broken[p.image]+p.config, wordLingers) {
		p.endsAt = w.now.Add(lingering)
		r.ending = append(r.ending, p)
	}
}

func (w *World) count() int {
	n := 0
	for _, name := range names(w.pods) {
		n += len(w.pods[name].each()) + len(w.pods[name].terminating())
	}
	return n
}

// full reports whether the quota is exhausted.
func (w *World) full() bool { return w.Quota >= 0 && w.count() >= w.Quota }

// resize creates or deletes pods of a ReplicaSet. If the quota rejects a pod, it tries again after
// a pause as long as the time since the first rejection.
func (w *World) resize(r *replicaSets, set *replicaSet, total int32) {
	total = max(0, total)
	if excess := set.total() - total; excess > 0 {
		// Pods that are not ready go first.
		slices.SortStableFunc(set.pods, func(a, b *pod) int {
			return boolInt(a.readySince == nil) - boolInt(b.readySince == nil)
		})
		for _, pod := range set.pods[total:] {
			w.end(r, pod)
		}
		set.pods = set.pods[:total]
	}
	if !set.refusedSince.IsZero() && total == set.desired && w.now.Before(set.retryAt) {
		return
	}
	set.desired = total
	for set.total() < total {
		if w.full() {
			if set.refusedSince.IsZero() {
				set.refusedSince = w.now
			}
			set.retryAt = w.now.Add(w.now.Sub(set.refusedSince))
			return
		}
		w.podsMade++
		set.pods = append(set.pods, &pod{
			name: fmt.Sprintf("pod-%d", w.podsMade), image: set.image,
			config: strings.TrimSpace(w.configured(set.spec) + " " + w.secretWords(set.spec)),
			made:   w.now, placed: w.hasRoom(), started: w.now,
		})
	}
	set.refusedSince = time.Time{}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// conditions returns the conditions of the Deployment, as its controller sets them.
func conditions(
	deployment *appsv1.Deployment, was appsv1.DeploymentStatus, sets *replicaSets, now time.Time,
) []appsv1.DeploymentCondition {
	progressing := appsv1.DeploymentCondition{
		Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, LastUpdateTime: metav1.NewTime(now),
	}
	for _, condition := range was.Conditions {
		if condition.Type == appsv1.DeploymentProgressing {
			progressing = condition
		}
	}
	status := deployment.Status
	deadline := time.Duration(*deployment.Spec.ProgressDeadlineSeconds) * time.Second
	complete := status.UpdatedReplicas == replicas(deployment) && status.Replicas == status.UpdatedReplicas &&
		status.AvailableReplicas >= status.UpdatedReplicas
	progressed := status.UpdatedReplicas > was.UpdatedReplicas || status.AvailableReplicas > was.AvailableReplicas ||
		status.Replicas-status.UpdatedReplicas < was.Replicas-was.UpdatedReplicas
	set := func(reason string, to corev1.ConditionStatus) {
		progressing.Reason, progressing.Status, progressing.LastUpdateTime = reason, to, metav1.NewTime(now)
	}
	switch paused := progressing.Reason == "DeploymentPaused"; {
	case deployment.Spec.Paused && !paused:
		set("DeploymentPaused", corev1.ConditionUnknown)
	case !deployment.Spec.Paused && paused:
		set("DeploymentResumed", corev1.ConditionUnknown)
	case sets.created:
		set("NewReplicaSetCreated", corev1.ConditionTrue)
	case progressing.Reason == "NewReplicaSetAvailable" && status.Replicas == status.UpdatedReplicas:
		// It has been complete. Missing pods or more replicas do not start the deadline again.
	case complete:
		set("NewReplicaSetAvailable", corev1.ConditionTrue)
	case progressed:
		set("ReplicaSetUpdated", corev1.ConditionTrue)
	case !paused && progressing.Reason != "ProgressDeadlineExceeded" && now.Sub(progressing.LastUpdateTime.Time) > deadline:
		set("ProgressDeadlineExceeded", corev1.ConditionFalse)
	}
	all := []appsv1.DeploymentCondition{progressing}
	if since := sets.refusedSince(); !since.IsZero() {
		all = append(all, appsv1.DeploymentCondition{
			Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate",
			Message:            fmt.Sprintf("pods %q is forbidden: exceeded quota", deployment.Name+"-"),
			LastTransitionTime: metav1.NewTime(since),
		})
	}
	return all
}

func scaled(value *intstr.IntOrString, of int32, up bool) int32 {
	n, err := intstr.GetScaledValueFromIntOrPercent(value, int(of), up)
	if err != nil {
		panic(err)
	}
	return int32(n) //nolint:gosec // a number of pods
}
