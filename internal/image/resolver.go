// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package image asks registries what images are: to which digest a tag points,
// which platforms the image is for, what its Dockerfile said. It does so beside
// the reconcile path: a question is noted, and the stack is woken by the answer.
//
// Questions that several stacks have in common are asked once. Each registry has
// a few workers of its own, so that one which is slow or dead holds up no stack
// but those that wait for it, and these not for long (R23).
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
	"github.com/appstack-dev/appstack/internal/model"
)

const (
	// defaultWait is how long a release waits for its images (R23).
	defaultWait = 10 * time.Second
	// defaultTimeout is how long one look-up may take: two of them fit into the wait.
	defaultTimeout = 5 * time.Second
	// rereadCredentials is how long credentials that a registry did not take are
	// kept: the right ones may be on their way.
	rereadCredentials = 2 * time.Second
	// brief is how long a wait is not worth telling users of.
	brief = time.Second
	// refreshAfter is the age at which an answer that is still waited with, because
	// its release cannot be made for another reason, is looked up anew.
	refreshAfter = time.Minute
)

// Options of a Resolver.
type Options struct {
	Registries
	// Wait is how long a release waits for its images before it is made with the
	// tags as written. Defaults to 10 seconds.
	Wait time.Duration
	// Timeout is how long one look-up may take. Defaults to 5 seconds.
	Timeout time.Duration
	// Live reads ServiceAccounts and Secrets past any cache.
	Live client.Reader
	// Identity says which user the operator is to the API server.
	Identity func(context.Context) (string, error)
	// Clock tells the time.
	Clock clock.WithDelayedExecution
	// Took is told how each look-up ended, and how long it took; nil where nobody counts.
	Took func(result string, duration time.Duration)
}

// Resolver looks images up. It is safe for concurrent use.
type Resolver struct {
	options     Options
	registry    *registry
	credentials *credentials

	mu       sync.Mutex
	running  context.Context // look-ups outlive the pass that asks for them
	changed  func(types.NamespacedName)
	sessions map[types.NamespacedName]*session
	lookups  map[question]*lookup
	queue    *queue
}

// session is what a stack's next release waits for. Only the stack's own pass,
// and one at a time, uses it.
type session struct {
	release string
	began   time.Time
	// since is from when on an answer is fresh enough.
	since   time.Time
	sources map[model.ImageRequest]source
	// lookups are those that it waits for, each with how often it had been asked before.
	lookups map[*lookup]int
	// keys are the credentials of its pods, and unread says that some could not be read.
	keys   map[pod]keys
	unread bool
}

// source is where an image is looked up, and how.
type source struct {
	// skipped images are in registries that are not asked.
	skipped bool
	// invalid is why no registry can be asked.
	invalid  *model.Unresolved
	question question
	access   access
	pod      pod
}

// New is a Resolver that asks nobody before it is started.
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
		credentials: &credentials{live: options.Live, identity: options.Identity},
		sessions:    map[types.NamespacedName]*session{},
		lookups:     map[question]*lookup{},
		queue:       newQueue(),
	}, nil
}

// Start lets look-ups run until the context ends, and has them tell of stacks
// whose images are known.
func (r *Resolver) Start(ctx context.Context, changed func(types.NamespacedName)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running, r.changed = ctx, changed
}

// Look is what is known of the images that the stack's next release is to run.
// What is not known yet is looked up, and told as a change. With nothing to look
// up, all that was done for the stack ends.
func (r *Resolver) Look(ctx context.Context, stack types.NamespacedName, want model.Questions) model.Answers {
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

// Forget ends what is done for a stack that waits for no image.
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

// state is how it stands with an image.
type state int

const (
	known state = iota
	waiting
)

// look is what is known of one image.
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
		delete(session.sources, request) // the right credentials may have come meanwhile
		delete(session.keys, source.pod)
	}
	return model.Image{}, waiting
}

// accepts says whether the answer is fresh enough. What was asked for while the
// session waited is, whatever the clock was set to meanwhile.
func (s *session) accepts(lookup *lookup) bool {
	return lookup.answered && (lookup.answeredAsk > s.lookups[lookup] || !lookup.askedAt.Before(s.since))
}

// giveUp is why the image is not waited for, or nil where it is: not for longer
// than the release may wait, and not at all for a registry that wants credentials
// which the operator may not read (R23).
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

// source says where to ask for the image. It reads the pods' credentials once.
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

// rereads says whether the stack waits with credentials that may be read again.
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
