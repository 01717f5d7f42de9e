// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/plan"
	"github.com/appstack-dev/appstack/internal/render"
)

// secrets is the Secrets of the namespace.
type secrets struct {
	all map[string]secret
	// changes counts the changes, for the versions.
	changes int
	// denied is why the operator may not watch them; empty if it may.
	denied string
	memory memory.Secrets
}

// secret is a Secret, whose data is one word: pods that use it behave as if the name of their image had it.
type secret struct {
	behavior  string
	version   string
	changedAt time.Time
}

// SetSecret creates or changes a Secret, or only its labels if the behavior is what it was.
func (w *World) SetSecret(name, behavior string) {
	if w.secrets.all == nil {
		w.secrets.all = map[string]secret{}
	}
	w.secrets.changes++
	w.secrets.all[name] = secret{behavior: behavior, version: fmt.Sprintf("version-%d", w.secrets.changes), changedAt: w.now}
	w.changed = true
}

// RemoveSecret deletes a Secret.
func (w *World) RemoveSecret(name string) {
	delete(w.secrets.all, name)
	w.changed = true
}

// DenySecrets changes whether the operator may watch Secrets: it may not if there is a message.
func (w *World) DenySecrets(message string) {
	w.secrets.denied, w.changed = message, true
}

// observeSecrets returns what the operator observes of the Secrets.
func (w *World) observeSecrets() *model.SecretState {
	if w.Stack().Spec.SecretChanges != v1alpha1.SecretChangesRestart {
		w.secrets.memory.Forget()
		return nil
	}
	seen := &model.SecretState{Denied: w.secrets.denied}
	if seen.Denied != "" {
		return seen
	}
	observed := map[string]model.ObservedConfig{}
	names, recorded := plan.SecretNames(w.state)
	for _, name := range names {
		observed[name] = model.ObservedConfig{Hash: model.AbsentHash}
		if found, ok := w.secrets.all[name]; ok {
			observed[name] = model.ObservedConfig{
				Hash: "hash of " + found.behavior, Version: found.version, Writer: "ops", ChangedAt: found.changedAt,
			}
		}
	}
	seen.Observed, seen.ChangedSince = w.secrets.memory.Compare(observed, recorded, w.now)
	return seen
}

// secretWords returns the words from the Secrets that a new pod uses.
func (w *World) secretWords(spec corev1.PodSpec) string {
	var words []string
	content := model.Content{Components: []model.Component{{Template: corev1.PodTemplateSpec{Spec: spec}}}}
	for _, name := range slices.Sorted(maps.Keys(render.Secrets(content))) {
		if behavior := w.secrets.all[name].behavior; behavior != "" {
			words = append(words, behavior)
		}
	}
	return strings.Join(words, " ")
}
