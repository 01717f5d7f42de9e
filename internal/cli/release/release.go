// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package release reads what a person is shown of a stack: its revisions, and
// which pods run which of them.
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

// Release is a stack with what belongs to it.
type Release struct {
	Stack *v1alpha1.AppStack
	// Revisions that can be read, in the order of their numbers.
	Revisions []model.Revision
	// Components, the main one first, the others by name.
	Components []Component
	// Unseen says what could not be read, and why, in the words that a person is told.
	Unseen []string
	// Denied are the refusals by KindOf.
	Denied map[string]error
	// NarrowClaims are those that an update may wait for, where they were read.
	NarrowClaims []NarrowClaim
}

// Component is what runs of a component.
type Component struct {
	Name string
	// Deployment is nil where there is none, or none may be seen.
	Deployment *appsv1.Deployment
	// Sets are those that have pods, are to have some, or are of the newest template; newest first.
	Sets []Set
}

// Set is the pods of one revision.
type Set struct {
	// Name of the ReplicaSet.
	Name string
	// Revision whose template the pods have: of several with the same the one
	// that runs, or else the newest; 0 where it is not known.
	Revision int64
	// Current says that the Deployment makes pods of this template.
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

// Make puts together what belongs to the stack.
func Make(stack *v1alpha1.AppStack, children Children) Release {
	r := Release{Stack: stack}
	for i := range children.Revisions {
		stored := &children.Revisions[i]
		if stored.Name != naming.Revision(stack.Name, stored.Revision) {
			continue // a copy that someone made
		}
		if rev, err := revision.Decode(stored); err == nil { // one that is damaged is a condition of the stack
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

// rank puts the main component first.
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
	// what the Deployment makes pods of is on top, even where a rollback brought back an old one
	slices.SortStableFunc(component.Sets, func(a, b Set) int { return cmp.Compare(number(b.Current), number(a.Current)) })
	return component
}

func number(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// revisionOf is the number of the revision whose template the ReplicaSet has.
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
	if found == 0 { // the Deployment controller hands the number on to the ReplicaSet
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

// Pods are those of the revision, with their components; of all revisions where it is 0.
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

// Asked is the number of the revision of the spec's own content, whatever
// spec.rollback says; 0 where it has none.
func (r Release) Asked() int64 {
	source := revision.SourceHash(r.Stack.Spec)
	for _, rev := range slices.Backward(r.Revisions) {
		if rev.Record.HasSource(source) {
			return rev.Number
		}
	}
	return 0
}

// Held says whether spec.rollback decides what runs.
func (r Release) Held() bool { return revision.Holds(r.Stack.Spec, r.Revisions) }

// Find is the revision of that number, or nil.
func (r Release) Find(number int64) *model.Revision { return revision.Find(r.Revisions, number) }

// LastGood is the rollout that most recently showed that a revision works, of
// the revisions that are not named; nil where there is none.
func (r Release) LastGood(except ...int64) *model.Rollout {
	timeline := slices.DeleteFunc(revision.Timeline(r.Revisions), func(rollout model.Rollout) bool {
		return slices.Contains(except, rollout.Revision)
	})
	return revision.LastGood(timeline)
}

// Numbers lists the revisions that there are.
func (r Release) Numbers() string {
	var numbers []string
	for _, rev := range r.Revisions {
		numbers = append(numbers, strconv.FormatInt(rev.Number, 10))
	}
	return strings.Join(numbers, ", ")
}
