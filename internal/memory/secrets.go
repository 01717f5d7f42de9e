// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package memory

import (
	"time"

	"github.com/appstack-dev/appstack/internal/model"
)

// Secrets is what distinguishes a change of a Secret's data from other changes of the object, such as
// of its labels (R36). The zero value is ready to use.
type Secrets struct {
	// recorded is what the Secrets were at their recorded versions, by name.
	recorded     map[string]secret
	changedSince time.Time
}

// secret is a Secret at a version, with a hash that is only comparable within this process.
type secret struct{ version, hash string }

// Compare compares the observed Secrets with their recorded versions. A Secret without a recorded
// version, or that was deleted, has not changed. It returns what is observed of each, and since when
// there is a change; zero if there is none.
func (s *Secrets) Compare(
	observed map[string]model.ObservedConfig, recorded map[string]string, now time.Time,
) (map[string]model.ObservedSecret, time.Time) {
	if observed == nil {
		return nil, time.Time{}
	}
	compared, known, changed := map[string]model.ObservedSecret{}, map[string]secret{}, false
	for name, seen := range observed {
		version, found := recorded[name]
		one := model.ObservedSecret{Version: seen.Version, Writer: seen.Writer, ChangedAt: seen.ChangedAt}
		switch before := s.recorded[name]; {
		case !found:
		case seen.Version == version:
			known[name] = secret{version, seen.Hash}
		case before.version == version && before.hash != "":
			known[name] = before
			one.Changed = seen.Version != "" && before.hash != seen.Hash
		default: // it changed before this process observed it, so what changed is unknown
			one.Changed = seen.Version != ""
		}
		compared[name], changed = one, changed || one.Changed
	}
	s.recorded = known
	switch {
	case !changed:
		s.changedSince = time.Time{}
	case s.changedSince.IsZero():
		s.changedSince = now
	}
	return compared, s.changedSince
}

// Forget drops what is remembered.
func (s *Secrets) Forget() { *s = Secrets{} }
