// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
)

// Changes to several ConfigMaps within a short time are released together (R32).
const (
	// quiet is how long the stack's ConfigMaps must stay unchanged before the release starts.
	quiet = 5 * time.Second
	// quietWithSpec replaces quiet if the spec has changed.
	quietWithSpec = time.Second
	// maxGathering is how long after the first change the release starts in any case.
	maxGathering = 30 * time.Second
)

// Releases for changed ConfigMaps and Secrets are bounded, because an app may write its own config (R32).
const (
	// maxConfigReleases is how many such releases there may be within configPeriod.
	maxConfigReleases = 12
	configPeriod      = time.Hour
)

// NewConfigState returns the config state of a stack of which nothing is observed yet.
func NewConfigState(policy *v1alpha1.ConfigPolicy) *model.ConfigState {
	state := &model.ConfigState{Copies: map[string]model.ExistingCopy{}}
	if policy != nil {
		state.Live = policy.Live
		state.AllLive = policy.OnChange == v1alpha1.ConfigChangeLive
		state.Deferred = state.AllLive || policy.OnChange == v1alpha1.ConfigChangeNextRelease
	}
	return state
}

// ConfigDiffers reports whether ConfigMaps differ from those of the revision that runs or is being
// rolled out.
func ConfigDiffers(state model.State) bool {
	timeline := revision.Timeline(state.Revisions)
	if len(timeline) == 0 {
		return false
	}
	running := revision.Find(state.Revisions, timeline[0].Revision)
	return running != nil && len(revision.ChangedConfig(*running, state.Config.Releasable())) > 0
}

// ConfigNames returns the ConfigMaps that the stack's revisions reference, with the recorded hash and
// version of each, and, as long as the current spec has no revision, those that the spec references.
func (p Planner) ConfigNames(state model.State) map[string]model.ObservedConfig {
	names := map[string]model.ObservedConfig{}
	source, known := revision.SourceHash(state.Stack.Spec), false
	for _, rev := range state.Revisions { // the newest wins
		known = known || rev.Record.HasSource(source)
		for name, hash := range revision.Config(rev) {
			names[name] = model.ObservedConfig{Hash: hash, Version: rev.Record.ConfigVersions[name]}
		}
		addSources(names, state, rev.Content)
	}
	if !known {
		if draft, err := render.Draft(render.Input{Stack: state.Stack, Defaults: p.Defaults}); err == nil {
			addSources(names, state, draft)
		}
	}
	return names
}

// addSources adds the ConfigMaps that the content references and that names does not contain yet.
func addSources(names map[string]model.ObservedConfig, state model.State, content model.Content) {
	for _, name := range sourcesOf(state.Config, content) {
		if _, found := names[name]; !found {
			names[name] = model.ObservedConfig{}
		}
	}
}

// sourcesOf returns the ConfigMaps that a release with the content copies, sorted.
func sourcesOf(config *model.ConfigState, content model.Content) []string {
	sources := map[string]bool{}
	for _, ref := range render.ConfigRefs(render.WithConfig(content, nil)) {
		sources[ref.Name] = true
	}
	maps.DeleteFunc(sources, func(name string, _ bool) bool {
		return model.IsFiles(name) || config.IsLive(name) || !mayExist(name)
	})
	return slices.Sorted(maps.Keys(sources))
}

// mayExist reports whether there can be a ConfigMap of the name.
func mayExist(name string) bool { return len(validation.IsDNS1123Subdomain(name)) == 0 }

// unobserved reports whether the revision records ConfigMaps that cannot be compared with the current
// ones yet, because these have not been observed.
func unobserved(state model.State, rev model.Revision) bool {
	return state.Config != nil && !state.Config.Deferred && state.Config.Observed == nil && len(revision.Config(rev)) > 0
}

// gathering returns how long a release waits for further changes to ConfigMaps; 0 if it is due, or if
// none has changed.
func gathering(state model.State, changed []string, now time.Time) time.Duration {
	if len(changed) == 0 {
		return 0
	}
	last := state.Config.ChangedSince
	for _, name := range changed {
		last = later(last, state.Config.Observed[name].ChangedAt)
	}
	return untilQuiet(last, state.Config.ChangedSince, quiet, now)
}

