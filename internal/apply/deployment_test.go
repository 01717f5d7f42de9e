// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package apply

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
)

// wanted returns a Deployment as the plan wants it.
func wanted() *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{
			Name:        "shop",
			Labels:      map[string]string{"ours": "new"},
			Annotations: map[string]string{"ours": "new"},
			OwnerReferences: []metav1.OwnerReference{
				{APIVersion: "v1", Kind: "AppStack", Name: "shop", UID: "stack", Controller: ptr.To(true)},
			},
		},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "new"}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "shop"}},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "my-app:2"}}},
			},
			Strategy:                appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
			ProgressDeadlineSeconds: ptr.To[int32](600),
			RevisionHistoryLimit:    ptr.To[int32](10),
		},
	}
}

// live returns the same Deployment as it is in the cluster, with fields that others added.
func live() *appsv1.Deployment {
	surge := intstr.FromInt32(1)
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{
			Name:            "shop",
			UID:             "uid",
			ResourceVersion: "7",
			Labels:          map[string]string{"ours": "old", "theirs": "kept"},
			Annotations:     map[string]string{"theirs": "kept"},
		},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](5),
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "shop"}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{
					Labels: map[string]string{"app": "shop", "theirs": "gone"}, Annotations: map[string]string{"theirs": "gone"},
				},
				Spec: corev1.PodSpec{
					Containers:   []corev1.Container{{Name: "app", Image: "my-app:1"}, {Name: "theirs", Image: "sidecar:1"}},
					NodeSelector: map[string]string{"theirs": "gone"},
				},
			},
			Strategy: appsv1.DeploymentStrategy{
				Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &surge},
			},
			MinReadySeconds: 10,
			Paused:          true,
		},
	}
}

// TestReplacement applies the patch to a Deployment as the API server does.
func TestReplacement(t *testing.T) {
	tests := map[string]struct {
		change func(want, live *appsv1.Deployment)
		// expect edits the expected Deployment.
		expect func(*appsv1.Deployment)
	}{
		"R28 the template is replaced whole, and the rest of others stays": {
			func(_, _ *appsv1.Deployment) {}, func(*appsv1.Deployment) {},
		},
		"a number of pods that the spec names is set": {
			func(want, _ *appsv1.Deployment) { want.Spec.Replicas = ptr.To[int32](0) },
			func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To[int32](0) },
		},
		"R26 an owner that does not control it stays": {
			func(_, live *appsv1.Deployment) {
				live.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Other", Name: "other", UID: "other"}}
			},
			func(d *appsv1.Deployment) {
				d.OwnerReferences = append(d.OwnerReferences,
					metav1.OwnerReference{APIVersion: "v1", Kind: "Other", Name: "other", UID: "other"})
			},
		},
		"an owner is there once": {
			func(want, live *appsv1.Deployment) {
				live.OwnerReferences = []metav1.OwnerReference{want.OwnerReferences[0]}
				live.OwnerReferences[0].Controller = nil
			},
			func(*appsv1.Deployment) {},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want, before := wanted(), live()
			test.change(want, before)
			body, err := replacement(model.ObjectID{UID: before.UID, ResourceVersion: before.ResourceVersion}, want)
			if err != nil {
				t.Fatal(err)
			}
			got := patched(t, before, body)

			expected := wanted()
			expected.UID, expected.ResourceVersion = before.UID, before.ResourceVersion
			expected.Labels["theirs"], expected.Annotations["theirs"] = "kept", "kept"
			expected.Spec.Selector, expected.Spec.Replicas = before.Spec.Selector, before.Spec.Replicas
			test.expect(expected)
			if diff := cmp.Diff(expected, got); diff != "" {
				t.Errorf("the Deployment (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReplacementIsForOneVersion checks that the patch conflicts with any other version of the
// Deployment.
func TestReplacementIsForOneVersion(t *testing.T) {
	body, err := replacement(model.ObjectID{UID: "uid", ResourceVersion: "7"}, wanted())
	if err != nil {
		t.Fatal(err)
	}
	var patch struct {
		Metadata struct {
			UID             types.UID
			ResourceVersion string
		}
	}
	if err := json.Unmarshal(body, &patch); err != nil {
		t.Fatal(err)
	}
	if patch.Metadata.UID != "uid" || patch.Metadata.ResourceVersion != "7" {
		t.Errorf("the patch has metadata %+v", patch.Metadata)
	}
}

func patched(t *testing.T, before *appsv1.Deployment, body []byte) *appsv1.Deployment {
	t.Helper()
	original, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	merged, err := strategicpatch.StrategicMergePatch(original, body, appsv1.Deployment{})
	if err != nil {
		t.Fatal(err)
	}
	after := &appsv1.Deployment{}
	if err := json.Unmarshal(merged, after); err != nil {
		t.Fatal(err)
	}
	return after
}
