// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import "time"

// Questions are what has to be known before a new revision can be created, and takes time to
// find out. A plan asks them. They are answered in the background, once for all stacks that ask
// the same, and the answers are passed in with the State.
type Questions struct {
	// Release identifies one release of a stack: a tag that was resolved for an earlier one may
	// have moved since.
	Release string
	// Since is the earliest time of an acceptable answer. Zero accepts only answers to requests
	// that were sent after the questions were asked.
	Since time.Time
	// Images are the images to resolve.
	Images []ImageRequest
	// Config are the names of the ConfigMaps to read.
	Config []string
}

// None reports whether there are no questions.
func (q Questions) None() bool { return len(q.Images) == 0 && len(q.Config) == 0 }

// Answers are the known answers to the questions of a release. The wait for them is bounded.
type Answers struct {
	// Release is the release of the questions; empty if none were asked.
	Release string
	// Images are the resolved images. An image that is missing does not have to be resolved and
	// runs as written.
	Images map[ImageRequest]Image
	// Config are the ConfigMaps as they were just read, by name; nil for one that does not exist.
	Config map[string]*ConfigMap
	// ConfigVersions are their versions.
	ConfigVersions map[string]string
	// Waiting describes what has not been answered yet; empty if the answers are complete.
	Waiting string
	// Wait is the time until the wait is given up; 0 if nothing is waited for.
	Wait time.Duration
	// Briefly is the time during which the wait is not reported yet: most registries answer
	// within it.
	Briefly time.Duration
}
