// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package observe_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/packedcache"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// TestCopies checks which ConfigMaps with the stack's label are its copies.
func TestCopies(t *testing.T) {
	type object = *metav1.PartialObjectMetadata
	deleted := metav1.NewTime(noon)
	tests := map[string]struct {
		edit         func(object)
		copied       bool
		orphan       bool
		predecessors bool
	}{
		"R31 the stack's":               {func(object) {}, true, false, false},
		"R26 an orphan":                 {func(o object) { o.OwnerReferences = nil }, true, true, false},
		"R31 one that is being deleted": {func(o object) { o.DeletionTimestamp = &deleted }, false, false, false},
		"R31 a user's, with the label":  {func(o object) { o.Annotations, o.OwnerReferences = nil, nil }, false, false, false},
		"R26 somebody else's": {
			func(o object) { o.OwnerReferences[0].Kind, o.OwnerReferences[0].UID = "Other", "other" }, false, false, false,
		},
		"R26 that of a stack of the name": {func(o object) { o.OwnerReferences[0].UID = "earlier" }, false, false, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			made := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
				Namespace: Namespace, Name: "shop-web-1", UID: "copy", ResourceVersion: "7", CreationTimestamp: metav1.NewTime(noon),
				Labels: naming.Recommended("shop"), Annotations: map[string]string{naming.AnnotationConfigSource: "web"},
				OwnerReferences: []metav1.OwnerReference{naming.Owner(s.stack)},
			}}
			test.edit(made)
			s.cache.Children = []packedcache.Child{{Kind: model.KindConfigMap, Object: made}}
			state := s.state(t)
			want := map[string]model.ExistingCopy{}
			if test.copied {
				want["shop-web-1"] = model.ExistingCopy{
					ObjectID:  model.ObjectID{Kind: model.KindConfigMap, Name: "shop-web-1", UID: "copy", ResourceVersion: "7"},
					CreatedAt: noon, Orphan: test.orphan,
				}
			}
			if diff := cmp.Diff(want, state.Config.Copies); diff != "" {
				t.Errorf("copies (-want +got):\n%s", diff)
			}
			if (state.Predecessor != "") != test.predecessors {
				t.Errorf("predecessor %q", state.Predecessor)
			}
		})
	}
}

// TestConfig checks what is known of the ConfigMaps that a stack references.
func TestConfig(t *testing.T) {
	s := newScene(func(s *v1alpha1.AppStack) {
		for _, name := range []string{"web", "log", "kube-root-ca.crt"} {
			s.Spec.EnvFrom = append(s.Spec.EnvFrom, corev1.EnvFromSource{
				ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}},
			})
		}
		s.Spec.Config = &v1alpha1.ConfigPolicy{Live: []string{"log"}}
	})
	s.stack.Generation = 1
	s.configs.observed = map[string]model.ObservedConfig{"web": {Hash: "1"}}
	state := s.state(t)
	if diff := cmp.Diff(map[string]model.ObservedConfig{"web": {}}, s.configs.asked); diff != "" {
		t.Errorf("R32 observed ConfigMaps (-want +got):\n%s", diff)
	}
	if !state.Config.SpecSince.Equal(noon) || !state.Config.ChangedSince.IsZero() || state.Config.Unread {
		t.Errorf("R32 config state %+v", state.Config)
	}
	s.clock.Step(time.Minute)
	s.configs.observed, s.configs.err = nil, errors.New("no")
	state = s.state(t)
	if !state.Config.Unread || state.Config.Observed != nil || !state.Config.SpecSince.Equal(noon) {
		t.Errorf("R32 config state after an error: %+v", state.Config)
	}
}
