// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim

import (
	"fmt"
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// Registry is an image registry that answers a second after each request.
type Registry struct {
	images map[string]model.Image
	hangs  bool
	// says is the error for every request; nil if there is none.
	says *model.Unresolved
}

// NewRegistry returns a registry without images.
func NewRegistry() *Registry { return &Registry{images: map[string]model.Image{}} }

// Push sets the image of a reference, and replaces an earlier one.
func (r *Registry) Push(reference string, image model.Image) { r.images[reference] = image }

// Hang makes the registry accept requests without ever answering.
func (r *Registry) Hang() { r.hangs = true }

// Fail makes the registry answer every request with an error.
func (r *Registry) Fail(reason, message string) {
	r.says = &model.Unresolved{Reason: reason, Message: message}
}

// Recover undoes Hang and Fail. Open requests are answered then.
func (r *Registry) Recover() { r.hangs, r.says = false, nil }

// answer returns the registry's answer for an image. It is silent while the registry hangs.
func (r *Registry) answer(reference string) (image model.Image, silent bool) {
	if r.hangs || r.says != nil {
		return model.Image{Unresolved: r.says}, r.hangs
	}
	if found, ok := r.images[reference]; ok {
		return found, false
	}
	return model.Image{Unresolved: &model.Unresolved{
		Reason: v1alpha1.ReasonImageNotFound, Message: "the registry, asked for " + reference + ": it answers 404 Not Found",
	}}, false
}

// longest is how long a release waits for its images. During brief the wait is not reported. Both
// are as in package image.
const (
	longest = 10 * time.Second
	brief   = time.Second
)

// resolver holds the images that the operator has resolved or requested, in memory. It follows the
// contract of image.Resolver.
type resolver struct {
	session   *session
	questions map[model.ImageRequest]*question
}

// session is the release that waits for images.
type session struct {
	release      string
	began, since time.Time
}

// question is a request for an image.
type question struct {
	open     bool
	answered bool
	image    model.Image
	// at is when the registry last returned the image, failedAt when it last failed.
	at, failedAt time.Time
	failure      *model.Unresolved
}

// look implements Look of image.Resolver.
func (r *resolver) look(want model.Questions, now time.Time) model.Answers {
	if len(want.Images) == 0 {
		r.session = nil
		return model.Answers{}
	}
	if r.session == nil || r.session.release != want.Release {
		r.session = &session{release: want.Release, began: now, since: want.Since}
		if want.Since.IsZero() {
			r.session.since = now
		}
	}
	images := model.Answers{Release: want.Release, Images: map[model.ImageRequest]model.Image{}}
	for _, request := range want.Images {
		if image, known := r.ask(request, now); known {
			images.Images[request] = image
			continue
		}
		if images.Waiting == "" {
			images.Waiting = request.Reference
		}
		images.Wait = max(1, longest-now.Sub(r.session.began))
		images.Briefly = max(0, brief-now.Sub(r.session.began))
	}
	return images
}

// ask returns the image if it is resolved. It starts to resolve an unknown one, and gives up when the release
// has waited long enough.
func (r *resolver) ask(request model.ImageRequest, now time.Time) (image model.Image, known bool) {
	asked := r.questions[request]
	if asked == nil {
		asked = &question{}
		if r.questions == nil {
			r.questions = map[model.ImageRequest]*question{}
		}
		r.questions[request] = asked
	}
	if asked.answered && !asked.at.Before(r.session.since) {
		return asked.image, true
	}
	asked.open = true
	late := now.Sub(r.session.began) >= longest
	failed := asked.failure != nil && !asked.failedAt.Before(r.session.began)
	switch {
	case failed && (late || asked.failure.Reason == v1alpha1.ReasonImageUnauthorized):
		return model.Image{Unresolved: asked.failure}, true
	case late:
		return model.Image{Unresolved: &model.Unresolved{
			Reason:  v1alpha1.ReasonRegistryUnavailable,
			Message: fmt.Sprintf("the registry, asked for %s: it does not answer in time", request.Reference),
		}}, true
	}
	return model.Image{}, false
}

// hear receives the registry's answers, and reports whether one of them triggers a reconcile.
// Errors do not, because the resolver retries until the wait is over. The exception is
// ImageUnauthorized, which does not go away by waiting.
func (r *resolver) hear(registry *Registry, now time.Time) (woken bool) {
	for request, asked := range r.questions {
		if !asked.open {
			continue
		}
		image, silent := registry.answer(request.Reference)
		switch {
		case silent:
		case image.Unresolved != nil:
			asked.failure, asked.failedAt = image.Unresolved, now
			woken = woken || image.Unresolved.Reason == v1alpha1.ReasonImageUnauthorized
		default:
			*asked = question{answered: true, image: image, at: now}
			woken = true
		}
	}
	return woken && r.session != nil
}

// answer returns the resolved images of the next revision, and reads its ConfigMaps.
func (w *World) answer(questions model.Questions) model.Answers {
	if w.Registry == nil {
		return w.readConfig(questions, model.Answers{Release: questions.Release})
	}
	return w.readConfig(questions, w.resolver.look(questions, w.now))
}

// LooksUp reports whether the operator is resolving images.
func (w *World) LooksUp() bool { return w.resolver.session != nil }

// tellImages logs the images of a new revision.
func (w *World) tellImages(rev model.Revision) {
	if w.Registry == nil {
		return
	}
	for _, component := range rev.Content.Components {
		w.write("    %s runs %s", component.Name, component.App().Image)
		if unresolved := component.Provenance.Unresolved; unresolved != nil {
			w.write("    as written: %s: %s", unresolved.Reason, unresolved.Message)
		}
	}
}
