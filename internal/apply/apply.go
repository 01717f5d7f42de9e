// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package apply carries out a plan. It is the only writer of children and
// revisions.
//
// Services, autoscalers and disruption budgets are written by server-side
// apply, which leaves alone what others own in them. A Deployment is read live
// and updated under its resource version: its pod template belongs to the
// stack whole (R28), and server-side apply can only take away fields that the
// applier itself once set; and a replica count that the spec stops naming must
// stay as it is, while apply would take it away and have it default to 1.
package apply

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/ledger"
	"github.com/appstack-dev/appstack/internal/model"
)

// Applier carries out plans.
type Applier struct {
	// Client writes.
	Client client.Client
	// Live reads past the cache.
	Live client.Reader
	// Ledger remembers what the API server answered.
	Ledger *ledger.Ledger
	// Clock tells when it did.
	Clock clock.PassiveClock
}

// pass is one Apply.
type pass struct {
	*Applier
	stack   *v1alpha1.AppStack
	outcome model.Outcome
	// adopted are the names of objects that were there before the stack, and
	// that it takes over with its first write.
	adopted map[model.Kind][]string
}

// Apply carries out the plan's steps in order, up to the first that fails. An
// error is worth another try; what only a person can mend is in the outcome.
func (a *Applier) Apply(ctx context.Context, stack *v1alpha1.AppStack, plan model.Plan) (model.Outcome, error) {
	p := &pass{Applier: a, stack: stack, adopted: map[model.Kind][]string{}}
	if free, err := p.namesAreFree(ctx, plan.Steps); err != nil || !free {
		return p.outcome, err
	}
	for _, step := range plan.Steps {
		log.FromContext(ctx).Info(step.Reason, "verb", step.Verb, "kind", step.Kind, "object", step.Name)
		if err := p.take(ctx, step); err != nil {
			return p.outcome, p.sort(step, err)
		}
		p.outcome.Done = append(p.outcome.Done, step)
	}
	return p.outcome, nil
}

func (p *pass) take(ctx context.Context, step model.Step) error {
	switch step.Verb {
	case model.VerbRecord:
		return p.record(ctx, step)
	case model.VerbAnnotate:
		return p.annotate(ctx, step)
	case model.VerbDelete:
		return p.remove(ctx, step)
	default:
		answer, err := p.write(ctx, step)
		if err != nil {
			return err
		}
		p.note(step, answer)
		return nil
	}
}

// write writes a child, or tries to without effect.
func (p *pass) write(ctx context.Context, step model.Step, options ...writeOption) (client.Object, error) {
	if step.Kind == model.KindDeployment {
		return p.writeDeployment(ctx, step, options)
	}
	return p.applyConfig(ctx, step, options)
}

// note remembers the answer to a write. A write that changed nothing brings no
// event, so another pass is due.
func (p *pass) note(step model.Step, answer client.Object) {
	p.Ledger.Note(p.key(), answer.GetUID(), model.Acceptance{
		Asked:      step.Hash,
		Answered:   model.Fingerprint(answer),
		Generation: answer.GetGeneration(),
		At:         p.Clock.Now(),
	})
	if answer.GetResourceVersion() == step.ResourceVersion {
		p.outcome.Again = true
	}
}

func (p *pass) remove(ctx context.Context, step model.Step) error {
	object := newObject(step.Kind)
	object.SetNamespace(p.stack.Namespace)
	object.SetName(step.Name)
	err := p.Client.Delete(ctx, object, client.Preconditions{UID: &step.UID},
		client.PropagationPolicy("Background"))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting %s %s: %w", step.Kind, step.Name, err)
	}
	p.Ledger.Drop(p.key(), step.UID)
	return nil
}

func (p *pass) key() types.NamespacedName { return client.ObjectKeyFromObject(p.stack) }
