// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/render"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// checking describes how a component's readiness is determined.
type checking struct {
	Probe *corev1.Probe
	// MinReady is the component's minReadySeconds.
	MinReady int32
	Value    string
}

// TestReadinessOfTheImage checks how readiness is determined for an image with port 80 and a health
// check.
func TestReadinessOfTheImage(t *testing.T) {
	checked := func(test ...string) model.Image {
		return image(func(config *dockerspec.DockerOCIImageConfig) {
			config.ExposedPorts = set("80/tcp")
			config.Healthcheck = &dockerspec.HealthcheckConfig{Test: test, Timeout: 3 * time.Second, Retries: 2}
		})
	}
	curl := checked("CMD-SHELL", "curl -f localhost")
	exec := func(period int32, command ...string) *corev1.Probe {
		return &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: command}},
			PeriodSeconds: period, TimeoutSeconds: 3, FailureThreshold: 2,
		}
	}
	tcp := func(port string) *corev1.Probe {
		return &corev1.Probe{
			ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromString(port)}}, PeriodSeconds: 5,
		}
	}
	get := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/up", Port: intstr.FromInt32(81)}}}
	none := func(s *v1alpha1.AppStack) { s.Spec.Ports = []v1alpha1.Port{} }
	const fromImage = "Image: exec /bin/sh -c curl -f localhost"
	tests := map[string]struct {
		options []Option
		image   model.Image
		want    checking
	}{
		"R22 from image": {nil, curl, checking{exec(5, "/bin/sh", "-c", "curl -f localhost"), 0, fromImage}},
		"R22 from image, without a shell": {
			nil, checked("CMD", "check", "$(HOME)"), checking{exec(5, "check", "$$(HOME)"), 0, "Image: exec check $$(HOME)"},
		},
		"R22 from spec": {
			[]Option{func(s *v1alpha1.AppStack) { s.Spec.ReadinessProbe = get }}, curl, checking{get, 0, "Spec: HTTP GET /up on port 81"},
		},
		"R22 from podTemplate": {
			[]Option{overApp(`"readinessProbe":{"httpGet":{"path":"/up","port":81}}`)}, curl, checking{get, 0, "Spec: HTTP GET /up on port 81"},
		},
		"R22 null in podTemplate": {[]Option{overApp(`"readinessProbe":null`)}, curl, checking{nil, 10, ""}},
		"R22 from image, period from podTemplate": {
			[]Option{overApp(`"readinessProbe":{"periodSeconds":1}`)}, curl, checking{exec(1, "/bin/sh", "-c", "curl -f localhost"), 0, fromImage},
		},
		"R22 from image, spec has ports": {
			[]Option{Ports(81)}, curl, checking{exec(5, "/bin/sh", "-c", "curl -f localhost"), 0, fromImage},
		},
		"R22 from image, spec has no ports": {
			[]Option{none}, curl, checking{exec(5, "/bin/sh", "-c", "curl -f localhost"), 0, fromImage},
		},
		"R22 unused for another command":        {[]Option{runsCommand}, curl, checking{nil, 10, ""}},
		"R22 unused with other args":            {[]Option{runsArgs}, curl, checking{nil, 10, ""}},
		"R22 unused with a podTemplate command": {[]Option{overApp(`"command":["work"]`)}, curl, checking{nil, 10, ""}},
		"R24 another program's port": {
			[]Option{runsCommand, Ports(81)}, curl, checking{tcp("port-81"), 0, "Default: TCP on port port-81"},
		},
		"R22 switched off in the image":  {nil, checked("NONE"), checking{tcp("http"), 0, "Default: TCP on port http"}},
		"R22 image with inherited check": {nil, checked(), checking{tcp("http"), 0, "Default: TCP on port http"}},
		"R22 unknown kind of check, shown in the value": {
			nil, checked("HTTP", "/"), checking{tcp("http"), 0, "Default: TCP on port http (the image's HEALTHCHECK is of the kind " +
				`"HTTP", which neither Docker nor the operator knows: set readinessProbe)`},
		},
		"R22 unknown kind of check, and a spec probe": {
			[]Option{func(s *v1alpha1.AppStack) { s.Spec.ReadinessProbe = get }}, checked("HTTP", "/"),
			checking{get, 0, "Spec: HTTP GET /up on port 81"},
		},
		"R23 no image": {
			nil, model.Image{Unresolved: &model.Unresolved{Reason: v1alpha1.ReasonImageNotFound}}, checking{nil, 10, ""},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			stack := Stack("shop", append([]Option{Bare()}, test.options...)...)
			component := mainFrom(t, stack, test.image)
			got := checking{
				component.App().ReadinessProbe,
				render.Deployment(stack, model.Desired{Component: component}).Spec.MinReadySeconds,
				valueOf(component, "readinessProbe"),
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("readiness (-want +got):\n%s", diff)
			}
			if app := component.App(); app.LivenessProbe != nil || app.StartupProbe != nil {
				t.Errorf("liveness %+v, startup %+v: Docker does not kill unhealthy containers", app.LivenessProbe, app.StartupProbe)
			}
		})
	}
}
