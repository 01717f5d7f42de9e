// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"maps"
	"slices"
	"time"
)

// SecretState is what is observed of the Secrets that a stack's pods use (R36). It has nothing of
// their content.
type SecretState struct {
	// Observed is what is known of each, by name; nil until they have been observed.
	Observed map[string]ObservedSecret
	// Denied tells how to let the operator watch and read them; empty if it may.
	Denied string
	// Unread says that they could not be read, so Observed is nil. They are read again soon.
	Unread bool
	// ChangedSince is when the operator first observed a change that has not replaced pods yet; zero
	// if there is none.
	ChangedSince time.Time
}

// ObservedSecret is what is known of a Secret.
type ObservedSecret struct {
	// Version identifies the state of the object, by UID and resource version; empty if it does not
	// exist.
	Version string
	// Changed says that the data is not known to be that of the recorded version.
	Changed bool
	// Writer is the field manager that last changed the object; empty if it is not known.
	Writer string
	// ChangedAt is when the operator last observed a change of the object; zero if it has observed
	// none.
	ChangedAt time.Time
}

// Changed returns the names of the Secrets that have changed since their recorded versions, sorted. The
// versions may have been recorded after the Secrets were observed.
func (s *SecretState) Changed(recorded map[string]string) []string {
	if s == nil {
		return nil
	}
	changed := maps.Clone(s.Observed)
	maps.DeleteFunc(changed, func(name string, observed ObservedSecret) bool {
		return !observed.Changed || recorded[name] == observed.Version
	})
	return slices.Sorted(maps.Keys(changed))
}