// gatheringSpec returns how long the release of a changed spec waits for changes to the ConfigMaps and
// Secrets that it references; 0 if it is due.
func gatheringSpec(state model.State, content model.Content, now time.Time) time.Duration {
	if state.Config == nil {
		return 0
	}
	var changes []time.Time
	for _, name := range sourcesOf(state.Config, content) {
		changes = append(changes, state.Config.Observed[name].ChangedAt)
	}
	if state.Secrets != nil {
		for name := range render.Secrets(content) {
			changes = append(changes, state.Secrets.Observed[name].ChangedAt)
		}
	}
	if len(changes) == 0 {
		return 0
	}
	last := state.Config.SpecSince
	for _, at := range changes {
		last = later(last, at)
	}
	return untilQuiet(last, state.Config.SpecSince, quietWithSpec, now)
}

// repeated is the decision to release the content of a revision again, with the current ConfigMaps (R32)
// or because Secrets have changed (R36). The rest of the content does not change: no image is resolved
// again.
func repeated(state model.State, current *model.Revision, choice revision.Choice, begin model.Rollout) decision {
	base := *revision.Find(state.Revisions, choice.Base)
	recent := latestConfigReleases(state.Revisions).Within(configPeriod, begin.StartedAt)
	if len(recent) >= maxConfigReleases {
		return decision{problem: releasesContested(state, choice), wait: recent[0].Add(configPeriod).Sub(begin.StartedAt)}
	}
	content, record := base.Content, model.Record{
		Sources:        []string{revision.SourceHash(state.Stack.Spec)},
		ContentHash:    base.Record.ContentHash,
		ConfigBaseline: base.Record.ConfigBaseline,
		ConfigVersions: base.Record.ConfigVersions,
		ConfigReleases: append(recent, begin.StartedAt.UTC()),
	}
	if len(choice.Changed) > 0 {
		asks, problem := reconfigured(state, base, &content)
		if problem != nil || !asks.None() {
			return decision{problem: problem, asks: asks}
		}
		record.ContentHash, record.ConfigBaseline, record.ConfigVersions = content.Hash(), nil, state.Answers.ConfigVersions
	}
	rev := release(state, restamped(state, current, content), record)
	return startOf(state, rev, begin)
}

// reconfigured changes the content of the base revision to copies of the current ConfigMaps. It asks for
// these first.
func reconfigured(state model.State, base model.Revision, content *model.Content) (asks model.Questions, problem *model.Problem) {
	hashes := map[string]string{}
	for name, observed := range state.Config.Observed {
		hashes[name] = observed.Hash
	}
	key := fmt.Sprintf("config %d %s", base.Number, model.Hash(hashes))
	if state.Answers.Release != key {
		return model.Questions{Release: key, Config: sourcesOf(state.Config, base.Content)}, nil
	}
	*content, problem = withConfig(state, base.Content)
	return model.Questions{}, problem
}

// withConfig returns the content with copies of the ConfigMaps that were just read, or a problem if a
// required one is missing (R33). If a ConfigMap was deleted, the content keeps its earlier copy.
func withConfig(state model.State, content model.Content) (model.Content, *model.Problem) {
	if state.Config == nil {
		return content, nil
	}
	copies := map[string]model.ConfigCopy{}
	for _, earlier := range content.Config {
		found, read := state.Answers.Config[earlier.Source]
		if deleted := read && found == nil && earlier.Hash != model.AbsentHash; deleted || model.IsFiles(earlier.Source) {
			copies[earlier.Source] = earlier
		}
	}
	sources := render.Files(state.Stack.Spec)
	maps.Copy(sources, state.Answers.Config)
	maps.DeleteFunc(sources, func(name string, _ *model.ConfigMap) bool { return copies[name].Name != "" })
	for _, ref := range render.ConfigRefs(render.WithConfig(content, nil)) {
		found, read := sources[ref.Name]
		if missing := ref.Missing(found); missing != "" && copies[ref.Name].Name == "" && (read || !mayExist(ref.Name)) {
			return model.Content{}, &model.Problem{
				Reason:  v1alpha1.ReasonConfigNotFound,
				Message: fmt.Sprintf("component %s: %s: create it, or make the reference optional", ref.Component, missing),
			}
		}
	}
	maps.Copy(copies, render.ConfigCopies(state.Stack.Name, sources))
	return render.WithConfig(content, copies), nil
}

// latestConfigReleases returns when the latest releases for changed ConfigMaps or Secrets started, as the newest
// revision records them.
func latestConfigReleases(revisions []model.Revision) model.ConfigTimes {
	if len(revisions) == 0 {
		return nil
	}
	return revisions[len(revisions)-1].Record.ConfigReleases
}

