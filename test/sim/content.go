// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim

import (
	"maps"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/plan"
	"github.com/appstack-dev/appstack/internal/revision"
)

// expectAsked checks that each rollout starts for a reason. A new revision has content or ConfigMaps
// that no revision has yet, or is for changed Secrets or a restart: a registry's newer answer makes none (R21, R23). A failure
// is not rolled back while the images of the spec's new content are being resolved (R12).
func (w *World) expectAsked(step model.Step) {
	start, ok := step.(model.StartRollout)
	if !ok {
		return
	}
	if start.Rollout().Trigger == v1alpha1.TriggerAutoRollback && w.state.Answers.Waiting != "" {
		w.violate("an automatic rollback begins while %s is looked up", w.state.Answers.Waiting)
	}
	spec := w.Stack().Spec
	if _, recorded := plan.SecretNames(w.state); len(w.state.Secrets.Changed(recorded)) > 0 {
		return
	}
	if start.Rollout().Trigger == v1alpha1.TriggerSecretChanged {
		w.violate("revision %d is made for changed Secrets, and none has changed: %s", start.Revision.Number, step)
	}
	if !start.Creates() || revision.Choose(spec, w.state.Revisions, 0, nil).Restart != nil {
		return
	}
	for _, rev := range w.state.Revisions {
		same := maps.Equal(revision.Config(rev), revision.Config(start.Revision))
		if rev.Record.HasSource(revision.SourceHash(spec)) && same {
			w.violate("revision %d is made of content that revision %d is of: %s", start.Revision.Number, rev.Number, step)
		}
	}
}

// expectNew checks that no revision number is used twice (R3).
func (w *World) expectNew(rev model.Revision) {
	if _, used := w.recorded[rev.Number]; used {
		w.violate("two revisions have the number %d", rev.Number)
	}
	w.recorded[rev.Number] = rev.Content
}

// expectSameContent checks that the content of revisions never changes (R1).
func (w *World) expectSameContent() {
	for _, rev := range w.state.Revisions {
		if !equality.Semantic.DeepEqual(rev.Content, reread(w.Stack(), model.Revision{Number: 1, Content: w.recorded[rev.Number]}).Content) {
			w.violate("the content of revision %d changed", rev.Number)
		}
	}
}

// expectRecorded checks that a Deployment's template is the one recorded in its revision, so that
// its pods always run the same images (R2, R7, R21).
func (w *World) expectRecorded(put *appsv1.Deployment) {
	number, err := strconv.ParseInt(put.Annotations[naming.AnnotationRevision], 10, 64)
	if err != nil {
		w.violate("%s is written without the number of its revision: %v", put.Name, err)
		return
	}
	content := w.recorded[number]
	component := content.Find(put.Labels[naming.LabelComponent])
	if component == nil || !equality.Semantic.DeepEqual(component.Template, put.Spec.Template) {
		w.violate("%s is written with another template than revision %d has", put.Name, number)
	}
}
