// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import "time"

// Questions are what has to be known before a new revision can be made, and what takes
// time to find out. A plan asks them; the answers are found beside the reconcile, are
// shared by stacks that ask the same, and come back with the State.
type Questions struct {
	// Release tells one release of a stack from the next: a tag that was looked up
	// for one may have moved since.
	Release string
	// Since is from when on an answer is fresh enough; zero where only answers to
	// questions that were asked after the lookup began are.
	Since time.Time
	// Images are those to look up.
	Images []ImageRequest
}

// None says that there is nothing to be asked.
func (q Questions) None() bool { return len(q.Images) == 0 }

// Answers are what is known of the questions of a release. How long they are waited
// for has a bound.
type Answers struct {
	// Release is that of the questions; empty where none were asked.
	Release string
	// Images are the answers. One that is missing is of an image that is not to be
	// looked up: it runs as written.
	Images map[ImageRequest]Image
	// Waiting is what is waited for, as a person would name it; empty where nothing
	// is, and the answers are complete.
	Waiting string
	// Wait is the time until it is given up; 0 where nothing is waited for.
	Wait time.Duration
	// Briefly is the time for which the wait is not worth telling of yet: most
	// registries answer in that time.
	Briefly time.Duration
}
