// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
)

// SecretNames returns the Secrets to observe: those that the pods of the running revision use, and those
// of a revision that failed and that the spec may still ask for. recorded has the recorded versions.
func SecretNames(state model.State) (names []string, recorded map[string]string) {
	timeline := revision.Timeline(state.Revisions)
	if len(timeline) == 0 {
		return nil, nil
	}
	used := map[string]bool{}
	recorded = map[string]string{}
	for _, number := range []int64{timeline[0].Abandoned(), timeline[0].Revision} { // the running one wins
		if rev := revision.Find(state.Revisions, number); rev != nil {
			maps.Copy(used, render.Secrets(rev.Content))
			maps.Copy(recorded, rev.Record.SecretVersions)
		}
	}
	return slices.Sorted(maps.Keys(used)), recorded
}

// changedSecrets returns the names of the changed Secrets that pods with the content use, sorted.
func changedSecrets(state model.State, content model.Content) []string {
	if state.Secrets == nil || len(state.Secrets.Observed) == 0 {
		return nil
	}
	used := render.Secrets(content)
	_, recorded := SecretNames(state)
	return slices.DeleteFunc(state.Secrets.Changed(recorded), func(name string) bool {
		_, found := used[name]
		return !found
	})
}

// withSecrets returns the choice as changed Secrets change it: a new revision repeats the chosen one (R36).
// A rollback by hand is not changed.
func withSecrets(state model.State, current *model.Revision, timeline []model.Rollout, choice revision.Choice) revision.Choice {
	base := revision.Find(state.Revisions, cmp.Or(choice.Number, choice.Base))
	if base == nil || choice.Trigger == v1alpha1.TriggerRollback {
		return choice
	}
	known := base.Number == numberOf(current) || base.Number == timeline[0].Abandoned()
	return choice.WithSecrets(changedSecrets(state, base.Content), known)
}

// restamped returns the content as it replaces the pods that use changed Secrets. The time is that of the
// change, so a release that is tried again is the same.
func restamped(state model.State, current *model.Revision, content model.Content) model.Content {
	var running *model.Content
	if current != nil {
		running = &current.Content
	}
	changed := changedSecrets(state, content)
	if len(changed) == 0 && running == nil {
		return content
	}
	var at time.Time
	if state.Secrets != nil {
		at = state.Secrets.ChangedSince
	}
	return render.WithSecretsChangedAt(content, running, changed, at)
}

// gatheringSecrets returns how long a release waits for further changes to Secrets; 0 if it is due, or
// if none has changed.
func gatheringSecrets(state model.State, changed []string, now time.Time) time.Duration {
	if len(changed) == 0 {
		return 0
	}
	last := state.Secrets.ChangedSince
	for _, name := range changed {
		last = later(last, state.Secrets.Observed[name].ChangedAt)
	}
	return untilQuiet(last, state.Secrets.ChangedSince, quiet, now)
}

// untilQuiet returns how long a release waits until there was no change for the duration quiet, or until
// it has waited for maxGathering.
func untilQuiet(last, first time.Time, quiet time.Duration, now time.Time) time.Duration {
	return max(0, min(last.Add(quiet).Sub(now), first.Add(maxGathering).Sub(now)))
}

// secretVersions returns the versions of the Secrets to record with the start of a rollout. The pods of
// a new revision get the Secrets as they are. A rollout to an earlier revision may leave pods as they are:
// it keeps what is recorded, so that a change is still noticed.
func secretVersions(state model.State, rev model.Revision) map[string]string {
	if state.Secrets == nil {
		return nil
	}
	_, recorded := SecretNames(state)
	versions := map[string]string{}
	for name, optional := range render.Secrets(rev.Content) {
		if version, found := recorded[name]; found {
			versions[name] = version
		}
		if observed, found := state.Secrets.Observed[name]; rev.UID == "" && found && (observed.Version != "" || optional) {
			versions[name] = observed.Version
		}
	}
	return versions
}

// secrets records the versions of Secrets that the running revision has none of yet, and those of Secrets
// whose data has not changed with the version.
func (r *records) secrets(rev model.Revision, state model.State) {
	var versions map[string]string
	if state.Secrets != nil {
		if state.Secrets.Observed == nil {
			return
		}
		versions = map[string]string{}
		for name, optional := range render.Secrets(rev.Content) {
			version, found := rev.Record.SecretVersions[name]
			observed, seen := state.Secrets.Observed[name]
			if seen && !observed.Changed && (observed.Version != "" || optional && !found) {
				version, found = observed.Version, true
			}
			if found {
				versions[name] = version
			}
		}
	}
	if maps.Equal(versions, rev.Record.SecretVersions) {
		return
	}
	reason := "the versions of the Secrets that its pods use are recorded"
	if versions == nil {
		reason = "changes of the Secrets that its pods use are ignored"
	}
	changed := *revision.Find(r.all, rev.Number)
	changed.Record.SecretVersions = versions
	r.change(rev.Number, changed, reason)
}

// releasesContested is the problem of a stack whose ConfigMaps or Secrets change too often.
func releasesContested(state model.State, choice revision.Choice) *model.Problem {
	var writer, name, remedy string
	if len(choice.Changed) > 0 {
		name, remedy = choice.Changed[0], "if the app writes it itself, add its name to config.live"
		writer = state.Config.Observed[name].Writer
	} else {
		name, remedy = choice.Secrets[0], "find out what changes it, or set secretChanges to Ignore"
		writer = state.Secrets.Observed[name].Writer
	}
	message := choice.Message
	if writer != "" {
		message += fmt.Sprintf(" (%s by %s)", name, writer)
	}
	return &model.Problem{
		Reason: v1alpha1.ReasonConfigContested,
		Message: fmt.Sprintf("%s, and there were %d releases for changed ConfigMaps or Secrets within an hour: %s",
			message, maxConfigReleases, remedy),
	}
}
