// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package scrape

import (
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// How long an answer is cached: a revoked permission stays effective for up to allowedFor, and a
// new one takes up to refusedFor to become effective.
const (
	allowedFor = time.Minute
	refusedFor = 10 * time.Second
)

// maxAnswers limits the cache. Only a few clients read metrics.
const maxAnswers = 256

// memory caches the latest answers. It stores only hashes of questions, because a token is secret,
// and because anyone can send a method of a megabyte.
type memory struct {
	clock clock.PassiveClock

	mu      sync.Mutex
	answers map[key]answer
}

type key struct {
	token, verb, path [sha256.Size]byte
}

type answer struct {
	status int
	until  time.Time
}

func keyOf(asked question) key {
	return key{
		token: sha256.Sum256([]byte(asked.token)),
		verb:  sha256.Sum256([]byte(asked.verb)),
		path:  sha256.Sum256([]byte(asked.path)),
	}
}

// recall returns the cached answer if it is still valid.
func (m *memory) recall(asked question) (status int, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.answers[keyOf(asked)]
	return found.status, ok && m.clock.Now().Before(found.until)
}

// note caches an answer. If the cache is full, it is cleared first.
func (m *memory) note(asked question, status int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.answers == nil || len(m.answers) >= maxAnswers {
		m.answers = map[key]answer{}
	}
	holds := refusedFor
	if status == http.StatusOK {
		holds = allowedFor
	}
	m.answers[keyOf(asked)] = answer{status: status, until: m.clock.Now().Add(holds)}
}
