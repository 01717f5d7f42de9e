// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package apply

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// errReplaced is returned if the child's name now belongs to another object.
var errReplaced = errors.New("another object has taken the name, or another owner the object")

// errOutdated is returned if a child has changed since the step was planned. It also stops an
// operator that plans from an old cache because it was suspended while another instance became
// the leader. The next plan sees the current object.
var errOutdated = errors.New("the object has changed since")

// sort classifies the error of a step. After a conflict with a change in the cluster, the step is
// planned again; a rejection is for the user to fix and becomes the outcome's problem; anything
// else is returned as an error, for a retry.
func (e *execution) sort(step model.Step, err error) error {
	object := step.Object()
	var status apierrors.APIStatus
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil // nothing can be created there, and what exists is deleted
	case errors.Is(err, errReplaced), errors.Is(err, errOutdated), errors.Is(err, errTaken),
		apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err):
		e.outcome.Again = true
		return nil
	case refused(err):
		e.refuse(step, err)
		return nil
	case errors.As(err, &status):
		e.outcome.Trouble = fmt.Sprintf("%s %s: %s", object.Kind, object.Name, status.Status().Message)
	default:
		e.outcome.Trouble = fmt.Sprintf("%s %s: the API server does not answer", object.Kind, object.Name)
	}
	return fmt.Errorf("%s: %w", step.Verb(), err)
}

// refuse reports the API server's rejection of a step as the problem, and remembers it for the
// next plan. If it rejects an automatic rollback, no other rollback target remains (R13).
func (e *execution) refuse(step model.Step, err error) {
	words, problem := err.Error(), &model.Problem{Reason: v1alpha1.ReasonRejected}
	problem.Message = "the API server rejected it: " + words
	if TooLarge(err) {
		words = sizeWords(step, err)
		problem.Message = words
	}
	if start, ok := step.(model.StartRollout); ok && start.Rollout().Trigger == v1alpha1.TriggerAutoRollback {
		begun := start.Rollout()
		problem.Reason = v1alpha1.ReasonRollbackFailed
		problem.Message = fmt.Sprintf("%s; the API server rejected the rollback to revision %d: %s", begun.Message, begun.Revision, words)
	}
	e.outcome.Problem = cmp.Or(e.outcome.Problem, problem)
	e.remember(step, model.Rejection{Message: words, Problem: *problem, Passing: apierrors.IsForbidden(err)})
}

// remember stores the rejection of a step for the next plan.
func (e *execution) remember(step model.Step, refusal model.Rejection) {
	refusal.Asked, refusal.At = step.Asked(), e.Clock.Now()
	remembered, news := e.memory.Writes.Reject(step.Target(), refusal)
	e.silent = e.silent || news
	e.outcome.Retry = model.Sooner(e.outcome.Retry, remembered.Pause())
}

// refused reports whether the API server will reject the same request again.
func refused(err error) bool {
	if TooLarge(err) {
		return true
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	code := status.Status().Code
	return code >= http.StatusBadRequest && code < http.StatusInternalServerError &&
		code != http.StatusTooManyRequests && code != http.StatusUnauthorized &&
		status.Status().Reason != metav1.StatusReasonTimeout
}
