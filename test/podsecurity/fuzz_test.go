// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package podsecurity_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/pod-security-admission/api"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// harmless lists podTemplates that violate nothing in the level restricted.
var harmless = []string{
	`{"metadata":{"annotations":{"a":"b"}}}`,
	`{"spec":{"tolerations":[{"operator":"Exists"}],"priorityClassName":"high"}}`,
	`{"spec":{"containers":[{"name":"app","securityContext":{"readOnlyRootFilesystem":true}}]}}`,
	`{"spec":{"securityContext":{"fsGroup":2000}}}`,
	`{"spec":{"topologySpreadConstraints":null,"terminationGracePeriodSeconds":5}}`,
	`{"spec":{"volumes":[{"name":"extra","emptyDir":{}}],"containers":[{"name":"app","volumeMounts":[{"name":"extra","mountPath":"/x"}]}]}}`,
	`{"spec":{"containers":[{"name":"app","securityContext":{"capabilities":{"add":["NET_BIND_SERVICE"]}}}]}}`,
	`{"spec":{"containers":[{"name":"app","lifecycle":{"preStop":{"exec":{"command":["x"]}}}}]}}`,
}

// FuzzRestricted renders random specs that request no privilege. Pods of an image
// that does not run as root fit the level restricted. Those of any other image
// violate two of its checks, and fit the level baseline.
func FuzzRestricted(f *testing.F) {
	f.Add("", []byte{})
	f.Add("1000", []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	f.Add("app:staff", []byte{200, 100, 50, 25, 12, 6, 3})
	f.Add("4294967296", []byte{8, 8, 8, 8})
	f.Add("-1", []byte{0, 5, 9})
	f.Fuzz(func(t *testing.T, user string, bytes []byte) {
		stack := Stack("shop", Bare(), Component("worker", 1, nil, "work"))
		vary(&stack.Spec.ComponentSpec, bytes)
		if len(bytes) > 1 {
			vary(&stack.Spec.Components[0].ComponentSpec, bytes[1:])
		}
		components, err := rendered(stack, image(user))
		if err != nil {
			t.Fatalf("rendering: %v", err)
		}
		for _, component := range components {
			if baseline := against(t, api.LevelBaseline, component.Template); baseline != nil {
				t.Errorf("component %s violates the level baseline: %q", component.Name, baseline)
			}
			want := unknownUser
			if security := component.App().SecurityContext; security != nil && security.RunAsNonRoot != nil && *security.RunAsNonRoot {
				want = nil
			}
			if diff := cmp.Diff(want, against(t, api.LevelRestricted, component.Template)); diff != "" {
				t.Errorf("component %s of an image with USER %q (-want +got):\n%s", component.Name, user, diff)
			}
			if numeric(user) != (want == nil) {
				t.Errorf("component %s of an image with USER %q: runAsNonRoot is %t", component.Name, user, want == nil)
			}
		}
	})
}

// numeric reports whether the USER of an image is a number other than root's.
func numeric(user string) bool {
	id := uint64(0)
	digits := 0
	for _, r := range user {
		if r == ':' {
			break
		}
		if r < '0' || r > '9' || id > 1<<32 {
			return false
		}
		id, digits = id*10+uint64(r-'0'), digits+1
	}
	return digits > 0 && id > 0 && id < 1<<31
}

// vary sets a field for each byte.
func vary(spec *v1alpha1.ComponentSpec, bytes []byte) {
	for i, b := range bytes {
		switch b % 12 {
		case 0:
			spec.Ports = []v1alpha1.Port{{ContainerPort: int32(b) + 1}}
		case 1:
			spec.Command = []string{"run"}
		case 2:
			spec.Args = []string{"now"}
		case 3:
			spec.Env = []corev1.EnvVar{{Name: "A", Value: "b"}}
		case 4:
			spec.Volumes = []v1alpha1.Volume{{Name: "v", MountPath: "/v", EmptyDir: &corev1.EmptyDirVolumeSource{}}}
		case 5:
			spec.Volumes = []v1alpha1.Volume{{Name: "s", MountPath: "/data", Secret: &corev1.SecretVolumeSource{SecretName: "s"}}}
		case 6:
			spec.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(80)}}}
		case 7:
			spec.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"x"}}}}
		case 8, 9:
			index := int(b)/12 + i
			spec.PodTemplate = Stack("x", PodTemplate(harmless[index%len(harmless)])).Spec.PodTemplate
		case 10:
			spec.Ports = []v1alpha1.Port{}
		case 11:
			spec.ImagePullPolicy = corev1.PullAlways
		}
	}
}
