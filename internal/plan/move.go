// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
)

// maxCause is how many bytes of a change cause are kept.
const maxCause = 1024

// decision is where the stack is to go.
type decision struct {
	// start starts a rollout there; nil where it is there, or cannot go.
	start *model.StartRollout
	// alias says that an existing revision turned out to be of the spec's content too.
	alias alias
	// declared says that the spec asks for the running revision itself.
	declared bool
	// held says that spec.paused keeps the stack from going further.
	held bool
	// asks is what has to be known before the stack goes anywhere.
	asks model.Questions
	// looksUp is the image that is looked up before the stack goes anywhere, and wait
	// how long at most.
	looksUp string
	wait    time.Duration
	problem *model.Problem
}

// alias is a spec content by its hash, and the number of a revision that it renders to.
type alias struct {
	number     int64
	source     string
	provenance map[string]model.Provenance
}

// decide says where the stack is to go from the current revision.
func (p Planner) decide(state model.State, current *model.Revision, timeline []model.Rollout, now time.Time) decision {
	wish := p.wish(state, current, timeline, now)
	if current == nil || !timeline[0].Open() || !timeline[0].Failed() {
		return wish
	}
	return heal(state, timeline, wish, now)
}

// wish says where the spec asks the stack to go.
func (p Planner) wish(state model.State, current *model.Revision, timeline []model.Rollout, now time.Time) decision {
	spec := state.Stack.Spec
	choice := revision.Choose(spec, state.Revisions)
	if choice.Problem != nil {
		return decision{problem: choice.Problem}
	}
	if current != nil && choice.Number != 0 && choice.Number == timeline[0].Abandoned() {
		return decision{problem: abandoned(spec, timeline)}
	}
	if spec.Paused {
		return pause(state, current, timeline, choice)
	}
	begin := model.Rollout{Trigger: choice.Trigger, Message: choice.Message, Cause: choice.Cause, StartedAt: now}
	if choice.Number != 0 {
		if begin.Trigger == v1alpha1.TriggerSpecChanged {
			begin.Cause = model.Truncate(revision.CauseOfReturn(state.Stack), maxCause)
		}
		return moveTo(state, current, *revision.Find(state.Revisions, choice.Number), begin)
	}
	if asks := p.questions(state, choice, now); !asks.None() || state.Answers.Waiting != "" {
		return decision{asks: asks, looksUp: state.Answers.Waiting, wait: state.Answers.Wait}
	}
	input := render.Input{
		Stack: state.Stack, Defaults: p.Defaults, Adopted: adoptions(state),
		Images: state.Answers.Images, Earlier: lastFacts(state.Revisions), Names: keptNames(state.Revisions),
	}
	content, err := render.Content(input)
	if err != nil {
		return decision{problem: renderProblem(err)}
	}
	// the same content keeps its number, however it is written (R3), and whenever it was restarted
	hash, source := content.Hash(), revision.SourceHash(spec)
	if choice.Restart == nil {
		if rev := ofContent(state.Revisions, hash, input); rev != nil {
			return respelled(state, current, timeline, *rev, alias{rev.Number, source, provenances(content)}, begin)
		}
	} else {
		input.Restart = choice.Restart
		if content, err = render.Content(input); err != nil {
			return decision{problem: renderProblem(err)}
		}
	}
	rev := release(state, content, model.Record{Sources: []string{source}, ContentHash: hash})
	return startOf(state, rev, begin)
}

// keptNames are the names that ports without one have from the revision that serves.
func keptNames(revisions []model.Revision) map[string]render.PortNames {
	if serving := revision.LastGoodOrNewest(revisions); serving != nil {
		return render.GeneratedNames(serving.Content)
	}
	return nil
}

// ofContent is the newest revision of the content with that hash, which the input renders
// to; nil where there is none.
func ofContent(revisions []model.Revision, hash string, in render.Input) *model.Revision {
	for _, rev := range slices.Backward(revisions) {
		if rev.Record.ContentHash == hash || rendersTo(rev, in) {
			return &rev
		}
	}
	return nil
}

