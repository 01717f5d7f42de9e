// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package revision

import (
	"encoding/json"
	"slices"

	"github.com/appstack-dev/appstack/internal/model"
)

// The size limits of a record, in bytes of its JSON form. The record is stored in an annotation,
// and the API server limits all annotations of an object to 256 KiB in total, including those of
// other clients. It would reject a larger record, and with it every later update of the revision.
const (
	maxRecord = 128 << 10
	// maxWords limits the message of a rollout and the cause given by users: 1,024 characters of up
	// to four bytes each.
	maxWords = 4 << 10
	// maxReport limits the message of a failure.
	maxReport = 8 << 10
	// maxNames limits names and reasons.
	maxNames = 253
	// leastRollouts is how many of the newest rollouts a record keeps even if it is too large.
	leastRollouts = 2
)

// encodeRecord returns the JSON form of a record, within the size limits. If the record is too
// large, it drops the provenance of images for other spellings of the spec first, then the oldest
// rollouts.
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

// longestEscape is the largest number of JSON bytes for one byte of text: a control character, as
// \u0000.
const longestEscape = 6

// fit truncates a text to limit bytes of its JSON form.
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
