// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
)

// ported is a desired component with all its revisions that may have pods: the desired revision
// first, then the others, newest first.
type ported struct {
	model.Desired
	backends  []render.Backend
	revisions []int64
}

func (p *ported) add(component model.Component, number, since int64) {
	p.backends = append(p.backends, render.Backend{Component: component, Since: since})
	p.revisions = append(p.revisions, number)
}

// serve gives the component a Service that selects and reaches the pods of all its revisions
// (R9).
func (p *ported) serve(state model.State, now time.Time) {
	if len(p.backends) < 2 {
		return
	}
	name := naming.Object(state.Stack.Name, p.Name)
	if deployment := state.Children.Deployment(name); deployment != nil {
		p.count(state, deployment, now)
	}
	p.Service = render.Handover(p.backends, state.Children.Service(name))
}

// count sets how many pods of each revision are ready and available. It counts the pods if all
// of them and their templates are known, and otherwise derives the numbers from the
// Deployment's status, where that is unambiguous.
func (p *ported) count(state model.State, deployment *appsv1.Deployment, now time.Time) {
	if p.countPods(state.Pods, deployment, now) {
		return
	}
	status := deployment.Status
	if status.ObservedGeneration < deployment.Generation || !atRevision(deployment.Annotations, p.Desired) {
		return
	}
	// attribute available and ready pods to the old revisions first
	available := min(status.Replicas-status.UpdatedReplicas, status.AvailableReplicas)
	ready := min(status.Replicas-status.UpdatedReplicas, status.ReadyReplicas)
	for i := range p.backends {
		p.backends[i].Available, p.backends[i].Ready = available, ready
	}
	p.backends[0].Available, p.backends[0].Ready = status.AvailableReplicas-available, status.ReadyReplicas-ready
}

func (p *ported) countPods(pods model.Pods, deployment *appsv1.Deployment, now time.Time) (known bool) {
	available, ready := make([]int32, len(p.backends)), make([]int32, len(p.backends))
	lasting := time.Duration(deployment.Spec.MinReadySeconds) * time.Second
	for _, pod := range pods.All {
		if pod.Component != p.Name || !pod.Counts() || pod.ReadySince == nil {
			continue
		}
		if !pods.Known || pod.Template == "" {
			return false
		}
		at := p.revisionOf(pod, deployment)
		ready[at]++
		if now.Sub(*pod.ReadySince) >= lasting {
			available[at]++
		}
		known = true
	}
	for i := range ready {
		p.backends[i].Available, p.backends[i].Ready = available[i], ready[i]
	}
	return known
}

// revisionOf returns the index of the pod's revision. If the Deployment has the pod's template,
// it is the Deployment's revision, otherwise the newest revision with that template. A pod with
// an unknown template counts towards the last good revision.
func (p *ported) revisionOf(pod model.Pod, deployment *appsv1.Deployment) int {
	present := model.TemplateHash(deployment.Spec.Template) == pod.Template
	for i, number := range p.revisions {
		if present && atRevision(deployment.Annotations, model.Desired{Revision: number}) {
			return i
		}
	}
	for i, backend := range p.backends {
		if model.TemplateHash(backend.Template) == pod.Template {
			return i
		}
	}
	first := 0
	for i, backend := range p.backends {
		if backend.Since < p.backends[first].Since {
			first = i
		}
	}
	return first
}

// NeedsTemplates reports whether planning needs to know the revision of each ready pod. It does
// if a Service port has no target that reaches the pods of all revisions at once.
func NeedsTemplates(state model.State) bool {
	newest := newest(revision.Timeline(state.Revisions))
	current := running(state, newest)
	if current == nil {
		return false
	}
	for _, component := range portedComponents(state, *current, state.Revisions) {
		if len(component.backends) > 1 && render.LacksTarget(component.backends) {
			return true
		}
	}
	return false
}
