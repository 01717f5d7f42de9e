// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/plan"
	"github.com/appstack-dev/appstack/internal/render"
)

// config is the ConfigMaps of the namespace.
type config struct {
	sources map[string]source
	copies  map[string]existing
	// changes counts the changes of sources, for their versions.
	changes int
}

// source is a ConfigMap that a user manages.
type source struct {
	content   model.ConfigMap
	version   string
	changedAt time.Time
}

// existing is a copy of a ConfigMap.
type existing struct {
	model.ExistingCopy
	content model.ConfigMap
}

// SetConfig creates or changes a ConfigMap with one key, "behavior": pods that use it behave as if
// the name of their image had the words in it.
func (w *World) SetConfig(name, behavior string) {
	w.useConfig()
	w.config.changes++
	w.config.sources[name] = source{
		content: model.ConfigMap{Data: map[string]string{"behavior": behavior}},
		version: fmt.Sprintf("version-%d", w.config.changes), changedAt: w.now,
	}
	w.changed = true
}

// RemoveConfig deletes a ConfigMap, or a copy of one.
func (w *World) RemoveConfig(name string) {
	delete(w.config.sources, name)
	delete(w.config.copies, name)
	w.changed = true
}

// Copies returns the names of the copies, sorted.
func (w *World) Copies() []string { return names(w.config.copies) }

// useFiles makes the operator handle config if the stack has files.
func (w *World) useFiles() {
	if len(render.Files(w.Stack().Spec)) > 0 {
		w.useConfig()
	}
}

// useConfig makes the operator handle config.
func (w *World) useConfig() {
	if w.config == nil {
		w.config = &config{sources: map[string]source{}, copies: map[string]existing{}}
	}
}

// observeConfig returns what the operator observes of the ConfigMaps.
func (w *World) observeConfig() *model.ConfigState {
	if w.config == nil {
		return nil
	}
	seen := plan.NewConfigState(w.Stack().Spec.Config)
	seen.Observed = map[string]model.ObservedConfig{}
	for name := range w.config.copies {
		seen.Copies[name] = w.config.copies[name].ExistingCopy
	}
	state := w.state
	state.Config = seen
	for name := range w.Planner.ConfigNames(state) {
		seen.Observed[name] = model.ObservedConfig{Hash: model.AbsentHash}
		if found, ok := w.config.sources[name]; ok {
			seen.Observed[name] = model.ObservedConfig{Hash: found.content.Hash(), Version: found.version, ChangedAt: found.changedAt}
		}
	}
	seen.SpecSince, seen.ChangedSince = w.configTimes.Observe(w.Stack().Generation, plan.ConfigDiffers(state), w.now)
	return seen
}

// readConfig adds the ConfigMaps that the questions are about to the answers.
func (w *World) readConfig(questions model.Questions, answers model.Answers) model.Answers {
	if len(questions.Config) == 0 {
		return answers
	}
	answers.Release, answers.Config, answers.ConfigVersions = questions.Release, map[string]*model.ConfigMap{}, map[string]string{}
	for _, name := range questions.Config {
		answers.Config[name] = nil
		if found, ok := w.config.sources[name]; ok {
			answers.Config[name], answers.ConfigVersions[name] = &found.content, found.version
		} else if found, ok := w.config.copies[name]; ok {
			answers.Config[name] = &found.content
		}
	}
	return answers
}

// copyConfig creates a copy.
func (w *World) copyConfig(step model.CopyConfig) {
	if step.Content.Hash() != step.Copy.Hash {
		w.violate("copy %s of ConfigMap %s has other content than its hash says", step.Copy.Name, step.Copy.Source)
	}
	id := step.Object()
	id.UID = w.uid()
	w.config.copies[id.Name] = existing{ExistingCopy: model.ExistingCopy{ObjectID: id, CreatedAt: w.now}, content: step.Content}
}

// configured returns the words from the ConfigMaps that a new pod uses. It checks that every copy
// exists that the pod needs (R31).
func (w *World) configured(spec corev1.PodSpec) string {
	if w.config == nil {
		return ""
	}
	var words []string
	content := model.Content{Components: []model.Component{{Template: corev1.PodTemplateSpec{Spec: spec}}}}
	for _, ref := range render.ConfigRefs(content) {
		found, ok := w.config.copies[ref.Name]
		if live, isSource := w.config.sources[ref.Name]; isSource {
			found.content, ok = live.content, true
		}
		if !ok && !ref.Optional {
			w.violate("a pod starts without ConfigMap %s, which it names", ref.Name)
		}
		words = append(words, found.content.Data["behavior"])
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " ")
}
