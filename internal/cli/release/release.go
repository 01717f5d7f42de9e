// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package release reads what the plugin shows of a stack: its revisions, and which pods run which
// revision.
package release

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/revision"
)

// Release is a stack with its revisions, components and pods.
type Release struct {
	Stack *v1alpha1.AppStack
	// Revisions are those whose ControllerRevisions can be decoded, sorted by number.
	Revisions []model.Revision
	// Components are sorted by name, after the main one.
	Components []Component
	// DeniedMessages has a message to the user for each kind that the user may not list.
	DeniedMessages []string
	// Denied has the same errors by KindOf of the list.
	Denied map[string]error
	// SingleNodeClaims are the claims that may block an update. They are empty unless the caller has
	// read them.
	SingleNodeClaims []SingleNodeClaim
}

// Component is a component as it runs in the cluster.
type Component struct {
	Name string
	// Deployment is nil if it does not exist, or if the user may not read it.
	Deployment *appsv1.Deployment
	// Sets are the ReplicaSets with the Deployment's current template, and all others that have or
	// want pods. The current one is first, then the newest first.
	Sets []Set
}

// Set is a ReplicaSet of a component, with its pods.
type Set struct {
	// Name of the ReplicaSet.
	Name string
	// Revision is the number of the revision whose template the pods have. If several have the
	// same template, it is the stack's current one, or else the newest; 0 if unknown.
	Revision int64
	// Current reports whether this is the Deployment's current template.
	Current bool
	// Desired and Ready are numbers of pods.
	Desired, Ready int32
	Created        metav1.Time
	Pods           []corev1.Pod
}

// Children are the live objects of a stack.
type Children struct {
	Revisions   []appsv1.ControllerRevision
	Deployments []appsv1.Deployment
	Sets        []appsv1.ReplicaSet
	Pods        []corev1.Pod
}

// New assembles a Release from a stack and its children.
func New(stack *v1alpha1.AppStack, children Children) Release {
	r := Release{Stack: stack}
	for i := range children.Revisions {
		stored := &children.Revisions[i]
		if stored.Name != naming.Revision(stack.Name, stored.Revision) {
			continue // a copy of a revision
		}
		if rev, err := revision.Decode(stored); err == nil { // the stack's conditions report a damaged one
			r.Revisions = append(r.Revisions, rev)
		}
	}
	slices.SortFunc(r.Revisions, func(a, b model.Revision) int { return cmp.Compare(a.Number, b.Number) })

	names := map[string]bool{}
	for _, component := range stack.Status.Components {
		names[component.Name] = true
	}
	for i := range children.Deployments {
		names[children.Deployments[i].Labels[naming.LabelComponent]] = true
	}
	delete(names, "")
	for name := range names {
		r.Components = append(r.Components, r.component(name, children))
	}
	slices.SortFunc(r.Components, func(a, b Component) int { return cmp.Compare(rank(a.Name), rank(b.Name)) })
	return r
}

// rank returns the sort key of a component: the main one sorts first, all others by name.
func rank(component string) string {
	if component == naming.Main {
		return ""
	}
	return component
}

func (r Release) component(name string, children Children) Component {
	component := Component{Name: name}
	for i := range children.Deployments {
		if children.Deployments[i].Name == naming.Object(r.Stack.Name, name) {
			component.Deployment = &children.Deployments[i]
		}
	}
	for i := range children.Sets {
		set := &children.Sets[i]
		owner := metav1.GetControllerOfNoCopy(set)
		if component.Deployment == nil || owner == nil || owner.UID != component.Deployment.UID {
			continue
		}
		hash := model.TemplateHash(set.Spec.Template)
		made := Set{
			Name:     set.Name,
			Revision: r.revisionOf(name, set, hash),
			Current:  hash == model.TemplateHash(component.Deployment.Spec.Template),
			Desired:  ptr.Deref(set.Spec.Replicas, 1),
			Ready:    set.Status.ReadyReplicas,
			Created:  set.CreationTimestamp,
			Pods:     podsOf(set, children.Pods),
		}
		if made.Current || made.Desired > 0 || set.Status.Replicas > 0 || len(made.Pods) > 0 {
			component.Sets = append(component.Sets, made)
		}
	}
	slices.SortFunc(component.Sets, func(a, b Set) int {
		return cmp.Or(b.Created.Compare(a.Created.Time), strings.Compare(a.Name, b.Name))
	})
	// The current one is first even if it is old, because a rollback reused it.
	slices.SortStableFunc(component.Sets, func(a, b Set) int { return cmp.Compare(number(b.Current), number(a.Current)) })
	return component
}

func number(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// revisionOf returns the number of the revision whose template the ReplicaSet has: see
// Set.Revision.
func (r Release) revisionOf(component string, set *appsv1.ReplicaSet, hash string) int64 {
	found := int64(0)
	for _, rev := range r.Revisions {
		recorded := rev.Content.Find(component)
		if recorded != nil && model.TemplateHash(recorded.Template) == hash {
			found = rev.Number
			if rev.Number == r.Stack.Status.Revision {
				return found
			}
		}
	}
	if found == 0 { // the Deployment controller copies the Deployment's annotations to its ReplicaSets
		found, _ = strconv.ParseInt(set.Annotations[naming.AnnotationRevision], 10, 64)
	}
	return found
}

func podsOf(set *appsv1.ReplicaSet, pods []corev1.Pod) []corev1.Pod {
	var own []corev1.Pod
	for i := range pods {
		if owner := metav1.GetControllerOfNoCopy(&pods[i]); owner != nil && owner.UID == set.UID {
			own = append(own, pods[i])
		}
	}
	slices.SortFunc(own, func(a, b corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
	})
	return own
}

// Pods returns the pods of a component and a revision: of all components if component is empty, of
// all revisions if number is 0.
func (r Release) Pods(component string, number int64) []corev1.Pod {
	var pods []corev1.Pod
	for _, c := range r.Components {
		if component != "" && c.Name != component {
			continue
		}
		for _, set := range c.Sets {
			if number == 0 || set.Revision == number {
				pods = append(pods, set.Pods...)
			}
		}
	}
	return pods
}

// SpecRevision returns the number of the newest revision with the spec's content, regardless of
// spec.rollback; 0 if there is none.
func (r Release) SpecRevision() int64 {
	source := revision.SourceHash(r.Stack.Spec)
	for _, rev := range slices.Backward(r.Revisions) {
		if rev.Record.HasSource(source) {
			return rev.Number
		}
	}
	return 0
}

// RollbackHolds reports whether spec.rollback decides which revision runs.
func (r Release) RollbackHolds() bool { return revision.Holds(r.Stack.Spec, r.Revisions) }

// Find returns the revision with the number, or nil.
func (r Release) Find(number int64) *model.Revision { return revision.Find(r.Revisions, number) }

// LastGood returns the newest rollout that proves that its revision works, or nil. It ignores the
// given revisions.
func (r Release) LastGood(except ...int64) *model.Rollout {
	timeline := slices.DeleteFunc(revision.Timeline(r.Revisions), func(rollout model.Rollout) bool {
		return slices.Contains(except, rollout.Revision)
	})
	return revision.LastGood(timeline)
}

// Numbers returns the numbers of all revisions, as a list for messages.
func (r Release) Numbers() string {
	var numbers []string
	for _, rev := range r.Revisions {
		numbers = append(numbers, strconv.FormatInt(rev.Number, 10))
	}
	return strings.Join(numbers, ", ")
}
