// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/world"
)

const (
	// changeTime is how long a child may take to change once the stack is settled.
	changeTime = 3 * time.Second
	// stillTime is how long children that must not change are observed.
	stillTime = 400 * time.Millisecond
	// returnTime is how long the children may take to return to their earlier state.
	returnTime = 15 * time.Second
)

// leafOutcome is the outcome of applying a value.
type leafOutcome int

const (
	ranChanged leafOutcome = iota
	ranSame
	refusedByServer
	refusedByOperator
)

// try applies a value at a node, checks the outcome, and restores the base spec.
func (s *leafStack) try(ctx context.Context, node schemaNode, value leafValue) (leafOutcome, string, error) {
	_, wroteBefore, err := s.read(ctx)
	if err != nil {
		return 0, "", err
	}
	version := s.object.GetResourceVersion()
	if refusal := s.apply(ctx, node.specAt(value.value, value.beside)); refusal != nil {
		return refusedByServer, refusal.Error(), s.isRejected(ctx, node, value, refusal, version)
	}
	verdict, err := s.settles(ctx)
	if err != nil {
		return 0, "", err
	}
	if verdict != nil {
		return refusedByOperator, verdict.String(), errors.Join(
			s.isStalled(ctx, node, value, *verdict, wroteBefore), s.restoresBase(ctx))
	}
	outcome, err := s.ran(ctx, node, value)
	if err != nil {
		return outcome, "", err
	}
	if stays[unindexed(node)] != "" {
		return outcome, "", s.stays(ctx)
	}
	return outcome, "", s.restoresBase(ctx)
}

// isRejected checks that the API server rejected an invalid value with a clear message, and that the stack is unchanged.
func (s *leafStack) isRejected(ctx context.Context, node schemaNode, value leafValue, refusal error, version string) error {
	if value.expected != refused && value.expected != either {
		return fmt.Errorf("a valid value is rejected: %w", refusal)
	}
	if !apierrors.IsInvalid(refusal) && !apierrors.IsBadRequest(refusal) {
		return fmt.Errorf("the API server fails: %w", refusal)
	}
	if err := names(node, value, refusal.Error()); err != nil {
		return err
	}
	now := s.object.DeepCopy()
	if err := world.Kube.Get(ctx, client.ObjectKeyFromObject(now), now); err != nil {
		return err
	}
	if now.GetGeneration() != s.object.GetGeneration() {
		return fmt.Errorf("a rejected value changed the stack: version %s, then %s", version, now.GetResourceVersion())
	}
	return nil
}

// names returns an error if the message of a rejection does not name the field.
func names(node schemaNode, value leafValue, message string) error {
	wanted := value.names
	if len(wanted) == 0 {
		wanted = []string{node.last()}
	}
	for _, name := range wanted {
		if strings.Contains(message, name) {
			return nil
		}
	}
	return fmt.Errorf("the rejection names none of %q: %s", wanted, message)
}

// isStalled checks that the operator rejected an invalid value with a clear message, and that it changed no Deployment or pod.
func (s *leafStack) isStalled(
	ctx context.Context, node schemaNode, value leafValue, verdict leafVerdict, wroteBefore leafWritten,
) error {
	if value.expected != refused && value.expected != either {
		return fmt.Errorf("a valid value stalls: %s", verdict)
	}
	if err := names(node, value, verdict.message); err != nil {
		return err
	}
	within := time.Duration(0)
	if verdict.reason == v1alpha1.ReasonRolledBack {
		within = returnTime // its pods were rejected, not the value: the rollback is in progress
	}
	if err := s.childrenBecome(ctx, within, func(now leafChildren) string { return now.differsFrom(s.children) }); err != nil {
		return fmt.Errorf("a rejected value (%s) changes children: %w", verdict, err)
	}
	_, wrote, err := s.read(ctx)
	if err != nil {
		return err
	}
	if verdict.reason != v1alpha1.ReasonRolledBack && !maps.Equal(wrote, wroteBefore) {
		return fmt.Errorf("a rejected value (%s) leads to writes of Deployments: %v, then %v", verdict, wroteBefore, wrote)
	}
	pods, err := readPods(ctx, s.object)
	if err != nil {
		return err
	}
	if !pods.keptOf(s.pods) {
		return fmt.Errorf("a rejected value (%s) replaces pods: %v, then %v", verdict, s.pods, pods)
	}
	return nil
}

// ran checks the effect of an accepted value on the children.
func (s *leafStack) ran(ctx context.Context, node schemaNode, value leafValue) (leafOutcome, error) {
	switch value.expected {
	case refused:
		return 0, errors.New("an invalid value is accepted, and the stack is Ready")
	case changes:
		change, err := s.changesWithin(ctx, changeTime)
		if err == nil && change == "" {
			err = errors.New("it changes no child, but is not among the fields without effect")
		}
		if err != nil {
			return 0, err
		}
	case same:
		change, err := s.changesWithin(ctx, stillTime)
		if err == nil && change != "" {
			err = fmt.Errorf("it should change no child: %s", change)
		}
		return ranSame, err
	case either:
		if change, err := s.changesWithin(ctx, stillTime); err != nil || change == "" {
			return ranSame, err
		}
	}
	if !node.further || strings.HasPrefix(node.relative, "components") {
		return ranChanged, nil
	}
	now, _, err := s.read(ctx)
	if err != nil {
		return 0, err
	}
	main := s.object.GetName()
	if changed := now.of(main).differsFrom(s.children.of(main)); changed != "" {
		return 0, fmt.Errorf("it changes the main component too: %s", changed)
	}
	return ranChanged, nil
}

// restoresBase restores the base spec, and checks that the stack becomes Ready with its earlier children.
func (s *leafStack) restoresBase(ctx context.Context) error {
	if err := s.apply(ctx, s.base); err != nil {
		return fmt.Errorf("restoring the base: %w", err)
	}
	if err := s.runs(ctx); err != nil {
		return fmt.Errorf("restoring the base: %w", err)
	}
	asBefore := func(now leafChildren) string { return now.differsFrom(s.children) }
	if err := s.childrenBecome(ctx, returnTime, asBefore); err != nil {
		return fmt.Errorf("after restoring the base, the children differ from before: %w", err)
	}
	var err error
	s.pods, err = readPods(ctx, s.object)
	return err
}

// stays restores the base spec, and checks that this changes no child, as documented.
func (s *leafStack) stays(ctx context.Context) error {
	var err error
	if s.children, _, err = s.read(ctx); err != nil {
		return err
	}
	if err := s.restoresBase(ctx); err != nil {
		return fmt.Errorf("removing it should change no child: %w", err)
	}
	return nil
}
