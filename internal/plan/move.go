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

// maxCause is the maximum length of a change cause, in bytes.
const maxCause = 1024

// decision is what to do about the stack's revision: start a rollout, ask questions first,
// wait, or report a problem.
type decision struct {
	// start starts a rollout; nil if none is needed or possible.
	start *model.StartRollout
	// alias is set if the spec renders to the content of an existing revision.
	alias alias
	// declared reports that the spec asks for the running revision.
	declared bool
	// gathers describes changes to ConfigMaps and Secrets, whose release waits for further changes for the
	// duration wait.
	gathers string
	// brief is a wait that is too short to be reported.
	brief time.Duration
	// held reports that spec.paused blocks a rollout.
	held bool
	// asks are the questions that have to be answered before the next revision can be made.
	asks model.Questions
	// looksUp is the image that is being resolved for the next revision.
	looksUp string
	// wait is the longest wait for images or ConfigMaps, or the time until a rejected start or a
	// name conflict is retried.
	wait    time.Duration
	problem *model.Problem
}

// alias maps a spec content, by its source hash, to the number of the revision that it renders
// to.
type alias struct {
	number     int64
	source     string
	provenance map[string]model.Provenance
}

// decide compares the spec with the current revision, and lets afterFailure decide after a failed
// rollout.
func (p Planner) decide(state model.State, current *model.Revision, timeline []model.Rollout, now time.Time) decision {
	wanted := p.wanted(state, current, timeline, now)
	if current == nil || !timeline[0].Open() || !timeline[0].Failed() {
		return wanted
	}
	return afterFailure(state, timeline, wanted, now)
}

// wanted is the decision that the spec asks for, regardless of a failure of the current rollout.
func (p Planner) wanted(state model.State, current *model.Revision, timeline []model.Rollout, now time.Time) decision {
	spec := state.Stack.Spec
	choice := withSecrets(state, current, timeline, revision.Choose(spec, state.Revisions, numberOf(current), state.Config.Releasable()))
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
	if wait := max(gathering(state, choice.Changed, now), gatheringSecrets(state, choice.Secrets, now)); wait > 0 {
		return decision{gathers: choice.Message, wait: wait}
	}
	if choice.Base != 0 {
		return repeated(state, current, choice, begin)
	}
	if choice.Number != 0 {
		if begin.Trigger == v1alpha1.TriggerSpecChanged {
			begin.Cause = model.Truncate(revision.CauseOfReturn(state.Stack), maxCause)
		}
		rev := *revision.Find(state.Revisions, choice.Number)
		if begin.Trigger == v1alpha1.TriggerSpecChanged && numberOf(current) != rev.Number && unobserved(state, rev) {
			return decision{wait: quiet} // the first list of ConfigMaps triggers a reconcile
		}
		return moveTo(state, current, rev, begin)
	}
	return p.rendered(state, current, timeline, choice, begin)
}

// rendered is the decision to release the spec's content as it is rendered now: as a new revision, or
// as an existing one that has the same content.
func (p Planner) rendered(
	state model.State, current *model.Revision, timeline []model.Rollout, choice revision.Choice, begin model.Rollout,
) decision {
	spec, now := state.Stack.Spec, begin.StartedAt
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
	if wait := gatheringSpec(state, content, now); wait > 0 {
		return decision{brief: wait, wait: wait}
	}
	content, problem := withConfig(state, content)
	if problem != nil {
		return decision{problem: problem}
	}
	// the same content keeps its number, however the spec expresses it (R3); the hash excludes
	// the restart annotation
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
		if content, problem = withConfig(state, content); problem != nil {
			return decision{problem: problem}
		}
	}
	rev := release(state, restamped(state, current, content), model.Record{
		Sources: []string{source}, ContentHash: hash,
		ConfigVersions: state.Answers.ConfigVersions, ConfigReleases: latestConfigReleases(state.Revisions),
	})
	return startOf(state, rev, begin)
}

// keptNames returns the names that the serving revision generated for ports without a name, so
// that new revisions keep them.
func keptNames(revisions []model.Revision) map[string]render.PortNames {
	if serving := revision.LastGoodOrNewest(revisions); serving != nil {
		return render.GeneratedNames(serving.Content)
	}
	return nil
}

