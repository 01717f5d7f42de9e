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

// How long an answer holds: a right that was taken away is of use that long, and
// one that was given has to be waited for.
const (
	allowedFor = time.Minute
	refusedFor = 10 * time.Second
)

// maxAnswers is how many are remembered. Those who read metrics are few.
const maxAnswers = 256

// memory has the latest answers. It knows questions by their hashes only: a token
// is a secret, and a method that anyone may send can be a megabyte long.
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

// recall is an answer that still holds.
func (m *memory) recall(asked question) (status int, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.answers[keyOf(asked)]
	return found.status, ok && m.clock.Now().Before(found.until)
}

// note remembers an answer. Where there are too many, all others are forgotten.
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
