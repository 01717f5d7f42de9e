// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
)

// pod is a simulated pod with one container. By default it is ready a second after its creation;
// words in its image's name change that.
type pod struct {
	name  string
	image string
	// config has the words from the ConfigMaps and Secrets that the pod uses.
	config string
	// behavior contains the words that apply to the pod since it was last not ready.
	behavior string
	// made is the pod's creation time, started the last start of its container.
	made, started time.Time
	// readySince is nil while the pod is not ready.
	readySince *time.Time
	placed     bool
	waiting    string
	exits      int32
	lastExit   time.Time
	// endsAt is when a terminating pod is gone; zero if it is not terminating.
	endsAt time.Time
}

// Words in an image's name that change how its pods behave.
const (
	// wordUnready: never becomes ready.
	wordUnready = "unready"
	// wordCrash: exits a second after each start.
	wordCrash = "crash"
	// wordDies: is ready at once, and exits two seconds after each start.
	wordDies = "dies"
	// wordLate: behaves like wordCrash for the first 90 seconds.
	wordLate = "late"
	// wordSlow: becomes ready after a minute.
	wordSlow = "slow"
	// wordLingers: terminates slowly.
	wordLingers = "lingers"
)

const (
	// slowness is how long a pod with wordSlow takes to become ready.
	slowness = time.Minute
	// lingering is how long a pod with wordLingers takes to terminate.
	lingering = 45 * time.Second
)

// waits are the words for containers that never start, with the reasons.
var waits = map[string]string{
	"missing":      "ImagePullBackOff",
	"unconfigured": "CreateContainerConfigError",
	"invalid":      "InvalidImageName",
}

// Words returns the words for Break, sorted.
func Words() []string {
	words := []string{wordUnready, wordCrash, wordDies, wordLate, wordSlow, wordLingers}
	return slices.Sorted(slices.Values(slices.AppendSeq(words, maps.Keys(waits))))
}

// lateness is how long a pod with wordLate crashes.
const lateness = 90 * time.Second

// tick advances the pod to the given time. The words in its image's name and the given word decide
// how it behaves.
func (p *pod) tick(now time.Time, word string) {
	if p.readySince == nil { // a word from Break does not affect ready pods
		p.behavior = p.image + word
	}
	is := func(word string) bool { return strings.Contains(p.behavior, word) }
	if !p.placed {
		return
	}
	for word, reason := range waits {
		if is(word) {
			p.waiting, p.started = reason, time.Time{}
			return
		}
	}
	life := time.Duration(-1) // it never exits
	switch {
	case is(wordUnready), is(wordSlow) && now.Sub(p.made) < slowness:
		return
	case is(wordCrash), is(wordLate) && now.Sub(p.made) < lateness:
		life = time.Second
	case is(wordDies):
		life = 2 * time.Second
	}
	if p.started.IsZero() {
		if p.exits > 0 && now.Sub(p.lastExit) < backoff(p.exits) {
			return
		}
		p.started, p.waiting = now, ""
		if is(wordDies) {
			p.readySince = &now
		}
		return
	}
	if life >= 0 && now.Sub(p.started) >= life {
		p.exits, p.lastExit = p.exits+1, now
		p.started, p.readySince = time.Time{}, nil
		return
	}
	if p.readySince == nil {
		p.readySince = &now
	}
}

// backoff returns the kubelet's back-off after the given number of exits.
func backoff(exits int32) time.Duration {
	return min(5*time.Minute, 10*time.Second<<(min(exits, 6)-1))
}

// restless reports whether the pod will change without any other event.
func (p *pod) restless() bool {
	is := func(word string) bool { return strings.Contains(p.behavior, word) }
	return p.placed && p.waiting == "" && (p.readySince == nil || is(wordDies)) && !is(wordUnready)
}

func (p *pod) available(now time.Time, minReadySeconds int32) bool {
	return p.readySince != nil && now.Sub(*p.readySince) >= time.Duration(minReadySeconds)*time.Second
}

// seen returns the pod as the operator observes it.
func (p *pod) seen(component, template string) model.Pod {
	seen := model.Pod{
		Name:       p.name,
		Made:       p.made,
		Component:  component,
		ReplicaSet: model.Owner{Name: template, UID: types.UID(template)},
		Template:   template,
		ReadySince: p.readySince,
	}
	if p.readySince != nil {
		seen.ReadySeen = *p.readySince
	}
	if !p.endsAt.IsZero() {
		seen.Terminating, seen.EndsBy = true, p.endsAt
	}
	if !p.placed {
		seen.Unschedulable = "0/2 nodes are available: 2 Insufficient cpu."
	}
	container := model.Container{Name: "app", Waiting: p.waiting, Since: p.made, Exits: p.exits}
	if p.waiting != "" {
		container.Message = "the kubelet's words on " + p.waiting
	}
	if p.exits > 0 {
		container.LastExit = &model.Exit{Code: 1, Reason: "Error", Message: "panic: no route to the database\n", At: p.lastExit}
	}
	if container.Waiting != "" || container.Exits > 0 {
		seen.Containers = []model.Container{container}
	}
	return seen
}

// trouble describes the pod's problem; empty if it has none.
func (p *pod) trouble() string {
	switch {
	case !p.placed:
		return "no node"
	case p.waiting != "":
		return p.waiting
	case p.exits > 0:
		return fmt.Sprintf("exits: %d", p.exits)
	default:
		return ""
	}
}

func minReady(deployment *appsv1.Deployment) int32 { return deployment.Spec.MinReadySeconds }

// replicas returns the Deployment's desired number of pods.
func replicas(deployment *appsv1.Deployment) int32 { return ptr.Deref(deployment.Spec.Replicas, 1) }
