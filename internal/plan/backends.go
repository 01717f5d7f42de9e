// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	appsv1 "k8s.io/api/apps/v1"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
)

// ported is a component that is to run, with its other revisions that may have
// pods: newest first, after its own.
type ported struct {
	model.Desired
	backends  []render.Backend
	revisions []int64
}

func (p *ported) add(component model.Component, number, since int64) {
	p.backends = append(p.backends, render.Backend{Component: component, Since: since})
	p.revisions = append(p.revisions, number)
}

// serve gives the component the Service for all of its revisions' pods (R9).
func (p *ported) serve(state model.State) {
	if len(p.backends) < 2 {
		return
	}
	name := naming.Object(state.Stack.Name, p.Name)
	if deployment := state.Deployments[name]; deployment != nil {
		p.count(state, deployment)
	}
	p.Service = render.Handover(p.backends, state.Services[name])
}

// count says how many pods of each revision are ready: by the pods, where they
// are seen with their templates, else by what the Deployment tells for sure.
func (p *ported) count(state model.State, deployment *appsv1.Deployment) {
	if p.countPods(state.Pods, deployment) {
		return
	}
	status := deployment.Status
	if status.ObservedGeneration < deployment.Generation || !atRevision(deployment.Annotations, p.Desired) {
		return
	}
	earlier := min(status.Replicas-status.UpdatedReplicas, status.ReadyReplicas) // those that came first are ready first
	for i := range p.backends {
		p.backends[i].Ready = earlier
	}
	p.backends[0].Ready = status.ReadyReplicas - earlier
}

func (p *ported) countPods(pods model.Pods, deployment *appsv1.Deployment) (known bool) {
	ready := make([]int32, len(p.backends))
	for _, pod := range pods.All {
		if pod.Component != p.Name || !pod.Counts() || pod.ReadySince == nil {
			continue
		}
		if !pods.Known || pod.Template == "" {
			return false
		}
		ready[p.revisionOf(pod, deployment)]++
		known = true
	}
	for i := range ready {
		p.backends[i].Ready = ready[i]
	}
	return known
}

// revisionOf is the index of the revision that the pod is of: of that of the
// Deployment where they have the same template, else of the newest with that
// template. One of which nobody knows counts as of the last good one.
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

// NeedsTemplates says whether it matters of which revisions a stack's ready pods
// are: where a port of a Service cannot reach the pods of all of them at once.
func NeedsTemplates(state model.State) bool {
	newest := newest(revision.Timeline(state.Revisions))
	current := running(state, newest)
	if current == nil {
		return false
	}
	for _, component := range portedComponents(state, *current, state.Revisions) {
		if len(component.backends) > 1 && render.Contested(component.backends) {
			return true
		}
	}
	return false
}
