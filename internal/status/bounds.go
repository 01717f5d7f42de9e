// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package status

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// The bounds of the API, as its markers have them. What a status is computed from
// has others or none: the words of API servers, webhooks, kubelets and registries,
// the images of podTemplate, and records that another version wrote or a hand
// edited. A status beyond one of the bounds would be refused, and so would each
// after it: users would be shown what was, for good.
const (
	maxComponents     = 64
	maxImageValues    = 16
	maxHistory        = 20
	maxHistoryImages  = 21
	maxConditions     = 16
	maxName           = 63
	maxImage          = 1024
	maxAddress        = 512
	maxSelector       = 4096
	maxSummary        = 32
	maxWords          = 1024
	maxPodName        = 253
	maxFailureReason  = 128
	maxFailureMessage = 8192
	maxReason         = 1024
)

// maxDetails is how many bytes image values and the images of the history may have
// in all: etcd takes 1.5 MiB, of the spec and the status together.
const maxDetails = 128 << 10

// bounded is the status within the bounds of the API, so that the API server takes
// it, whatever there is in the cluster. What is cut ends with an ellipsis. Of a
// list, the first entries stay: the components of the revision that runs, or is
// rolled out, are before those that retire, and newer rollouts before older ones.
// An entry that cannot be shown, such as one without the name that is its key, is left out.
func bounded(status v1alpha1.AppStackStatus) v1alpha1.AppStackStatus {
	status.ObservedGeneration = max(0, status.ObservedGeneration)
	status.Revision, status.LastGoodRevision = max(0, status.Revision), max(0, status.LastGoodRevision)
	status.Image, status.Address = cut(status.Image, maxImage), cut(status.Address, maxAddress)
	status.ReadySummary = cut(status.ReadySummary, maxSummary)
	status.Replicas = count(status.Replicas)
	status.Components = boundedComponents(status.Components)
	status.History = boundedHistory(status.History)
	status.Failure = boundedFailure(status.Failure)
	status.Conditions = boundedConditions(status.Conditions)
	shed(&status)
	return status
}

func boundedComponents(components []v1alpha1.ComponentStatus) []v1alpha1.ComponentStatus {
	for i := range components {
		c := &components[i]
		c.Name, c.Image, c.Address = cut(c.Name, maxName), cut(c.Image, maxImage), cut(c.Address, maxAddress)
		c.DesiredReplicas, c.Replicas, c.UpdatedReplicas = count(c.DesiredReplicas), count(c.Replicas), count(c.UpdatedReplicas)
		c.ReadyReplicas, c.AvailableReplicas = count(c.ReadyReplicas), count(c.AvailableReplicas)
		c.ImageValues = boundedValues(c.ImageValues)
	}
	return keyed(components, maxComponents, func(c v1alpha1.ComponentStatus) string { return c.Name })
}

// boundedValues are others than those given, which are of the revision.
func boundedValues(values []v1alpha1.ImageValue) []v1alpha1.ImageValue {
	var shown []v1alpha1.ImageValue
	for _, v := range values {
		switch v.Source {
		case v1alpha1.ImageValueSourceSpec, v1alpha1.ImageValueSourceImage, v1alpha1.ImageValueSourceDefault:
			v.Name, v.Value, v.Message = cut(v.Name, maxName), cut(v.Value, maxWords), cut(v.Message, maxWords)
			shown = append(shown, v)
		}
	}
	return keyed(shown, maxImageValues, func(v v1alpha1.ImageValue) string { return v.Name })
}

func boundedHistory(history []v1alpha1.RolloutStatus) []v1alpha1.RolloutStatus {
	history = slices.DeleteFunc(history, func(r v1alpha1.RolloutStatus) bool { return r.Revision < 1 || !known(r) })
	history = history[:min(len(history), maxHistory)]
	for i := range history {
		r := &history[i]
		r.Trigger = cmp.Or(r.Trigger, v1alpha1.TriggerSpecChanged) // a release is the most ordinary
		r.Cause, r.Message = cut(r.Cause, maxWords), cut(r.Message, maxWords)
		for j := range r.Images {
			r.Images[j].Component, r.Images[j].Image = cut(r.Images[j].Component, maxName), cut(r.Images[j].Image, maxImage)
		}
		r.Images = slices.DeleteFunc(r.Images, func(i v1alpha1.ImageStatus) bool { return i.Image == "" })
		r.Images = keyed(r.Images, maxHistoryImages, func(i v1alpha1.ImageStatus) string { return i.Component })
	}
	return history
}

