// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package kinds is the table of the kinds of children: one entry for each, in a file
// of its own, with all that the pipeline has to know of it. It is pure.
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
	// Resource is what the API calls it.
	Resource schema.GroupVersionResource
	// New makes an empty object.
	New func() Object
	// Optional says that a cluster may lack the API, and may get it later.
	Optional bool
	// Content says that an object is what a revision decides, and not how a component
	// is operated (R1).
	Content bool
	// Adoptable says that a stack can take over an object that was there before it (R26).
	Adoptable bool
	// Without is how a stack does without an object of the kind, for the message that a
	// name is not free; empty where it cannot.
	Without string

	// child is what a component is to have; nil where it is to have none.
	child func(In) *Child
	// spec is that of an object.
	spec func(metav1.Object) any
	// serving is the path of what decides, in a field that differs, what pods run or who
	// gets their requests; empty where nothing does.
	serving string
	// part says whether a component's content has an object of the kind; nil where the
	// kind is not content.
	part func(model.Component) bool
	// deferred says that a write waits until the rollout has ended; nil where none does.
	deferred func(model.State, metav1.Object) bool
	// conflict is why an object that is the stack's to write cannot be written; nil where
	// each can.
	conflict func(metav1.Object) *model.Problem
	// lost is what becomes of an object that is created again; nil where nothing does.
	lost func(model.Component) string
}

// All are the kinds, in the order in which they are written.
var All = []*Kind{deployments, services, autoscalers, budgets}

// byName has Revisions too.
var byName = func() map[model.Kind]*Kind {
	kinds := map[model.Kind]*Kind{Revisions.Name: Revisions}
	for _, kind := range All {
		kinds[kind.Name] = kind
	}
	return kinds
}()

// Of is the kind of that name, which is one of All or that of Revisions.
func Of(name model.Kind) *Kind { return byName[name] }

// Each goes through live children by kind, in the order of the kinds, and name.
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

// Fingerprint is the hash of all that a write of the object can change.
func (k *Kind) Fingerprint(object metav1.Object) string {
	return model.Hash([]any{object.GetLabels(), object.GetAnnotations(), object.GetOwnerReferences(), k.spec(object)})
}

// In is what a child follows from.
type In struct {
	State     model.State
	Component *model.Desired
	Rollout   model.Rollout
}

// Child is an object that a component is to have.
type Child struct {
	*Kind
	Component *model.Desired
	// Write makes it what it is to be.
	Write model.WriteChild
	// Live is the object as it is; nil where there is none.
	Live metav1.Object
	// Drift is the path of a field in which it differs; empty where none does.
	Drift string
}

// Wanted is what the component is to have of the kind; nil where it is to have none.
func (k *Kind) Wanted(in In) *Child {
	child := k.child(in)
	if child != nil {
		child.Kind, child.Component = k, in.Component
	}
	return child
}

// Serving says whether what differs decides what pods run, or who gets their requests.
func (c *Child) Serving() bool { return c.serving != "" && strings.HasPrefix(c.Drift, c.serving) }

// Part says whether the component's content has an object of the kind.
func (k *Kind) Part(component *model.Component) bool {
	return component != nil && k.part != nil && k.part(*component)
}

// Deferred says whether the child is to be written later, when the rollout has ended.
func (c *Child) Deferred(state model.State, rollout model.Rollout) bool {
	return rollout.Outcome == v1alpha1.OutcomeProgressing && c.deferred != nil && c.deferred(state, c.Live)
}

// Settled says whether the child is as it is to be, or as the API server would have it.
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

// Conflict is why the child cannot be written though the stack may; nil where it can.
func (c *Child) Conflict() *model.Problem {
	if c.Live == nil || c.conflict == nil {
		return nil
	}
	return c.conflict(c.Live)
}

// Lost is what becomes of the child where it was deleted and is created again; empty
// where nothing does.
func (c *Child) Lost() string {
	if c.lost == nil {
		return ""
	}
	return c.lost(c.Component.Component)
}
