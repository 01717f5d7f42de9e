// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/schema"
	"github.com/appstack-dev/appstack/test/sim"
)

// patience is how long the simulation may take to settle.
const patience = time.Hour

// scene is the simulated world in which a stack is applied.
type scene struct {
	*sim.World
	manifest *v1alpha1.AppStack
}

// play carries out all events, and applies the stack.
func (d *description) play(ctx context.Context) (*scene, error) {
	s := &scene{World: sim.New(), manifest: d.stack}
	for _, event := range d.events {
		if err := event.happen(ctx, s); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", d.world, event.field, err)
		}
	}
	if err := s.put(ctx, d.stack); err != nil {
		return nil, fmt.Errorf("%s: %w", d.manifest, err)
	}
	return s, nil
}

// put applies the stack if the API server accepts it as an update of the existing one.
func (s *scene) put(ctx context.Context, stack *v1alpha1.AppStack) error {
	crd, err := schema.Get()
	if err != nil {
		return err
	}
	if s.Stack() == nil {
		err = crd.Validate(ctx, stack).ToAggregate()
	} else {
		err = crd.ValidateUpdate(ctx, stack, s.Stack()).ToAggregate()
	}
	if err != nil {
		return err
	}
	s.Apply(stack)
	return nil
}

// tell prints the following plans.
func (s *scene) tell(out io.Writer, passes int) error {
	fmt.Fprintf(out, "%s: AppStack %s/%s is applied\n", clock(s.Now()), s.manifest.Namespace, s.manifest.Name)
	report := &report{out: out, world: s.World, most: passes}
	s.Planned = report.plan
	for end := s.Now().Add(patience); report.plans <= passes && s.Now().Before(end) && !s.AtRest(); {
		s.Wait(1)
	}
	switch {
	case report.plans > passes:
		fmt.Fprintf(out, "\nmore plans follow: -passes says how many are printed\n")
	case s.AtRest():
		fmt.Fprintf(out, "\n%s: all is at rest, until something changes\n", clock(s.Now()))
	default:
		fmt.Fprintf(out, "\n%s: it has not come to rest in %s\n", clock(s.Now()), patience)
	}
	var violated []error
	for _, violation := range s.Violations() {
		violated = append(violated, fmt.Errorf("an invariant of the simulation does not hold: %s", violation))
	}
	return errors.Join(violated...)
}
