// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package image resolves images in their registries: the digest of a tag, the image's platforms,
// and the config from its Dockerfile. It works outside the reconcile path: a reconcile only queues
// a lookup, and the result triggers another reconcile of the stack.
//
// Lookups that several stacks need are performed once. Each registry has a few workers of its own,
// so that a slow or unreachable registry delays only the stacks that use it, and those not for long
// (R23).
package image

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/grant"
	"github.com/appstack-dev/appstack/internal/model"
)

const (
	// defaultWait is how long a release waits for its images (R23).
	defaultWait = 10 * time.Second
	// defaultTimeout limits one lookup: two of them fit into the wait.
	defaultTimeout = 5 * time.Second
	// rereadCredentials is how long rejected credentials are kept before they are read again,
	// because correct ones may be created at about the same time.
	rereadCredentials = 2 * time.Second
	// brief is how long a wait may last before it is reported to users.
	brief = time.Second
	// refreshAfter is the age at which a result is refreshed while its release cannot be created
	// for another reason.
	refreshAfter = time.Minute
)

// Options configures a Resolver.
type Options struct {
	Registries
	// Wait is how long a release waits for its images before it is created with the tags as
	// written. Defaults to 10 seconds.
	Wait time.Duration
	// Timeout limits one lookup. Defaults to 5 seconds.
	Timeout time.Duration
	// Live reads ServiceAccounts and Secrets without a cache.
	Live client.Reader
	// Granter composes the commands that let the operator read pull secrets.
	Granter *grant.Granter
	Clock   clock.WithDelayedExecution
	// Took is called with the result and duration of each lookup; nil to disable it.
	Took func(result string, duration time.Duration)
}

// Resolver resolves images. It is safe for concurrent use.
type Resolver struct {
	options     Options
	registry    *registry
	credentials *credentials

	mu       sync.Mutex
	running  context.Context // lookups outlive the reconcile that starts them
	changed  func(types.NamespacedName)
	sessions map[types.NamespacedName]*session
	lookups  map[question]*lookup
	queue    *queue
}

// session is the state of resolving the images of a stack's next release. Only reconciles of the
// stack use it, one at a time.
type session struct {
	release string
	began   time.Time
	// since is the earliest time of a lookup whose result is fresh enough.
	since   time.Time
	sources map[model.ImageRequest]source
	// lookups are the lookups that the stack waits for, each with the number of requests made
	// before.
	lookups map[*lookup]int
	// keys are the credentials of its pods; unread reports that some could not be read.
	keys   map[pod]keys
	unread bool
}

// source is the place and the credentials for resolving an image.
type source struct {
	// skipped reports that the image's registry must not be asked.
	skipped bool
	// invalid is why no registry can be asked; nil if one can.
	invalid  *model.Unresolved
	question question
	access   access
	pod      pod
}

// New returns a Resolver. It contacts no registry before Start. It returns an error if the CA
// certificates are invalid.
func New(options Options) (*Resolver, error) {
	if options.Wait == 0 {
		options.Wait = defaultWait
	}
	if options.Timeout == 0 {
		options.Timeout = defaultTimeout
	}
	if options.Took == nil {
		options.Took = func(string, time.Duration) {}
	}
	registry, err := newRegistry(options.Registries)
	if err != nil {
		return nil, err
	}
	return &Resolver{
		options:     options,
		registry:    registry,
		credentials: &credentials{live: options.Live, granter: options.Granter},
		sessions:    map[types.NamespacedName]*session{},
		lookups:     map[question]*lookup{},
		queue:       newQueue(),
	}, nil
}

// Start sets the context in which lookups run, and the function to call for a stack whose images
// are resolved.
func (r *Resolver) Start(ctx context.Context, changed func(types.NamespacedName)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running, r.changed = ctx, changed
}

// Answer returns what is known of the images of the stack's next release. It starts the missing
// lookups, and reports a change of the stack when they have results. If want is empty, it stops all
// work for the stack.
func (r *Resolver) Answer(ctx context.Context, stack types.NamespacedName, want model.Questions) model.Answers {
	if want.None() {
		r.Forget(stack)
		return model.Answers{}
	}
	now := r.options.Clock.Now()
	session := r.session(stack, want, now)
	session.unread = false
	images := model.Answers{Release: want.Release, Images: map[model.ImageRequest]model.Image{}}
	for _, request := range want.Images {
		image, state := r.look(ctx, stack, session, request, now)
		switch state {
		case known:
			images.Images[request] = image
		case waiting:
			if images.Waiting == "" {
				images.Waiting = request.Reference
			}
			images.Wait = max(1, session.began.Add(r.options.Wait).Sub(now))
			images.Briefly = max(0, session.began.Add(brief).Sub(now))
		}
	}
	if images.Waiting != "" && (session.unread || r.rereads(session)) {
		images.Wait = min(images.Wait, rereadCredentials)
	}
	return images
}

