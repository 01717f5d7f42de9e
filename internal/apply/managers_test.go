// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package apply

import (
	. "github.com/appstack-dev/appstack/test/fixture"

	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

func TestManagerOf(t *testing.T) {
	const (
		image    = `{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{".":{},"f:image":{},"f:name":{}}}}}}}`
		env      = `{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{"f:env":{".":{},"k:{\"name\":\"A\"}":{}}}}}}}}`
		restart  = `{"f:spec":{"f:template":{"f:metadata":{"f:annotations":{".":{},"f:kubectl.kubernetes.io/restartedAt":{}}}}}}`
		replicas = `{"f:spec":{"f:replicas":{}}}`
		port     = `{"f:spec":{"f:ports":{"k:{\"port\":8080,\"protocol\":\"TCP\"}":{".":{},"f:port":{},"f:name":{}}}}}`
		selector = `{"f:spec":{"f:selector":{}}}`
	)
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	entry := func(manager, fields string, after time.Duration) metav1.ManagedFieldsEntry {
		at := metav1.NewTime(noon.Add(after))
		return metav1.ManagedFieldsEntry{
			Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, Time: &at,
			FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields),
		}
	}
	of := func(entry metav1.ManagedFieldsEntry, subresource string) metav1.ManagedFieldsEntry {
		entry.Subresource = subresource
		return entry
	}
	tests := map[string]struct {
		field   string
		managed []metav1.ManagedFieldsEntry
		want    string
	}{
		"R28 kubectl set image": {
			"spec.template.spec.containers[app].image",
			[]metav1.ManagedFieldsEntry{entry(naming.FieldOwner, env, 0), entry("kubectl-set", image, 0)}, "kubectl-set",
		},
		"R28 of two the last": {
			"spec.template.spec.containers[app].image",
			[]metav1.ManagedFieldsEntry{entry("helm", image, 0), entry("kubectl-set", image, time.Second), entry("argocd", image, 0)},
			"kubectl-set",
		},
		"R28 never the operator": {
			"spec.template.spec.containers[app].image", []metav1.ManagedFieldsEntry{entry(naming.FieldOwner, image, 0)}, "",
		},
		"R28 nobody who set something else, in the same list too": {
			"spec.template.spec.containers[app].image",
			[]metav1.ManagedFieldsEntry{entry("helm", env, 0), entry("kubectl-rollout", restart, time.Second)}, "",
		},
		"R28 a field that was removed is nobody's": {
			"spec.template.metadata.annotations.ours", []metav1.ManagedFieldsEntry{entry("kubectl-rollout", restart, 0)}, "",
		},
		"R28 an annotation, whose name has dots": {
			"spec.template.metadata.annotations.kubectl.kubernetes.io/restartedAt",
			[]metav1.ManagedFieldsEntry{entry("kubectl-rollout", restart, 0)}, "kubectl-rollout",
		},
		"R28 a list, by what was put into it": {
			"spec.template.spec.containers[app].env",
			[]metav1.ManagedFieldsEntry{entry("kubectl-set", env, 0)}, "kubectl-set",
		},
		"R28 a port, which is told by its position": {
			"spec.ports[0].port", []metav1.ManagedFieldsEntry{entry("kubectl-edit", port, 0)}, "kubectl-edit",
		},
		"R28 an entry of a value that is one as a whole": {
			"spec.selector.apps.appstack.dev/component", []metav1.ManagedFieldsEntry{entry("kubectl-edit", selector, 0)}, "kubectl-edit",
		},
		"R28 an autoscaler": {
			"spec.replicas", []metav1.ManagedFieldsEntry{of(entry("kube-controller-manager", replicas, 0), "scale")}, "kube-controller-manager",
		},
		"R28 no controller that writes the status": {
			"spec.replicas", []metav1.ManagedFieldsEntry{of(entry("kube-controller-manager", replicas, 0), "status")}, "",
		},
		"no managed fields":              {"spec.replicas", nil, ""},
		"managed fields of another form": {"spec.replicas", []metav1.ManagedFieldsEntry{entry("kubectl", "[]", 0), {Manager: "other"}}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := managerOf(test.managed, test.field); got != test.want {
				t.Errorf("%s was set by %q, want %q", test.field, got, test.want)
			}
		})
	}
}

