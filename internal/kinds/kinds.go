// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package kinds is the table of the kinds of children: one entry for each kind, in its own
// file, with all that the pipeline needs to know about it. It is pure.
package kinds

import (
	"iter"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// Object is an API object of any kind.
type Object interface {
	metav1.Object
	runtime.Object
}

// Kind is a kind of child.
type Kind struct {
	Name model.Kind
	// Resource is the API resource of the kind.
	Resource schema.GroupVersionResource
	// New returns an empty object.
	New func() Object
	// Optional says that the API may be missing in a cluster, and be installed later.
	Optional bool
	// MetadataOnly says that the cache holds only the metadata of the objects, because their content
	// may be large.
	MetadataOnly bool
	// Content says that objects of the kind are content of a revision, not operation of a
	// component (R1).
	Content bool
	// Adoptable says that a stack can adopt an existing object of the kind (R26).
	Adoptable bool
	// Without is the advice on how to avoid an object of the kind, for the message of a name
	// conflict; empty if it cannot be avoided.
	Without string

	// child returns the child that the component needs; nil if it needs none.
	child func(In) *Child
	// spec returns the spec of an object.
	spec func(metav1.Object) any
	// serving is the path prefix of the fields that decide what pods run or which pods get
	// requests; empty if none do.
	serving string
	// part reports whether a component's content has an object of the kind; nil for kinds that
	// are not content.
	part func(model.Component) bool
	// deferred reports whether a write waits until the rollout has ended; nil if none does.
	deferred func(model.State, metav1.Object) bool
	// conflict returns why an object that the stack may write cannot be written; nil if each
	// can.
	conflict func(metav1.Object) *model.Problem
	// lost describes what may change when a deleted object is created again; nil if nothing
	// does.
	lost func(model.Component) string
}

// All lists the kinds of children in the order in which they are written.
var All = []*Kind{deployments, services, autoscalers, budgets}

// byName includes Revisions and Copies.
var byName = func() map[model.Kind]*Kind {
	kinds := map[model.Kind]*Kind{Revisions.Name: Revisions, Copies.Name: Copies}
	for _, kind := range All {
		kinds[kind.Name] = kind
	}
	return kinds
}()

// Of returns the kind with the name: one of All, Revisions or Copies. It is nil for other names.
func Of(name model.Kind) *Kind { return byName[name] }

// Each iterates over live children, in the order of All and by name.
func Each(children model.Children) iter.Seq2[*Kind, metav1.Object] {
	return func(yield func(*Kind, metav1.Object) bool) {
		for _, kind := range All {
			for _, name := range slices.Sorted(maps.Keys(children[kind.Name])) {
				if !yield(kind, children.Find(kind.Name, name)) {
					return
				}
			}
		}
	}
}

// Fingerprint returns the hash of everything in the object that a write can change.
func (k *Kind) Fingerprint(object metav1.Object) string {
	return model.Hash([]any{object.GetLabels(), object.GetAnnotations(), object.GetOwnerReferences(), k.spec(object)})
}

// In is the input that a child is computed from.
type In struct {
	State     model.State
	Component *model.Desired
	Rollout   model.Rollout
}

// Child is an object that a component needs.
type Child struct {
	*Kind
	Component *model.Desired
	// Write is the write that brings the object to its desired state.
	Write model.WriteChild
	// Live is the existing object; nil if there is none.
	Live metav1.Object
	// Drift is the path of the first field that differs from the desired state; empty if none
	// does.
	Drift string
}

// Wanted returns the child of the kind that the component needs; nil if it needs none.
func (k *Kind) Wanted(in In) *Child {
	child := k.child(in)
	if child != nil {
		child.Kind, child.Component = k, in.Component
	}
	return child
}

// Serving reports whether the drift is in a field that decides what pods run or which pods get
// requests.
func (c *Child) Serving() bool { return c.serving != "" && strings.HasPrefix(c.Drift, c.serving) }

// Part reports whether the component's content has an object of the kind. The component may be
// nil.
func (k *Kind) Part(component *model.Component) bool {
	return component != nil && k.part != nil && k.part(*component)
}

// Deferred reports whether the write of the child waits until the rollout has ended.
func (c *Child) Deferred(state model.State, rollout model.Rollout) bool {
	return rollout.Outcome == v1alpha1.OutcomeProgressing && c.deferred != nil && c.deferred(state, c.Live)
}

// Settled reports whether the child has its desired state, or the state that the API server
// made of it.
func (c *Child) Settled(state model.State) bool {
	if c.Live == nil {
		return false
	}
	if c.Drift == "" {
		return true
	}
	accepted, ok := state.LastWrites[c.Live.GetUID()]
	return ok && accepted.Asked == c.Write.Hash && accepted.Answered == c.Fingerprint(c.Live)
}

// Conflict returns why the child cannot be written although the stack may write it; nil if it
// can.
func (c *Child) Conflict() *model.Problem {
	if c.Live == nil || c.conflict == nil {
		return nil
	}
	return c.conflict(c.Live)
}

// Lost describes what may change when the child is created again after it was deleted; empty if
// nothing does.
func (c *Child) Lost() string {
	if c.lost == nil {
		return ""
	}
	return c.lost(c.Component.Component)
}
