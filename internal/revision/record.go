// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision

import (
	"encoding/json"
	"slices"

	"github.com/appstack-dev/appstack/internal/model"
)

// The bounds of a record, in bytes of its JSON form. It is an annotation, and the
// API server takes 256 KiB of these in all, others' included: a record beyond that
// would be refused, and so would be whatever happens to the revision from then on.
const (
	maxRecord = 128 << 10
	// maxWords is of what is told of a rollout, and of what users give as its cause:
	// 1,024 characters, of up to four bytes.
	maxWords = 4 << 10
	// maxReport is of the message of a failure.
	maxReport = 8 << 10
	// maxNames is of names and reasons.
	maxNames = 253
	// leastRollouts is how many of the newest rollouts are kept of a record that is too large.
	leastRollouts = 2
)

// encodeRecord is the JSON form of a record, within its bounds. Of one that is too
// large, what was said of images of other spellings goes first, then the oldest rollouts.
func encodeRecord(record model.Record) (string, error) {
	record.ChangeCause = fit(record.ChangeCause, maxWords)
	record.Rollouts = slices.Clone(record.Rollouts)
	for i := range record.Rollouts {
		record.Rollouts[i] = boundedRollout(record.Rollouts[i])
	}
	raw, err := json.Marshal(record)
	if err == nil && len(raw) > maxRecord {
		record.Provenance = nil
		raw, err = json.Marshal(record)
	}
	for limit := len(record.Rollouts) - 1; err == nil && len(raw) > maxRecord && limit >= leastRollouts; limit-- {
		record.Rollouts = newest(record.Rollouts, limit)
		raw, err = json.Marshal(record)
	}
	return string(raw), err
}

func boundedRollout(rollout model.Rollout) model.Rollout {
	rollout.Message, rollout.Cause = fit(rollout.Message, maxWords), fit(rollout.Cause, maxWords)
	if rollout.Failure != nil {
		failure := *rollout.Failure
		failure.Reason, failure.Cause = fit(failure.Reason, maxNames), fit(failure.Cause, maxNames)
		failure.Component, failure.Pod = fit(failure.Component, maxNames), fit(failure.Pod, maxNames)
		failure.Container = fit(failure.Container, maxNames)
		failure.Message = fit(failure.Message, maxReport)
		rollout.Failure = &failure
	}
	return rollout
}

// longestEscape is how many bytes one has in JSON at most: a control character, \u0000.
const longestEscape = 6

// fit cuts a text to so many bytes of its JSON form.
func fit(text string, limit int) string {
	for longestEscape*len(text) > limit {
		raw, err := json.Marshal(text)
		if encoded := len(raw) - len(`""`); err != nil || encoded <= limit {
			break
		}
		text = model.Truncate(text, len(text)*limit/len(raw))
	}
	return text
}