// Forget stops resolving images for a stack.
func (r *Resolver) Forget(stack types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	session := r.sessions[stack]
	if session == nil {
		return
	}
	for lookup := range session.lookups {
		delete(lookup.waiting, stack)
		if len(lookup.waiting) == 0 {
			lookup.auths = nil
		}
	}
	delete(r.sessions, stack)
}

func (r *Resolver) session(stack types.NamespacedName, want model.Questions, now time.Time) *session {
	r.mu.Lock()
	current := r.sessions[stack]
	r.mu.Unlock()
	if current != nil && current.release == want.Release {
		return current
	}
	r.Forget(stack)
	began := &session{
		release: want.Release,
		began:   now,
		since:   want.Since,
		sources: map[model.ImageRequest]source{},
		lookups: map[*lookup]int{},
		keys:    map[pod]keys{},
	}
	if began.since.IsZero() {
		began.since = now
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions[stack] = began
	return began
}

// state is the state of resolving an image.
type state int

const (
	known state = iota
	waiting
)

// look returns the result for one image, or starts its lookup.
func (r *Resolver) look(
	ctx context.Context, stack types.NamespacedName, session *session, request model.ImageRequest, now time.Time,
) (model.Image, state) {
	late := now.Sub(session.began) >= r.options.Wait
	source, err := r.source(ctx, stack.Namespace, session, request, now)
	switch {
	case err != nil && late:
		return unresolved(v1alpha1.ReasonImageUnauthorized, fmt.Sprintf("%s: %v", request.Reference, err)), known
	case err != nil:
		session.unread = true
		return model.Image{}, waiting
	case source.skipped:
		return model.Image{}, known
	case source.invalid != nil:
		return model.Image{Unresolved: source.invalid}, known
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	lookup := r.lookup(source)
	r.join(lookup, stack, session, source.access)
	if session.accepts(lookup) {
		if now.Sub(lookup.askedAt) > refreshAfter {
			r.ask(lookup)
		}
		return lookup.image, known
	}
	r.ask(lookup)
	if reason := giveUp(session, source, lookup, late); reason != nil {
		return model.Image{Unresolved: reason}, known
	}
	if lookup.deniedSince(session.began) && now.Sub(session.keys[source.pod].readAt) >= rereadCredentials {
		delete(session.sources, request) // read the credentials again: they may have been fixed
		delete(session.keys, source.pod)
	}
	return model.Image{}, waiting
}

// accepts reports whether the result is fresh enough. A request made during the session always is,
// even if the clock has been set back since.
func (s *session) accepts(lookup *lookup) bool {
	return lookup.answered && (lookup.answeredAsk > s.lookups[lookup] || !lookup.askedAt.Before(s.since))
}

// giveUp returns why the release stops waiting for the image, or nil if it keeps waiting. It stops
// when the release has waited long enough, and at once if the registry requires credentials that
// the operator may not read (R23).
func giveUp(session *session, source source, lookup *lookup, late bool) *model.Unresolved {
	switch {
	case lookup.deniedSince(session.began) && source.access.grant != "":
		withheld := *lookup.failure
		withheld.Message += "; " + source.access.grant
		return &withheld
	case late && lookup.failure != nil:
		return lookup.failure
	case late:
		return &model.Unresolved{
			Reason:  v1alpha1.ReasonRegistryUnavailable,
			Message: failureWords(lookup.reference, silence),
		}
	}
	return nil
}

// source returns where to resolve the image. It reads the pods' credentials once per session.
func (r *Resolver) source(
	ctx context.Context, namespace string, session *session, request model.ImageRequest, now time.Time,
) (source, error) {
	if found, ok := session.sources[request]; ok {
		return found, nil
	}
	ref, err := r.registry.parse(request.Reference)
	if err != nil {
		image := unresolved(v1alpha1.ReasonImageInvalid, fmt.Sprintf("%q is no image reference: %v", request.Reference, err))
		session.sources[request] = source{invalid: image.Unresolved}
		return session.sources[request], nil
	}
	host := ref.Context().RegistryStr()
	if r.registry.skips(host) {
		session.sources[request] = source{skipped: true}
		return session.sources[request], nil
	}
	of := pod{namespace: namespace, serviceAccount: request.ServiceAccount, pullSecrets: request.PullSecrets}
	found, ok := session.keys[of]
	if !ok {
		if found, err = r.credentials.of(ctx, of); err != nil {
			return source{}, err
		}
		found.readAt = now
		session.keys[of] = found
	}
	access, err := found.to(ctx, ref.Context())
	if err != nil {
		if now.Sub(found.readAt) >= rereadCredentials {
			delete(session.keys, of)
		}
		return source{}, err
	}
	session.sources[request] = source{
		question: question{reference: ref.Name(), host: host, access: access.fingerprint},
		access:   access,
		pod:      of,
	}
	return session.sources[request], nil
}

// rereads reports whether the stack waits for a lookup whose credentials may be read again.
func (r *Resolver) rereads(session *session) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for lookup := range session.lookups {
		if lookup.deniedSince(session.began) {
			return true
		}
	}
	return false
}

func unresolved(reason, message string) model.Image {
	return model.Image{Unresolved: &model.Unresolved{Reason: reason, Message: message}}
}
