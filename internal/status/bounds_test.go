// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package status

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/schema"
)

// TestBoundsAreTheAPIs checks that the bounds in the code equal those of the status's schema.
func TestBoundsAreTheAPIs(t *testing.T) {
	kept := map[string]int64{
		"image": maxImage, "address": maxAddress, "selector": maxSelector, "readySummary": maxSummary,
		"components": maxComponents, "components[].name": maxName, "components[].image": maxImage, "components[].address": maxAddress,
		"components[].imageValues": maxImageValues, "components[].imageValues[].name": maxName,
		"components[].imageValues[].value": maxWords, "components[].imageValues[].message": maxWords,
		"history": maxHistory, "history[].cause": maxWords, "history[].message": maxWords,
		"history[].images": maxHistoryImages, "history[].images[].component": maxName, "history[].images[].image": maxImage,
		"failure.component": maxName, "failure.pod": maxPodName, "failure.container": maxName,
		"failure.reason": maxFailureReason, "failure.message": maxFailureMessage,
		"conditions": maxConditions, "conditions[].reason": maxReason,
		// the operator's own limits are smaller: maxMessage, and names that are constants
		"conditions[].message": 32768, "conditions[].type": 316,
	}
	if maxMessage > kept["conditions[].message"] {
		t.Errorf("a condition's message may have %d characters, but the API allows %d", maxMessage, kept["conditions[].message"])
	}
	crd, err := schema.Get()
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]int64{}
	walk("", crd.Props.Properties["status"], func(path string, props apiextensionsv1.JSONSchemaProps) {
		for _, bound := range []*int64{props.MaxLength, props.MaxItems, props.MaxProperties} {
			if bound != nil {
				have[path] = *bound
			}
		}
		free := props.Type == "string" && props.Format == "" && len(props.Enum) == 0
		if have[path] == 0 && (free || props.Type == "array") {
			t.Errorf("%s has no bound", path)
		}
	})
	if diff := cmp.Diff(have, kept); diff != "" {
		t.Errorf("R30 bounds (-API +kept):\n%s", diff)
	}
}

// walk visits a schema and all nested ones with their paths.
func walk(path string, props apiextensionsv1.JSONSchemaProps, visit func(string, apiextensionsv1.JSONSchemaProps)) {
	visit(path, props)
	for _, name := range slices.Sorted(maps.Keys(props.Properties)) {
		walk(strings.TrimPrefix(path+"."+name, "."), props.Properties[name], visit)
	}
	if props.Items != nil {
		walk(path+"[]", *props.Items.Schema, visit)
	}
}