// ofContent returns the newest revision that has the content hash or that the input renders to;
// nil if there is none.
func ofContent(revisions []model.Revision, hash string, in render.Input) *model.Revision {
	for _, rev := range slices.Backward(revisions) {
		if rev.Record.ContentHash == hash || rendersTo(rev, in) {
			return &rev
		}
	}
	return nil
}

// rendersTo reports whether the input, with the revision's generated port names, renders to the
// revision's content. An earlier operator generated other names, from the positions of the ports.
func rendersTo(rev model.Revision, in render.Input) bool {
	names := render.GeneratedNames(rev.Content)
	if equality.Semantic.DeepEqual(names, in.Names) {
		return false // already rendered with these names
	}
	in.Names = names
	content, err := render.Content(in)
	return err == nil && content.Hash() == rev.Record.ContentHash
}

// respelled decides to run an existing revision whose content the spec expresses differently.
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

// keptProvenances is the number of sources for which a record keeps the provenance of their
// values.
const keptProvenances = 5

// in returns the record with the alias added: its source hash and its provenance.
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

// provenances returns, by component, whether the images were resolved. The rest of the
// provenance is stored with the revision: a record is an annotation, and its size is limited.
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

// numberOf returns the number of the revision; 0 if there is none.
func numberOf(rev *model.Revision) int64 {
	if rev == nil {
		return 0
	}
	return rev.Number
}

// pause is the decision for a paused stack: held if a rollout is open, or would start if the
// stack were not paused.
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

// moveTo decides to run an existing revision. If it already runs or is being rolled out, no
// rollout starts (R10).
func moveTo(state model.State, current *model.Revision, rev model.Revision, begin model.Rollout) decision {
	if current != nil && current.Number == rev.Number {
		return decision{declared: true}
	}
	return startOf(state, rev, begin)
}

// startOf is the decision to roll out the revision. The API server first has to accept all of
// its writes in a dry run; then the revision is created, or updated with the new rollout.
func startOf(state model.State, rev model.Revision, begin model.Rollout) decision {
	timeline := revision.Timeline(state.Revisions)
	rev = revision.Begin(rev, timeline, begin)
	rev.Record.SecretVersions = secretVersions(state, rev)
	copies, asks, lost := recreated(state, rev)
	if lost != nil || !asks.None() {
		return decision{asks: asks, problem: lost}
	}
	revisions := slices.DeleteFunc(slices.Clone(state.Revisions),
		func(other model.Revision) bool { return other.Number == rev.Number })
	children := childrenOf(state, components(state, rev, append(revisions, rev), begin.StartedAt), begin)
	if problem, _ := conflicts(state.Stack, children); problem != nil {
		return decision{problem: problem, wait: recheck}
	}
	var dryRuns []model.WriteChild
	for _, child := range children {
		// a settled Deployment gets its dry run too: the revision records the template as the
		// API server returns it
		if child.Name == model.KindDeployment || !child.Settled(state) {
			dryRuns = append(dryRuns, child.Write)
		}
	}
	return decision{start: &model.StartRollout{
		Why:      model.Why{Reason: startReason(rev.Number, begin), Event: v1alpha1.EventRolloutStarted},
		ObjectID: rev.ObjectID(),
		Revision: rev,
		Ended:    revision.Superseded(timeline, begin.StartedAt),
		Copies:   copies,
		DryRuns:  append(dryRuns, afterwards(state, rev, children)...),
		Basis:    basis(state, children),
	}}
}

// afterwards returns the Services as they will be after the rollout, if they differ from those
// during the rollout. The rollout does not start if the API server rejects one of these (R4).
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

// release returns a new revision with the content.
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

// adoptions returns, by component, the labels that its pods have to carry because the selector
// of an existing Deployment or of an adopted Service requires them. A Deployment's selector is
// immutable, so every revision keeps it (R26).
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

// recordedSelector returns the component's selector in the newest revision that has the
// component; nil if none has it.
func recordedSelector(revisions []model.Revision, name string) map[string]string {
	for _, rev := range slices.Backward(revisions) {
		if component := rev.Content.Find(name); component != nil {
			return component.Selector
		}
	}
	return nil
}