// rendersTo says whether the input is that revision's content, but that its ports
// without a name had others: an earlier operator named them by their position.
func rendersTo(rev model.Revision, in render.Input) bool {
	names := render.GeneratedNames(rev.Content)
	if equality.Semantic.DeepEqual(names, in.Names) {
		return false // that was rendered already
	}
	in.Names = names
	content, err := render.Content(in)
	return err == nil && content.Hash() == rev.Record.ContentHash
}

// respelled goes to an existing revision whose content the spec has in other words.
func respelled(
	state model.State, current *model.Revision, timeline []model.Rollout, rev model.Revision, also alias, begin model.Rollout,
) decision {
	same := decision{}
	if current != nil && rev.Number == timeline[0].Abandoned() {
		same.problem = abandoned(state.Stack.Spec, timeline)
	} else {
		begin.Message = fmt.Sprintf("the spec renders to the content of revision %d", rev.Number)
		aliased := rev
		aliased.Record = also.in(rev.Record)
		same = moveTo(state, current, aliased, begin)
	}
	same.alias = also
	return same
}

// keptProvenances is of how many sources a record says where their values come from.
const keptProvenances = 5

// in is the record of the revision that is of the spec's content too.
func (a alias) in(record model.Record) model.Record {
	record = record.WithSource(a.source)
	latest := record.Sources[max(0, len(record.Sources)-keptProvenances):]
	kept := map[string]map[string]model.Provenance{a.source: a.provenance}
	for source, provenance := range record.Provenance {
		if slices.Contains(latest, source) && source != a.source {
			kept[source] = provenance
		}
	}
	record.Provenance = kept
	return record
}

// provenances say whether the images of components were looked up, by component.
// The rest is with the revision, and an annotation has little room.
func provenances(content model.Content) map[string]model.Provenance {
	all := map[string]model.Provenance{}
	for _, component := range content.Components {
		short := model.Provenance{Resolved: component.Provenance.Resolved}
		if unresolved := component.Provenance.Unresolved; unresolved != nil {
			short.Unresolved = &model.Unresolved{
				Reason: unresolved.Reason, Message: model.Truncate(unresolved.Message, maxCause),
			}
		}
		all[component.Name] = short
	}
	return all
}

// pause says what waits for the end of a pause, if anything does.
func pause(state model.State, current *model.Revision, timeline []model.Rollout, choice revision.Choice) decision {
	if current == nil && len(state.Revisions) > 0 {
		return decision{problem: &model.Problem{
			Reason:  v1alpha1.ReasonRevisionNotFound,
			Message: "the record of the revision that runs is gone: remove paused to release the spec's content",
		}}
	}
	due := current == nil || choice.Number != current.Number
	return decision{held: due || timeline[0].Open(), declared: !due}
}

// moveTo goes to an existing revision. Where that is the one that runs, or is
// being rolled out, no rollout starts (R10).
func moveTo(state model.State, current *model.Revision, rev model.Revision, begin model.Rollout) decision {
	if current != nil && current.Number == rev.Number {
		return decision{declared: true}
	}
	return startOf(state, rev, begin)
}

// startOf begins a rollout to the revision, once the API server has accepted all
// that it consists of: the revision is made, or noted to be moved to.
func startOf(state model.State, rev model.Revision, begin model.Rollout) decision {
	timeline := revision.Timeline(state.Revisions)
	rev = revision.Begin(rev, timeline, begin)
	revisions := slices.DeleteFunc(slices.Clone(state.Revisions),
		func(other model.Revision) bool { return other.Number == rev.Number })
	children := childrenOf(state, components(state, rev, append(revisions, rev), begin.StartedAt), begin)
	if problem, _ := conflicts(state.Stack, children); problem != nil {
		return decision{problem: problem, wait: recheck}
	}
	var dryRuns []model.WriteChild
	for _, child := range children {
		// a Deployment is tried all the same: its template is recorded as the answer has it
		if child.Name == model.KindDeployment || !child.Settled(state) {
			dryRuns = append(dryRuns, child.Write)
		}
	}
	return decision{start: &model.StartRollout{
		Why:      model.Why{Reason: startReason(rev.Number, begin), Event: v1alpha1.EventRolloutStarted},
		ObjectID: rev.ObjectID(),
		Revision: rev,
		Ended:    revision.Superseded(timeline, begin.StartedAt),
		DryRuns:  append(dryRuns, afterwards(state, rev, children)...),
		Basis:    basis(state, children),
	}}
}

