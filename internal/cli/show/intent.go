// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package show

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/release"
)

// Intent describes what a rollback will do, for the confirmation before it.
func (v View) Intent(r release.Release, rollback v1alpha1.Rollback) string {
	stack, to := r.Stack, rollback.ToRevision
	words := []string{fmt.Sprintf("%s changes from revision %d to revision %d.", stack.Name, stack.Status.Revision, to)}
	if stack.Status.Revision == to {
		words[0] = fmt.Sprintf("%s already runs revision %d: no pod is replaced, and spec.rollback requests this revision.", stack.Name, to)
	}
	if good := v.lastSuccess(r, to); good != "" {
		words = append(words, good)
	}
	if from := rollback.FromRevision; from != nil {
		words = append(words, fmt.Sprintf("The rollback is in effect while the spec has the content of revision %d: "+
			"the next change of the content is released as usual.", *from))
	} else {
		words = append(words, "The content of the spec has no revision: the rollback is in effect until you run "+v.command(r, "resume-spec")+".")
	}
	if stack.Spec.Paused {
		words = append(words, "Rollouts are paused: the rollback starts after "+v.command(r, "resume")+".")
	}
	return strings.Join(words, " ")
}

// lastSuccess says when a rollout to the revision last succeeded.
func (v View) lastSuccess(r release.Release, number int64) string {
	rev := r.Find(number)
	for _, rollout := range slices.Backward(rev.Record.Rollouts) {
		if rollout.Good() {
			return fmt.Sprintf("Revision %d last succeeded %s ago.", number, v.age(metav1.NewTime(rollout.Ended())))
		}
	}
	return fmt.Sprintf("Revision %d has never succeeded.", number)
}
