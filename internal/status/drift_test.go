// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package status_test

import (
	. "github.com/appstack-dev/appstack/test/fixture"

	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/status"
)

// TestContestedDrift checks that a stack is stalled and not ready while another writer changes an
// object again and again: before a repair has to wait, while one waits, and after it.
func TestContestedDrift(t *testing.T) {
	const words = "DriftContested: Deployment shop: spec.template.spec.containers[app].image is changed by kubectl-set " +
		"again after each repair: stop it; to run another image, set it in the stack's spec"
	contested := map[string]string{
		"Ready": "False " + words, "Stalled": "True " + words, "Available": "True PodsAvailable: every component has a pod that serves",
	}
	ready := map[string]string{
		"Ready": "True Succeeded: revision 1 runs", "Available": "True PodsAvailable: every component has a pod that serves",
	}
	tests := map[string]struct {
		foreign bool
		since   time.Duration
		want    map[string]string
	}{
		"R19 a repair has lasted for less than a minute": {false, 0, contested},
		"R19 the next write waits":                       {true, 500 * time.Millisecond, contested},
		"R19 the next write is due":                      {true, 5 * time.Second, contested},
		"R19 a repair has lasted for a minute":           {false, time.Minute, ready},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := settled()
			deployment := in.State.Children.Deployment("shop")
			in.State.LastWrites = map[types.UID]model.LastWrite{deployment.UID: {
				Asked: deployment.Annotations[naming.AnnotationConfigHash], At: noon.Add(-test.since), Repairs: &model.Repairs{
					Count: 9, Fields: []string{"spec.template.spec.containers[app].image"}, Managers: []string{"kubectl-set"},
				},
			}}
			if test.foreign {
				deployment.Spec.Template.Spec.Containers[0].Image = "evil:1"
			}
			got := status.Compute(planned(in))
			if diff := cmp.Diff(test.want, conditions(got)); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAdmittedImages checks the reported image of a component whose image admission has changed,
// when its revision was created or later, and that the change is reported.
func TestAdmittedImages(t *testing.T) {
	const mirror = "mirror.example.com/my-app:1"
	tests := map[string]struct {
		change  func(*status.Input)
		image   string
		message string
	}{
		"R20 left as it is": {func(*status.Input) {}, "my-app:1", "revision 1 runs"},
		"R20 changed since": {
			func(in *status.Input) {
				deployment := in.State.Children.Deployment("shop")
				deployment.Spec.Template.Spec.Containers[0].Image = mirror
				in.State.LastWrites = map[types.UID]model.LastWrite{deployment.UID: {
					Asked: deployment.Annotations[naming.AnnotationConfigHash], Answered: Fingerprint(deployment), At: noon,
				}}
			},
			mirror, "revision 1 runs; admission control of the cluster changed images: component main: " + mirror + " in place of my-app:1",
		},
		"R20 changed when the revision was created": {
			func(in *status.Input) {
				recorded := &in.State.Revisions[0].Content.Components[0]
				recorded.Provenance.Asked = "my-app:1"
				recorded.Template.Spec.Containers[0].Image = mirror
				in.State.Children.Deployment("shop").Spec.Template.Spec.Containers[0].Image = mirror
			},
			mirror, "revision 1 runs; admission control of the cluster changed images: component main: " + mirror + " in place of my-app:1",
		},
		"R28 by somebody, which is put back": {
			func(in *status.Input) {
				in.State.Children.Deployment("shop").Spec.Template.Spec.Containers[0].Image = "evil:1"
			},
			"my-app:1", "revision 1 runs",
		},
		"R20 something else changed since": {
			func(in *status.Input) {
				deployment := in.State.Children.Deployment("shop")
				deployment.Spec.Template.Annotations = map[string]string{"injected": "yes"}
				in.State.LastWrites = map[types.UID]model.LastWrite{deployment.UID: {
					Asked: deployment.Annotations[naming.AnnotationConfigHash], Answered: Fingerprint(deployment), At: noon,
				}}
			},
			"my-app:1", "revision 1 runs",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := settled()
			test.change(&in)
			got := status.Compute(planned(in))
			want := []string{test.image, test.image, "True Succeeded: " + test.message}
			if diff := cmp.Diff(want, []string{got.Image, got.Components[0].Image, conditions(got)["Ready"]}); diff != "" {
				t.Errorf("image, component's image and Ready (-want +got):\n%s", diff)
			}
		})
	}
}
