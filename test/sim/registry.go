// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim

import (
	"fmt"
	"time"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// Registry has the images of a world. It answers a second after it was asked.
type Registry struct {
	images map[string]model.Image
	hangs  bool
	// says is what it answers instead of an image; nil while it is well.
	says *model.Unresolved
}

// NewRegistry is a registry without images.
func NewRegistry() *Registry { return &Registry{images: map[string]model.Image{}} }

// Push puts an image behind a reference, where one that was there before is no more.
func (r *Registry) Push(reference string, image model.Image) { r.images[reference] = image }

// Hang takes questions, and answers none.
func (r *Registry) Hang() { r.hangs = true }

// Fail answers every question with an error.
func (r *Registry) Fail(reason, message string) {
	r.says = &model.Unresolved{Reason: reason, Message: message}
}

// Heal undoes Hang and Fail: what was asked meanwhile is answered.
func (r *Registry) Heal() { r.hangs, r.says = false, nil }

// answer is what it says of an image. It is silent while it hangs.
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

// How long a release waits for its images, and how long that is not worth
// telling, as package image has it.
const (
	longest = 10 * time.Second
	brief   = time.Second
)

// resolver is what the operator knows of images and has asked for, which is
// lost when it dies. It keeps to the contract of image.Resolver.
type resolver struct {
	session   *session
	questions map[model.ImageRequest]*question
}

// session is what the stack's next release waits for.
type session struct {
	release      string
	began, since time.Time
}

// question is an image that was asked for.
type question struct {
	open     bool
	answered bool
	image    model.Image
	// at is when the registry last gave the image, failedAt when it last gave none.
	at, failedAt time.Time
	failure      *model.Unresolved
}

// look is image.Resolver's Look.
func (r *resolver) look(want model.Questions, now time.Time) model.Answers {
	if want.None() {
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

// ask is what is known of one image. What is not known is asked for, and given
// up when the release has waited long enough.
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

// hear takes the registry's answers. It tells whether the operator is woken by
// one: errors are asked about again until the wait is over, but for the one
// that does not mend by waiting.
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

// answer is what is known of the images of the revision that is to be made.
func (w *World) answer(questions model.Questions) model.Answers {
	if w.Registry == nil {
		return model.Answers{Release: questions.Release}
	}
	return w.resolver.look(questions, w.now)
}

// LooksUp says whether the operator holds on to anything it does for images.
func (w *World) LooksUp() bool { return w.resolver.session != nil }

// tellImages writes down what a new revision runs.
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