// drifted returns a stack, as stored in the API server, whose Deployment the given field manager
// has scaled by hand.
func drifted(t *testing.T, manager string) (*server, model.State) {
	t.Helper()
	s, stack, state := begun(t)
	s.goOn(t, state)
	live := &appsv1.Deployment{}
	if err := s.Client.Get(t.Context(), client.ObjectKeyFromObject(stack), live); err != nil {
		t.Fatal(err)
	}
	scale := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"replicas":7}}`))
	if err := s.Client.Patch(t.Context(), live, scale, client.FieldOwner(manager)); err != nil {
		t.Fatal(err)
	}
	service := &corev1.Service{}
	if err := s.Client.Get(t.Context(), client.ObjectKeyFromObject(stack), service); err != nil {
		t.Fatal(err)
	}
	state.Children = Children(live, service)
	state.LastWrites = s.memory.Writes.Last()
	return s, state
}

// TestWhoChangedIt checks that the object is read once before the repair, and that the repair and
// the write log name the field manager that changed it.
func TestWhoChangedIt(t *testing.T) {
	s, state := drifted(t, "kubectl-scale")
	outcome, asked := s.take(t, state)
	if reads := slices.DeleteFunc(asked, func(request string) bool { return request != "get Deployment shop" }); len(reads) != 1 {
		t.Errorf("R28 the Deployment is read %d times, want once", len(reads))
	}
	if len(outcome.Done) != 1 {
		t.Fatalf("R28 done: %v, want a repair", outcome.Done)
	}
	const want = "Deployment shop: spec.replicas was changed by kubectl-scale and is reverted: " +
		"to run another number of pods, scale the stack, or leave replicas out of its spec"
	if step := outcome.Done[0].About(); step.Reason != want || step.Event != v1alpha1.EventDriftRepaired {
		t.Errorf("R28 %s is reported as %q, want\n%s", step.Event, step.Reason, want)
	}
	var repairs []model.Repairs
	for _, last := range s.memory.Writes.Last() {
		if last.Repairs != nil {
			repairs = append(repairs, *last.Repairs)
		}
	}
	counted := []model.Repairs{{Count: 1, Fields: []string{"spec.replicas"}, Managers: []string{"kubectl-scale"}}}
	if diff := cmp.Diff(counted, repairs); diff != "" {
		t.Errorf("R28 repairs in the write log (-want +got):\n%s", diff)
	}
}

// TestARepairDoesNotDependOnWho checks that a change is reverted even if its field manager is
// unknown.
func TestARepairDoesNotDependOnWho(t *testing.T) {
	s, state := drifted(t, "kubectl-scale")
	api, ok := s.Client.(client.WithWatch)
	if !ok {
		t.Fatalf("a %T cannot be intercepted", s.Client)
	}
	s.Live = interceptor.NewClient(api, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if object.GetObjectKind().GroupVersionKind().Kind == "Deployment" {
				return errors.New("no route to host")
			}
			return c.Get(ctx, key, object, options...)
		},
	})
	outcome, _ := s.take(t, state)
	const want = "Deployment shop: spec.replicas was changed by someone else and is reverted: " +
		"to run another number of pods, scale the stack, or leave replicas out of its spec"
	if len(outcome.Done) != 1 || outcome.Done[0].About().Reason != want {
		t.Errorf("R28 done: %v, want a repair", outcome.Done)
	}
}

// TestWhatChangesNothingIsNobodysDoing checks that a write that the API server turns into a no-op,
// for example because of an admission policy, does not count as a contest.
func TestWhatChangesNothingIsNobodysDoing(t *testing.T) {
	s, state := drifted(t, "kubectl-scale")
	api, ok := s.Client.(client.WithWatch)
	if !ok {
		t.Fatalf("a %T cannot be intercepted", s.Client)
	}
	s.Client = interceptor.NewClient(api, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, _ client.Patch, _ ...client.PatchOption) error {
			return c.Get(ctx, client.ObjectKeyFromObject(object), object)
		},
	})
	for range 5 {
		outcome, _ := s.take(t, state)
		if len(outcome.Done) != 1 || outcome.Done[0].About().Event != "" {
			t.Fatalf("R28 done: %v, want one step without an event", outcome.Done)
		}
	}
	for _, last := range s.memory.Writes.Last() {
		if last.Repairs != nil {
			t.Errorf("R28 the write log has %+v, want no repair", *last.Repairs)
		}
	}
}

// TestAdmitted checks that an image changed by admission is recorded together with the requested
// image.
func TestAdmitted(t *testing.T) {
	template := func(image string) corev1.PodTemplateSpec {
		return corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: naming.AppContainer, Image: image}}}}
	}
	for image, want := range map[string]string{"my-app:1": "", "mirror/my-app:1": "my-app:1"} {
		got := admitted(model.Component{Template: template("my-app:1")}, template(image))
		if got.App().Image != image || got.Provenance.Asked != want {
			t.Errorf("R20 %s runs instead of %q, want %s instead of %q", got.App().Image, got.Provenance.Asked, image, want)
		}
	}
}