// known says whether the API has such a rollout. A record may tell of none that started it.
func known(rollout v1alpha1.RolloutStatus) bool {
	switch rollout.Trigger {
	case "", v1alpha1.TriggerSpecChanged, v1alpha1.TriggerRollback, v1alpha1.TriggerAutoRollback, v1alpha1.TriggerRestart:
	default:
		return false
	}
	switch rollout.Outcome {
	case v1alpha1.OutcomeProgressing, v1alpha1.OutcomeSucceeded, v1alpha1.OutcomeFailed, v1alpha1.OutcomeSuperseded:
		return true
	default:
		return false
	}
}

func boundedFailure(f *v1alpha1.FailureStatus) *v1alpha1.FailureStatus {
	if f == nil || f.Revision < 1 {
		return nil
	}
	f.Component, f.Pod, f.Container = cut(f.Component, maxName), cut(f.Pod, maxPodName), cut(f.Container, maxName)
	f.Reason, f.Message = cut(f.Reason, maxFailureReason), cut(f.Message, maxFailureMessage)
	if f.Reason == "" {
		f.Reason = reasonUnknown
	}
	return f
}

// reasonUnknown is in place of a reason that the API does not take.
const reasonUnknown = "Unknown"

// aReason is what the API takes for the reason of a condition.
var aReason = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`)

// boundedConditions are the operator's, and those that others have set as far as there is room.
func boundedConditions(conditions []metav1.Condition) []metav1.Condition {
	room := maxConditions
	for i := range conditions {
		if c := &conditions[i]; isOwn(*c) {
			room--
			c.Message = cut(c.Message, maxMessage)
			if len(c.Reason) > maxReason || !aReason.MatchString(c.Reason) {
				c.Reason = reasonUnknown
			}
		}
	}
	return slices.DeleteFunc(conditions, func(c metav1.Condition) bool {
		if isOwn(c) {
			return false
		}
		room--
		return room < 0
	})
}

func isOwn(condition metav1.Condition) bool {
	switch condition.Type {
	case v1alpha1.ConditionReady, v1alpha1.ConditionAvailable, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled,
		v1alpha1.ConditionImagesResolved:
		return true
	}
	return false
}

// shed leaves out details where they are too many in all: first where values of
// images came from, of the last component first, then images of the history, of
// the oldest rollout first.
func shed(status *v1alpha1.AppStackStatus) {
	total := 0
	for _, c := range status.Components {
		total += sizeOfValues(c.ImageValues)
	}
	for _, r := range status.History {
		total += sizeOfImages(r.Images)
	}
	for i := len(status.Components) - 1; i >= 0 && total > maxDetails; i-- {
		total -= sizeOfValues(status.Components[i].ImageValues)
		status.Components[i].ImageValues = nil
	}
	for i := len(status.History) - 1; i >= 0 && total > maxDetails; i-- {
		total -= sizeOfImages(status.History[i].Images)
		status.History[i].Images = nil
	}
}

func sizeOfValues(values []v1alpha1.ImageValue) (size int) {
	for _, v := range values {
		size += len(v.Name) + len(v.Value) + len(v.Message)
	}
	return size
}

func sizeOfImages(images []v1alpha1.ImageStatus) (size int) {
	for _, i := range images {
		size += len(i.Component) + len(i.Image)
	}
	return size
}

// keyed are the first items of a list whose key is unique and not empty.
func keyed[T any](items []T, limit int, key func(T) string) []T {
	seen := make(map[string]bool, len(items))
	items = slices.DeleteFunc(items, func(item T) bool {
		name := key(item)
		drop := name == "" || seen[name]
		seen[name] = true
		return drop
	})
	return items[:min(len(items), limit)]
}

// cut is the text with so many characters at most, which is what the API counts.
func cut(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD") // JSON would do so: what is sent is what comes back
	if len(text) <= limit || utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-1]) + "…"
}

// count is a number of pods, or none.
func count(n *int32) *int32 {
	if n == nil || *n >= 0 {
		return n
	}
	return ptr.To[int32](0)
}

// The times that the API can show: a zero one would be left out, and a year of
// five digits is no date.
var (
	earliest = time.Unix(0, 0).UTC()
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// seconds is the time as the API stores it.
func seconds(t time.Time) metav1.Time {
	switch t = t.Truncate(time.Second); {
	case t.Before(earliest):
		t = earliest
	case t.After(latest):
		t = latest
	}
	return metav1.NewTime(t)
}
