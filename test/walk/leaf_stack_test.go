// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/world"
)

// settleTime is how long a stack may take to become Ready or Stalled, on a busy
// machine. A pod that cannot be created fails a rollout after 30 s.
const settleTime = 3 * time.Minute

// leafStack is a stack that the walk changes, with the base spec that it restores.
type leafStack struct {
	object *unstructured.Unstructured
	base   fragment
	// unmanaged reports whether an autoscaler owns the number of replicas.
	unmanaged bool
	children  leafChildren
	pods      leafPods
}

// newLeafStack creates a stack with the first of the specs before, applies the others, and then the base spec.
func newLeafStack(ctx context.Context, namespace, name string, before []fragment, base fragment, unmanaged bool) (*leafStack, error) {
	first := base
	if len(before) > 0 {
		first = before[0]
	}
	s := &leafStack{base: base, unmanaged: unmanaged, object: &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(),
		"kind":       "AppStack",
		"metadata":   map[string]any{"namespace": namespace, "name": name},
		"spec":       runtime.DeepCopyJSON(first),
	}}}
	if err := world.Kube.Create(ctx, s.object); err != nil {
		return nil, fmt.Errorf("creating the base: %w", err)
	}
	if len(before) > 0 {
		for _, spec := range append(before[1:], base) {
			if err := s.runs(ctx); err != nil {
				return nil, fmt.Errorf("before the base: %w", err)
			}
			if err := s.apply(ctx, spec); err != nil {
				return nil, fmt.Errorf("before the base: %w", err)
			}
		}
	}
	if err := s.runs(ctx); err != nil {
		return nil, fmt.Errorf("the base: %w", err)
	}
	var err error
	if s.children, _, err = s.read(ctx); err != nil {
		return nil, err
	}
	s.pods, err = readPods(ctx, s.object)
	return s, err
}

func (s *leafStack) remove(ctx context.Context) error {
	return client.IgnoreNotFound(world.Kube.Delete(ctx, s.object.DeepCopy(), client.PropagationPolicy(metav1.DeletePropagationBackground)))
}

func (s *leafStack) read(ctx context.Context) (leafChildren, leafWritten, error) {
	return readChildren(ctx, s.object, s.unmanaged)
}

// apply replaces the spec; an error is the API server's rejection.
func (s *leafStack) apply(ctx context.Context, spec fragment) error {
	patch, err := json.Marshal([]any{map[string]any{"op": "replace", "path": "/spec", "value": spec}})
	if err != nil {
		return err
	}
	answer := s.object.DeepCopy()
	if err := world.Kube.Patch(ctx, answer, client.RawPatch(types.JSONPatchType, patch)); err != nil {
		return err
	}
	s.object = answer
	return nil
}

// leafVerdict is the Stalled condition of a stack for its newest generation.
type leafVerdict struct{ reason, message string }

func (v leafVerdict) String() string {
	return fmt.Sprintf("Stalled, reason %s: %s", v.reason, v.message)
}

var errUnsettled = errors.New("neither Ready nor Stalled")

// settles waits until the stack is Ready or Stalled at its current generation. It returns nil if it is Ready.
func (s *leafStack) settles(ctx context.Context) (*leafVerdict, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AppStackList"))
	events, err := world.Kube.Watch(ctx, list, client.InNamespace(s.object.GetNamespace()),
		client.MatchingFields{"metadata.name": s.object.GetName()})
	if err != nil {
		return nil, fmt.Errorf("watching the stack: %w", err)
	}
	defer events.Stop()
	last := "no event received"
	for {
		select {
		case event, open := <-events.ResultChan():
			if !open {
				return nil, fmt.Errorf("%w after %s: %s", errUnsettled, settleTime, last)
			}
			if event.Type != watch.Added && event.Type != watch.Modified {
				return nil, fmt.Errorf("watching the stack: %s %v", event.Type, event.Object)
			}
			verdict, settled := verdictOf(event.Object)
			if settled && event.Object.(*unstructured.Unstructured).GetGeneration() == s.object.GetGeneration() {
				return verdict, nil
			}
			last = conditionsOf(event.Object)
		case <-ctx.Done():
			return nil, fmt.Errorf("%w after %s: %s", errUnsettled, settleTime, last)
		}
	}
}

func verdictOf(object runtime.Object) (verdict *leafVerdict, settled bool) {
	stack := typedStack(object)
	current := func(conditionType string) *metav1.Condition {
		condition := meta.FindStatusCondition(stack.Status.Conditions, conditionType)
		if condition == nil || condition.ObservedGeneration != stack.Generation || condition.Status != metav1.ConditionTrue {
			return nil
		}
		return condition
	}
	if stack.Status.ObservedGeneration != stack.Generation {
		return nil, false
	}
	if stalled := current(v1alpha1.ConditionStalled); stalled != nil {
		verdict := &leafVerdict{reason: stalled.Reason, message: stalled.Message}
		if failure := stack.Status.Failure; failure != nil && stalled.Reason == v1alpha1.ReasonRolledBack {
			verdict.message += " (status.failure: " + failure.Message + ")"
		}
		return verdict, true
	}
	return nil, current(v1alpha1.ConditionReady) != nil && current(v1alpha1.ConditionReconciling) == nil
}

func conditionsOf(object runtime.Object) string {
	var all []string
	stack := typedStack(object)
	for _, condition := range stack.Status.Conditions {
		all = append(all, fmt.Sprintf("%s=%s %s (generation %d of %d): %s", condition.Type, condition.Status,
			condition.Reason, condition.ObservedGeneration, stack.Generation, condition.Message))
	}
	return strings.Join(all, "; ")
}

// typedStack returns the metadata and the status of a stack.
func typedStack(object runtime.Object) *v1alpha1.AppStack {
	fields := object.(*unstructured.Unstructured).Object
	stack := &v1alpha1.AppStack{}
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(
		map[string]any{"metadata": fields["metadata"], "status": fields["status"]}, stack)
	if err != nil {
		panic(fmt.Sprintf("an invalid status: %v", err))
	}
	return stack
}

// runs waits until the stack is Ready.
func (s *leafStack) runs(ctx context.Context) error {
	verdict, err := s.settles(ctx)
	if err == nil && verdict != nil {
		err = errors.New(verdict.String())
	}
	return err
}

// childrenBecome waits until the children are as wanted. If the time is over, the error describes the difference.
func (s *leafStack) childrenBecome(ctx context.Context, within time.Duration, wanted func(leafChildren) string) error {
	wrong, err := s.watchChildren(ctx, within, func(now leafChildren) (string, bool) {
		wrong := wanted(now)
		return wrong, wrong == ""
	})
	if err == nil && wrong != "" {
		err = errors.New(wrong)
	}
	return err
}

// changesWithin describes which children change in that time; empty if none does.
func (s *leafStack) changesWithin(ctx context.Context, within time.Duration) (string, error) {
	return s.watchChildren(ctx, within, func(now leafChildren) (string, bool) {
		change := now.differsFrom(s.children)
		return change, change != ""
	})
}

// watchChildren reads the children until look returns enough, or the time is over, and returns what look saw last.
func (s *leafStack) watchChildren(
	ctx context.Context, within time.Duration, look func(leafChildren) (seen string, enough bool),
) (string, error) {
	deadline := time.After(within)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		now, _, err := s.read(ctx)
		if err != nil {
			return "", err
		}
		seen, enough := look(now)
		if enough {
			return seen, nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			return seen, nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}
