// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package observe_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
)

// usesSecret makes the stack use Secret db, and releases changes of it.
func usesSecret(s *v1alpha1.AppStack) {
	s.Spec.SecretChanges = v1alpha1.SecretChangesRestart
	s.Spec.EnvFrom = []corev1.EnvFromSource{{
		SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "db"}},
	}}
}

// TestSecrets checks what is known of the Secrets that a stack's pods use.
func TestSecrets(t *testing.T) {
	s := newScene(usesSecret)
	if s.state(t); len(s.secrets.asked) != 0 {
		t.Errorf("R36 without a revision, Secrets %v are observed", s.secrets.asked)
	}
	s.revision(t, 1, nil)
	s.secrets.observed = map[string]model.ObservedConfig{"db": {Version: "u/1", Hash: "a", Writer: "ops", ChangedAt: noon}}
	state := s.state(t)
	if diff := cmp.Diff(map[string]model.ObservedConfig{"db": {}}, s.secrets.asked); diff != "" {
		t.Errorf("R36 observed Secrets (-want +got):\n%s", diff)
	}
	want := &model.SecretState{Observed: map[string]model.ObservedSecret{"db": {Version: "u/1", Writer: "ops", ChangedAt: noon}}}
	if diff := cmp.Diff(want, state.Secrets); diff != "" {
		t.Errorf("R36 Secrets (-want +got):\n%s", diff)
	}

	s.clock.Step(time.Minute)
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "", errors.New("no right"))
	s.secrets.denied = forbidden
	state = s.state(t)
	if !strings.Contains(state.Secrets.Denied, "kubectl create role") || state.Secrets.Observed != nil || state.Secrets.Unread {
		t.Errorf("R36 without the right to watch: %+v", state.Secrets)
	}
	s.secrets.denied, s.secrets.err = nil, forbidden
	if state = s.state(t); state.Secrets.Denied == "" || !state.Secrets.Unread {
		t.Errorf("R36 without the right to read: %+v", state.Secrets)
	}
	s.secrets.err = errors.New("oops")
	if state = s.state(t); state.Secrets.Denied != "" || !state.Secrets.Unread {
		t.Errorf("R36 after an error: %+v", state.Secrets)
	}

	s.stack.Spec.SecretChanges = v1alpha1.SecretChangesIgnore
	if state = s.state(t); state.Secrets != nil || !s.secrets.forgotten {
		t.Errorf("R36 ignored: %+v, no longer observed: %t", state.Secrets, s.secrets.forgotten)
	}
}
