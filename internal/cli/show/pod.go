// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package show

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/internal/cli/terminal"
)

// podState is the summary of a pod.
type podState struct {
	word     string
	tone     terminal.Tone
	ready    string
	restarts int32
	// note is the message of the kubelet or the scheduler about a problem; empty if there is none.
	note string
}

// stateOf returns the summary of the pod, with its problem if it has one.
func stateOf(pod *corev1.Pod) podState {
	state := podState{word: string(pod.Status.Phase), tone: terminal.Busy, ready: none}
	ready, all := 0, 0
	for _, status := range pod.Status.ContainerStatuses {
		all++
		if status.Ready {
			ready++
		}
		state.restarts += status.RestartCount
	}
	if all > 0 {
		state.ready = fmt.Sprintf("%d/%d", ready, all)
	}
	switch {
	case pod.DeletionTimestamp != nil:
		state.word, state.tone = "Terminating", terminal.Faint
	case pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded:
		state.tone = terminal.Faint
		if pod.Status.Reason != "" {
			state.word = pod.Status.Reason
		}
	default:
		state.setProblem(pod)
	}
	return state
}

// setProblem sets the state to what prevents the pod from serving, if anything does.
func (s *podState) setProblem(pod *corev1.Pod) {
	containers := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
	if slices.ContainsFunc(containers, s.setContainerProblem) {
		return
	}
	for _, condition := range pod.Status.Conditions {
		switch {
		case condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse:
			s.word, s.tone, s.note = condition.Reason, terminal.Bad, condition.Message
			return
		case condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue:
			s.tone = terminal.Good
		}
	}
	if s.tone != terminal.Good && pod.Status.Phase == corev1.PodRunning {
		s.word = "NotReady"
	}
}

// setContainerProblem reports whether the container prevents the pod from serving, and sets the
// state to the reason.
func (s *podState) setContainerProblem(status corev1.ContainerStatus) bool {
	if waiting := status.State.Waiting; waiting != nil && waiting.Reason != "" && waiting.Reason != "PodInitializing" {
		s.word, s.note = waiting.Reason, waiting.Message
		if waiting.Reason != "ContainerCreating" {
			s.tone = terminal.Bad
		}
		return true
	}
	if done := status.State.Terminated; done != nil && done.ExitCode != 0 {
		s.word, s.tone, s.note = cmp.Or(done.Reason, "Error"), terminal.Bad, fmt.Sprintf("exit code %d", done.ExitCode)
		return true
	}
	return false
}

// info returns the restarts and the note, for the column INFO.
func (s *podState) info() string {
	var words []string
	if s.restarts > 0 {
		words = append(words, counted(int(s.restarts), "restart"))
	}
	if s.note != "" {
		words = append(words, strings.Join(strings.Fields(terminal.Clean(s.note)), " "))
	}
	return strings.Join(words, ", ")
}

// counted returns a number with its noun, such as "2 restarts".
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