// full returns a status at all limits of the API.
func full() v1alpha1.AppStackStatus {
	at := metav1.NewTime(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	words := strings.Repeat("界", maxWords)
	name := func(i int) string { return fmt.Sprintf("%0*d", maxName, i) }
	status := v1alpha1.AppStackStatus{
		Revision: 1, LastGoodRevision: 1, Image: strings.Repeat("a", maxImage), Address: strings.Repeat("a", maxAddress),
		Failure: &v1alpha1.FailureStatus{
			Revision: 1, Component: name(0), Pod: strings.Repeat("p", maxPodName), Container: name(0),
			Reason: strings.Repeat("R", maxFailureReason), Message: strings.Repeat("界", maxFailureMessage), FailedAt: at,
		},
	}
	for i := range maxComponents {
		status.Components = append(status.Components, v1alpha1.ComponentStatus{
			Name: name(i), Image: strings.Repeat("a", maxImage), Replicas: ptr.To[int32](1), Address: strings.Repeat("a", maxAddress),
		})
	}
	status.Components[0].ImageValues = []v1alpha1.ImageValue{
		{Name: "ports", Value: words, Source: v1alpha1.ImageValueSourceImage, Message: words},
	}
	for range maxHistory {
		status.History = append(status.History, v1alpha1.RolloutStatus{
			Revision: 1, Trigger: v1alpha1.TriggerRestart, Outcome: v1alpha1.OutcomeFailed, StartedAt: at, EndedAt: &at,
			Cause: words, Message: words,
			Images: []v1alpha1.ImageStatus{{Component: naming.Main, Image: strings.Repeat("a", maxImage)}},
		})
	}
	status.Conditions = []metav1.Condition{{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "Succeeded", LastTransitionTime: at,
		Message: strings.Repeat("界", maxMessage),
	}}
	for i := range maxConditions - 1 {
		status.Conditions = append(status.Conditions, metav1.Condition{
			Type: fmt.Sprintf("example.com/%d", i), Status: metav1.ConditionTrue, Reason: "Other", LastTransitionTime: at,
		})
	}
	return status
}

func TestWhatFitsIsShown(t *testing.T) {
	status := full()
	if diff := cmp.Diff(*status.DeepCopy(), bounded(status)); diff != "" {
		t.Errorf("a status within the bounds changed (-before +after):\n%s", diff)
	}
	crd, err := schema.Get()
	if err != nil {
		t.Fatal(err)
	}
	stack := fixture.Stack("shop")
	stack.Status = full()
	for _, err := range crd.Validate(t.Context(), stack) {
		t.Errorf("the largest status is rejected: %v", err)
	}
}

// TestWhatIsNeededMostStays checks what is kept when a status exceeds the bounds.
func TestWhatIsNeededMostStays(t *testing.T) {
	status := full()
	retiring := status.Components[0]
	retiring.Name = "retiring"
	status.Components = append(status.Components, retiring)
	for i := range status.Components {
		for j := range maxImageValues {
			status.Components[i].ImageValues = append(status.Components[i].ImageValues, v1alpha1.ImageValue{
				Name: fmt.Sprint(j), Value: strings.Repeat("v", maxWords), Source: v1alpha1.ImageValueSourceImage,
			})
		}
	}
	status.Conditions = append([]metav1.Condition{{
		Type: "example.com/first", Status: metav1.ConditionTrue, Reason: "Other", LastTransitionTime: status.Conditions[0].LastTransitionTime,
	}}, status.Conditions...)
	status.Failure.Message = strings.Repeat("界", maxFailureMessage+1)
	status.History = append(status.History, v1alpha1.RolloutStatus{Revision: 2})

	got := bounded(status)
	if len(got.Components) != maxComponents || got.Components[0].Name != full().Components[0].Name {
		t.Errorf("%d components, first %s; want %d, first those of the target revision",
			len(got.Components), got.Components[0].Name, maxComponents)
	}
	if len(got.Components[0].ImageValues) != maxImageValues || got.Components[maxComponents-1].ImageValues != nil {
		t.Error("if there are too many image values, the last component's must be dropped first")
	}
	if got.History[0].Images == nil || len(got.History) != maxHistory {
		t.Error("the newest rollouts must be kept with their images: image values are dropped instead")
	}
	if len(got.Conditions) != maxConditions || !slices.ContainsFunc(got.Conditions, isOwn) {
		t.Errorf("%d conditions, want %d, with the operator's", len(got.Conditions), maxConditions)
	}
	if want := strings.Repeat("界", maxFailureMessage-1) + "…"; got.Failure.Message != want {
		t.Errorf("R18 the message is not truncated at a character with an ellipsis: it ends with %q",
			got.Failure.Message[len(got.Failure.Message)-9:])
	}
}

// TestSelectorOfManyLabels checks that a selector is never truncated, which would select different
// pods.
func TestSelectorOfManyLabels(t *testing.T) {
	component := model.Component{Name: naming.Main, Selector: map[string]string{}}
	for i := range 60 {
		component.Selector[fmt.Sprintf("example.com/label-%d", i)] = strings.Repeat("v", 63)
	}
	in := Input{
		State: model.State{Stack: fixture.Stack("shop")},
		Plan:  model.Plan{Components: []model.Desired{{Component: component}}},
	}
	got, err := labels.Parse(Compute(in).Selector)
	if err != nil || !got.Matches(labels.Set(naming.Selector("shop", naming.Main))) || got.Matches(labels.Set{"a": "b"}) {
		t.Errorf("R26 the selector is %q (%v), want one that selects the stack's pods", got, err)
	}
}