// afterwards are the writes of content as it is to be once the rollout has succeeded,
// where it is another meanwhile, as a Service is: what the API server refuses of it
// is not begun either (R4).
func afterwards(state model.State, rev model.Revision, children []*kinds.Child) []model.WriteChild {
	var writes []model.WriteChild
	for _, meanwhile := range children {
		component := rev.Content.Find(meanwhile.Component.Name)
		if meanwhile.Name != model.KindService || component == nil {
			continue
		}
		desired := *meanwhile.Component
		desired.Component = *component
		then := meanwhile.Wanted(kinds.In{State: state, Component: &desired})
		if then != nil && then.Write.Hash != meanwhile.Write.Hash && !then.Settled(state) {
			writes = append(writes, then.Write)
		}
	}
	return writes
}

// release is a new revision of the content.
func release(state model.State, content model.Content, record model.Record) model.Revision {
	stack := state.Stack
	record.RestartedAt = revision.LatestRestart(state.Revisions)
	if at := stack.Spec.RestartedAt; at != nil && (record.RestartedAt == nil || at.After(*record.RestartedAt)) {
		record.RestartedAt = ptr.To(at.UTC())
	}
	record.ChangeCause = model.Truncate(revision.Cause(stack), maxCause)
	record.Operations = render.Operations(stack.Spec)
	delete(record.Operations, naming.Main) // the spec always has it
	number := revision.Next(state.Revisions)
	return model.Revision{Number: number, Name: naming.Revision(stack.Name, number), Content: content, Record: record}
}

func startReason(number int64, begin model.Rollout) string {
	return "revision " + strconv.FormatInt(number, 10) + ": " + begin.Message
}

func renderProblem(err error) *model.Problem {
	if _, ok := errors.AsType[*render.InvalidPodTemplateError](err); ok {
		return &model.Problem{Reason: v1alpha1.ReasonInvalidPodTemplate, Message: err.Error()}
	}
	return &model.Problem{Reason: v1alpha1.ReasonRejected, Message: fmt.Sprintf("rendering: %v", err)}
}

// adoptions are the labels that the pods of components have to carry, because
// a Deployment or a Service that was there before the stack selects them. A
// Deployment's selector cannot be changed, so every revision keeps it (R26).
func adoptions(state model.State) map[string]render.Adoption {
	adoptions := map[string]render.Adoption{}
	for component := range render.Operations(state.Stack.Spec) {
		name := naming.Object(state.Stack.Name, component)
		adoption := render.Adoption{Selector: recordedSelector(state.Revisions, component)}
		if deployment := state.Children.Deployment(name); deployment != nil && len(deployment.Spec.Selector.MatchExpressions) == 0 {
			adoption.Selector = deployment.Spec.Selector.MatchLabels
		}
		if service := state.Children.Service(name); service != nil &&
			model.OwnershipOf(state.Stack, service) == model.Unclaimed {
			adoption.Labels, adoption.Service = service.Spec.Selector, true
		}
		adoptions[component] = adoption
	}
	return adoptions
}

// recordedSelector is the selector that the component has had, if any.
func recordedSelector(revisions []model.Revision, name string) map[string]string {
	for _, rev := range slices.Backward(revisions) {
		if component := rev.Content.Find(name); component != nil {
			return component.Selector
		}
	}
	return nil
}
