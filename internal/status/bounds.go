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

// The limits in the API's validation markers. The inputs of a status have other limits or none:
// messages of API servers, webhooks, kubelets and registries, the images in podTemplate, and
// records that another version wrote or a user edited. The API server would reject a status beyond
// a limit, and every later one, so that users would see an outdated status permanently.
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

// maxDetails limits the total bytes of image values and history images: etcd accepts 1.5 MiB for
// the spec and the status together.
const maxDetails = 128 << 10

// bounded returns the status within the API's limits, so that the API server accepts it whatever
// the cluster contains. Truncated text ends with an ellipsis. Lists keep their first entries:
// components of the current revision come before retiring ones, and newer rollouts before older
// ones. Entries that the API does not accept, such as one without its key, are omitted.
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

// boundedValues returns a bounded copy: the given values belong to the revision and must not
// change.
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
		r.Trigger = cmp.Or(r.Trigger, v1alpha1.TriggerSpecChanged) // the most common trigger
		r.Cause, r.Message = cut(r.Cause, maxWords), cut(r.Message, maxWords)
		for j := range r.Images {
			r.Images[j].Component, r.Images[j].Image = cut(r.Images[j].Component, maxName), cut(r.Images[j].Image, maxImage)
		}
		r.Images = slices.DeleteFunc(r.Images, func(i v1alpha1.ImageStatus) bool { return i.Image == "" })
		r.Images = keyed(r.Images, maxHistoryImages, func(i v1alpha1.ImageStatus) string { return i.Component })
	}
	return history
}

// known reports whether the API accepts the rollout's trigger and outcome. The trigger may be
// missing in a record.
func known(rollout v1alpha1.RolloutStatus) bool {
	switch rollout.Trigger {
	case "", v1alpha1.TriggerSpecChanged, v1alpha1.TriggerRollback, v1alpha1.TriggerAutoRollback, v1alpha1.TriggerRestart,
		v1alpha1.TriggerConfigChanged, v1alpha1.TriggerSecretChanged:
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

// reasonUnknown replaces a reason that the API does not accept.
const reasonUnknown = "Unknown"

// aReason matches the condition reasons that the API accepts.
var aReason = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`)

// boundedConditions returns the operator's conditions, and as many conditions of other clients as
// fit.
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

// shed drops details while their total size is too large: first image values, starting with the
// last component, then history images, starting with the oldest rollout.
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

// keyed returns the first items with a unique, non-empty key, at most limit of them.
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

// cut truncates the text to limit characters, the unit in which the API counts.
func cut(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD") // JSON encoding does the same, and the text must equal what the API server stores
	if len(text) <= limit || utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-1]) + "…"
}

// count returns the number of pods, or 0 if it is negative.
func count(n *int32) *int32 {
	if n == nil || *n >= 0 {
		return n
	}
	return ptr.To[int32](0)
}

// The range of times that the API accepts: a zero time is omitted, and years have four digits.
var (
	earliest = time.Unix(0, 0).UTC()
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// seconds returns the time as the API stores it, in whole seconds and within the range.
func seconds(t time.Time) metav1.Time {
	switch t = t.Truncate(time.Second); {
	case t.Before(earliest):
		t = earliest
	case t.After(latest):
		t = latest
	}
	return metav1.NewTime(t)
}