// missingCopies returns the copies that the revision references and that do not exist.
func missingCopies(state model.State, rev model.Revision) []model.ConfigCopy {
	var missing []model.ConfigCopy
	for _, copied := range rev.Content.Config {
		if _, found := state.Config.Copies[copied.Name]; !found && copied.Hash != model.AbsentHash {
			missing = append(missing, copied)
		}
	}
	return missing
}

// recreated returns the steps that recreate the revision's missing copies from ConfigMaps whose content
// has not changed. If it has, it returns a problem (R37); before the ConfigMaps have been read, it
// returns the questions that get them read.
func recreated(state model.State, rev model.Revision) ([]model.CopyConfig, model.Questions, *model.Problem) {
	if state.Config == nil {
		return nil, model.Questions{}, nil
	}
	var steps []model.CopyConfig
	var asks, lost []string
	for _, copied := range missingCopies(state, rev) {
		found, answered := state.Answers.Config[copied.Source]
		if model.IsFiles(copied.Source) {
			found, answered = render.Files(state.Stack.Spec)[copied.Source], true
		}
		live := state.Answers.Config[copied.Name]
		switch {
		case live != nil && live.Hash() == copied.Hash: // the cache does not show it yet
		case answered && found != nil && found.Hash() == copied.Hash:
			steps = append(steps, model.CopyConfig{
				Why:  model.Why{Reason: fmt.Sprintf("revision %d has this content of %s", rev.Number, copied.From())},
				Copy: copied, Content: *found,
			})
		case !answered:
			asks = append(asks, copied.Source, copied.Name)
		default:
			lost = append(lost, fmt.Sprintf("%s (of %s)", copied.Name, copied.From()))
		}
	}
	if len(lost) > 0 {
		return nil, model.Questions{}, &model.Problem{
			Reason: v1alpha1.ReasonConfigLost,
			Message: fmt.Sprintf("revision %d needs copies of ConfigMaps that were deleted, and the ConfigMaps have other content by now: %s: "+
				"restore them from a backup, or release the spec's content anew", rev.Number, strings.Join(lost, ", ")),
		}
	}
	if len(asks) > 0 {
		return nil, model.Questions{Release: fmt.Sprintf("copies %d", rev.Number), Config: asks}, nil
	}
	return steps, model.Questions{}, nil
}

// orphanedCopies returns the steps that adopt the orphaned copies that revisions name (R26).
func orphanedCopies(state model.State) []model.AdoptCopy {
	hashes := map[string]string{}
	for _, rev := range state.Revisions {
		for _, copied := range rev.Content.Config {
			hashes[copied.Name] = copied.Hash
		}
	}
	var steps []model.AdoptCopy
	for _, name := range slices.Sorted(maps.Keys(copiesOf(state.Config))) {
		if copied := state.Config.Copies[name]; copied.Orphan && hashes[name] != "" {
			steps = append(steps, model.AdoptCopy{ObjectID: copied.ObjectID, ContentHash: hashes[name], Why: model.Why{
				Reason: "adopted: it has the stack's labels and no controller",
			}})
		}
	}
	return steps
}

// minCopyAge is how old an unused copy must be before it is deleted: the cache may show it before
// the revision that names it.
const minCopyAge = 10 * time.Second

// unusedCopies returns the deletions of copies that no revision names (R31), and the time until the
// next one is due; 0 if there is none. Orphans are left alone: they may be somebody else's.
func unusedCopies(state model.State, now time.Time) (steps []model.Delete, wait time.Duration) {
	for _, name := range revision.UnusedCopies(slices.Collect(maps.Keys(copiesOf(state.Config))), state.Revisions) {
		copied := state.Config.Copies[name]
		if due := copied.CreatedAt.Add(minCopyAge).Sub(now); due > 0 && !copied.Orphan {
			wait = model.Sooner(wait, due)
		} else if !copied.Orphan {
			steps = append(steps, model.Delete{ObjectID: copied.ObjectID, Why: model.Why{
				Reason: "no revision names this copy of a ConfigMap",
			}})
		}
	}
	return steps, wait
}

// copiesOf returns the existing copies, by name.
func copiesOf(config *model.ConfigState) map[string]model.ExistingCopy {
	if config == nil {
		return nil
	}
	return config.Copies
}
