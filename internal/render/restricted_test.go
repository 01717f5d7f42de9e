// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// unrestricted returns the violations of the "restricted" Pod Security Standard, as far as
// generated fields can affect them. See "Pod Security Standards" on kubernetes.io/docs.
func unrestricted(spec corev1.PodSpec) []string {
	var against []string
	forbid := func(what string, found bool) {
		if found && !slices.Contains(against, what) {
			against = append(against, what)
		}
	}
	pod := ptr.Deref(spec.SecurityContext, corev1.PodSecurityContext{})
	forbid("host namespaces", spec.HostNetwork || spec.HostPID || spec.HostIPC)
	forbid("sysctls", len(pod.Sysctls) > 0)
	forbid("runAsUser 0", pod.RunAsUser != nil && *pod.RunAsUser == 0)
	for _, volume := range spec.Volumes {
		source := volume.VolumeSource
		forbid("volume types", source.ConfigMap == nil && source.CSI == nil && source.DownwardAPI == nil && source.EmptyDir == nil &&
			source.Ephemeral == nil && source.PersistentVolumeClaim == nil && source.Projected == nil && source.Secret == nil)
	}
	for _, container := range slices.Concat(spec.InitContainers, spec.Containers) {
		own := ptr.Deref(container.SecurityContext, corev1.SecurityContext{})
		forbid("privileged", ptr.Deref(own.Privileged, false))
		forbid("host ports", slices.ContainsFunc(container.Ports, func(p corev1.ContainerPort) bool { return p.HostPort != 0 }))
		forbid("proc mount", own.ProcMount != nil && *own.ProcMount != corev1.DefaultProcMount)
		forbid("runAsUser 0", own.RunAsUser != nil && *own.RunAsUser == 0)
		nonRoot := own.RunAsNonRoot
		if nonRoot == nil {
			nonRoot = pod.RunAsNonRoot
		}
		forbid("runAsNonRoot", !ptr.Deref(nonRoot, false))
		seccomp := own.SeccompProfile
		if seccomp == nil {
			seccomp = pod.SeccompProfile
		}
		forbid("seccomp", seccomp == nil || seccomp.Type == corev1.SeccompProfileTypeUnconfined)
		forbid("privilege escalation", ptr.Deref(own.AllowPrivilegeEscalation, true))
		capabilities := ptr.Deref(own.Capabilities, corev1.Capabilities{})
		forbid("capabilities", !slices.Contains(capabilities.Drop, "ALL") ||
			slices.ContainsFunc(capabilities.Add, func(c corev1.Capability) bool { return c != "NET_BIND_SERVICE" }))
	}
	return against
}

// TestRestricted checks that a namespace that enforces the "restricted" standard admits the pods of
// an image that does not run as root, and what it rejects of others.
func TestRestricted(t *testing.T) {
	readOnly := overApp(`"securityContext":{"readOnlyRootFilesystem":true}`)
	root := rich()
	root.Config.User = ""
	named := rich()
	named.Config.User = "app"
	tests := map[string]struct {
		options []Option
		image   model.Image
		want    []string
	}{
		"R22 nothing but the image":           {[]Option{Bare()}, rich(), nil},
		"R22 every field":                     {[]Option{full}, rich(), nil},
		"R22 another program":                 {[]Option{Bare(), runsCommand}, rich(), nil},
		"R22 its volumes in a read-only root": {[]Option{Bare(), readOnly}, rich(), nil},
		"R22 a capability that is allowed":    {[]Option{Bare(), inContainer(`{"capabilities":{"add":["NET_BIND_SERVICE"]}}`)}, rich(), nil},
		"R22 a user that the spec says as well": {
			[]Option{Bare(), inContainer(`{"runAsUser":2000,"runAsNonRoot":true,"capabilities":{"drop":["ALL"]}}`)}, root, nil,
		},
		"R22 an image that runs as root":    {[]Option{Bare()}, root, []string{"runAsNonRoot", "capabilities"}},
		"R22 an image whose user is a name": {[]Option{Bare()}, named, []string{"runAsNonRoot", "capabilities"}},
		"R22 the spec says root": {
			[]Option{Bare(), inContainer(`{"runAsUser":0}`)}, rich(), []string{"runAsUser 0", "runAsNonRoot", "capabilities"},
		},
		"R22 the spec adds another capability": {
			[]Option{Bare(), inContainer(`{"capabilities":{"add":["SYS_TIME"]}}`)}, rich(), []string{"capabilities"},
		},
		"R23 an image that is not known": {
			[]Option{Bare()}, model.Image{Unresolved: &model.Unresolved{}}, []string{"runAsNonRoot", "capabilities"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			stack := Stack("shop", append(test.options, Component("worker", 1, nil, "work"))...)
			got := unrestricted(mainFrom(t, stack, test.image).Template.Spec)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
			if worker := unrestricted(from(t, stack, rich()).Components[1].Template.Spec); worker != nil {
				t.Errorf("violation by the worker of a rootless image: %s", worker)
			}
		})
	}
}
