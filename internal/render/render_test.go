// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/golden"
)

func content(t *testing.T, stack *v1alpha1.AppStack) model.Content {
	t.Helper()
	rendered, err := render.Content(render.Input{Stack: stack, Defaults: render.StandardDefaults()})
	if err != nil {
		t.Fatal(err)
	}
	return rendered
}

// TestGolden renders whole stacks into reviewable files: pods and Services.
func TestGolden(t *testing.T) {
	tests := map[string]*v1alpha1.AppStack{
		"smallest": Stack("shop"),
		"worker":   Stack("shop", Ports()),
		"full":     Stack("shop", full, Component("worker", 2, nil, "work")),
	}
	for name, stack := range tests {
		t.Run(name, func(t *testing.T) {
			stack.UID = "uid-of-shop"
			compareGolden(t, name, objects(stack, content(t, stack)))
		})
	}
}

// TestGoldenOfAnImage renders a minimal spec with a rich image config.
func TestGoldenOfAnImage(t *testing.T) {
	stack := Stack("shop", Bare(), Component("worker", 2, nil, "work"), PodTemplate(`{"spec":{"containers":[
		{"name":"app","securityContext":{"readOnlyRootFilesystem":true}},
		{"name":"proxy","image":"registry.example.com:5000/proxy"}]}}`))
	stack.UID = "uid-of-shop"
	rendered := from(t, stack, rich())
	all := objects(stack, rendered)
	for _, component := range rendered.Components {
		all = append(all, map[string]any{"provenance of " + component.Name: component.Provenance})
	}
	compareGolden(t, "image", all)
}

// objects returns the objects of the stack's first revision.
func objects(stack *v1alpha1.AppStack, rendered model.Content) []any {
	var all []any
	for _, component := range rendered.Components {
		desired := model.Desired{
			Component: component, Revision: 1,
			Operation: render.Operations(stack.Spec)[component.Name],
		}
		all = append(all, render.Deployment(stack, desired))
		if service := render.Service(stack, component); service != nil {
			all = append(all, service)
		}
		if autoscaler := render.Autoscaler(stack, desired); autoscaler != nil {
			all = append(all, autoscaler)
		}
		if budget := render.Budget(stack, desired); budget != nil {
			all = append(all, budget)
		}
	}
	return all
}

func compareGolden(t *testing.T, name string, objects []any) {
	t.Helper()
	var got []byte
	for _, object := range objects {
		document, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		got = append(append(got, "---\n"...), document...)
	}
	golden.Compare(t, filepath.Join("testdata", name+".yaml"), string(got))
}

// full sets every API field that is part of the content.
func full(s *v1alpha1.AppStack) {
	probe := func(path string) *corev1.Probe {
		return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
			HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("http")},
		}}
	}
	s.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "registry"}}
	s.Spec.ServiceAccountName = "shop"
	s.Spec.Rollout = &v1alpha1.RolloutPolicy{
		MaxSurge: ptr.To(intstr.FromInt32(1)), MinReadySeconds: ptr.To[int32](3), ProgressDeadlineSeconds: ptr.To[int32](60),
	}
	s.Spec.ComponentSpec = v1alpha1.ComponentSpec{
		ImagePullPolicy: corev1.PullAlways,
		Command:         []string{"serve"},
		Args:            []string{"--port=8080"},
		WorkingDir:      "/srv",
		Env:             []corev1.EnvVar{{Name: "MODE", Value: "fast"}},
		EnvFrom: []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "settings"},
		}}},
		Ports: []v1alpha1.Port{
			{ContainerPort: 53, Protocol: corev1.ProtocolUDP},
			{Name: "http", ContainerPort: 8080, ServicePort: ptr.To[int32](80), AppProtocol: "http"},
		},
		Service: &v1alpha1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, LoadBalancerClass: "example.com/lb", Annotations: map[string]string{"a": "b"},
		},
		Autoscaling: &v1alpha1.Autoscaling{
			MinReplicas: ptr.To[int32](2), MaxReplicas: 6, TargetMemoryUtilization: ptr.To[int32](70),
		},
		Resources: &corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")},
		},
		ReadinessProbe: probe("/ready"),
		LivenessProbe:  probe("/live"),
		StartupProbe:   probe("/started"),
		Volumes: []v1alpha1.Volume{
			{Name: "config", MountPath: "/etc/shop", ReadOnly: true, ConfigMap: &corev1.ConfigMapVolumeSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: "shop"},
			}},
			{Name: "data", MountPath: "/data", SubPath: "shop", PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "shop"}},
			{Name: "key", MountPath: "/key", Secret: &corev1.SecretVolumeSource{SecretName: "shop"}},
			{Name: "tmp", MountPath: "/tmp", EmptyDir: &corev1.EmptyDirVolumeSource{}},
		},
		DisruptionBudget: &v1alpha1.DisruptionBudget{MinAvailable: ptr.To(intstr.FromString("50%"))},
	}
}

func TestPodTemplateOverlay(t *testing.T) {
	stack := Stack("shop", PodTemplate(`{
		"metadata": {"annotations": {"scrape": "true"}, "labels": {"apps.appstack.dev/stack": "stolen", "team": "blue"}},
		"spec": {
			"nodeSelector": {"disk": "ssd"},
			"initContainers": [{"name": "migrate", "image": "my-app:1"}],
			"containers": [{"name": "app", "tty": true}, {"name": "sidecar", "image": "proxy:1"}],
			"topologySpreadConstraints": [{"$patch": "replace"}]
		}}`))
	template := content(t, stack).Components[0].Template
	app := model.Component{Template: template}.App()
	if app.Image != "my-app:1" || !app.TTY || len(app.Ports) != 1 {
		t.Errorf("the app container is %+v, want the generated one with tty", app)
	}
	if len(template.Spec.Containers) != 2 || len(template.Spec.InitContainers) != 1 || template.Spec.NodeSelector["disk"] != "ssd" {
		t.Errorf("the overlay is not merged: %+v", template.Spec)
	}
	if len(template.Spec.TopologySpreadConstraints) != 0 {
		t.Errorf("the directive is not applied: %+v", template.Spec.TopologySpreadConstraints)
	}
	want := naming.Labels("shop", naming.Main)
	want["team"] = "blue"
	if diff := cmp.Diff(want, template.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

// TestPodTemplateReplacesGeneratedHandlers checks that a user's handler replaces the generated one.
// The API server would reject both together.
func TestPodTemplateReplacesGeneratedHandlers(t *testing.T) {
	stack := Stack("shop", PodTemplate(`{"spec":{"containers":[{"name":"app",
		"lifecycle":{"preStop":{"exec":{"command":["drain"]}}},
		"readinessProbe":{"httpGet":{"path":"/","port":80}}}]}}`))
	app := content(t, stack).Components[0].App()
	if stop := app.Lifecycle.PreStop; stop.Exec == nil || stop.Sleep != nil {
		t.Errorf("preStop is %+v, want the user's exec alone", stop)
	}
	if probe := app.ReadinessProbe; probe.HTTPGet == nil || probe.TCPSocket != nil {
		t.Errorf("readinessProbe is %+v, want the user's httpGet alone", probe)
	}
	tuned := content(t, Stack("shop", PodTemplate(`{"spec":{"containers":[{"name":"app","readinessProbe":{"periodSeconds":1}}]}}`)))
	if probe := tuned.Components[0].App().ReadinessProbe; probe.TCPSocket == nil || probe.PeriodSeconds != 1 {
		t.Errorf("readinessProbe is %+v, want the generated one with the user's period", probe)
	}
}

// TestShortGracePeriods checks that the generated preStop pause is never longer than the user's
// grace period. The API server would reject it.
func TestShortGracePeriods(t *testing.T) {
	for grace, want := range map[int64]int64{0: 0, 1: 0, 4: 2, 5: 5, 60: 5} {
		stack := Stack("shop", PodTemplate(fmt.Sprintf(`{"spec":{"terminationGracePeriodSeconds":%d}}`, grace)))
		app := content(t, stack).Components[0].App()
		var got int64
		if app.Lifecycle != nil {
			got = app.Lifecycle.PreStop.Sleep.Seconds
		}
		if got != want {
			t.Errorf("a grace period of %d s has a pause of %d s, want %d s", grace, got, want)
		}
	}
}

func TestInvalidPodTemplates(t *testing.T) {
	tests := map[string]struct{ overlay, want string }{
		"an unknown field": {
			`{"spec":{"containers":[{"name":"app","imag":"x"}]}}`,
			`component main: podTemplate: unknown field "spec.containers[0].imag": use the fields of a core/v1 PodTemplateSpec`,
		},
		"a value of another type": {
			`{"spec":{"hostNetwork":"yes"}}`,
			`component main: podTemplate: json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool: ` +
				`use the fields of a core/v1 PodTemplateSpec`,
		},
		"a list without its key": {
			`{"spec":{"containers":[{"image":"x"}]}}`,
			`component main: podTemplate: merging it: map: map[image:x] does not contain declared merge key: name`,
		},
		"the app container deleted": {
			`{"spec":{"containers":[{"name":"app","$patch":"delete"}]}}`,
			`component main: podTemplate: it deletes the container "app", which runs the image: keep it`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := render.Content(render.Input{Stack: Stack("shop", PodTemplate(test.overlay))})
			if _, ok := errors.AsType[*render.InvalidPodTemplateError](err); !ok || err.Error() != test.want {
				t.Errorf("error is\n%v, want\n%s", err, test.want)
			}
		})
	}
}

func TestAdoptedLabels(t *testing.T) {
	rendered, err := render.Content(render.Input{
		Stack: Stack("shop"),
		Adopted: map[string]render.Adoption{naming.Main: {
			Selector: map[string]string{"app": "shop"}, Labels: map[string]string{"tier": "web"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	component := rendered.Components[0]
	if diff := cmp.Diff(map[string]string{"app": "shop"}, component.Selector); diff != "" {
		t.Errorf("R26 selector (-want +got):\n%s", diff)
	}
	for key, value := range map[string]string{"app": "shop", "tier": "web", naming.LabelStack: "shop"} {
		if component.Template.Labels[key] != value {
			t.Errorf("R26 label %s is %q, want %q", key, component.Template.Labels[key], value)
		}
	}
}

func TestRestartStamp(t *testing.T) {
	at := time.Date(2026, 1, 1, 13, 0, 0, 0, time.FixedZone("", 3600))
	rendered, err := render.Content(render.Input{Stack: Stack("shop"), Restart: &at})
	if err != nil {
		t.Fatal(err)
	}
	if got := rendered.Components[0].Template.Annotations[naming.AnnotationRestartedAt]; got != "2026-01-01T12:00:00Z" {
		t.Errorf("R16a the restart annotation is %q", got)
	}
}

func TestMinReadySeconds(t *testing.T) {
	policy := func(minReady, deadline int32) Option {
		return func(s *v1alpha1.AppStack) {
			s.Spec.Rollout = &v1alpha1.RolloutPolicy{ProgressDeadlineSeconds: &deadline}
			if minReady >= 0 {
				s.Spec.Rollout.MinReadySeconds = &minReady
			}
		}
	}
	tests := map[string]struct {
		options []Option
		want    int32
	}{
		"R24 with a probe":                      {nil, 0},
		"R24 without one":                       {[]Option{Ports()}, 10},
		"R24 without one, and a short deadline": {[]Option{Ports(), policy(-1, 5)}, 4},
		"R24 as the user says":                  {[]Option{Ports(), policy(0, 600)}, 0},
		"R24 UDP only has no probe":             {[]Option{func(s *v1alpha1.AppStack) { s.Spec.Ports[0].Protocol = corev1.ProtocolUDP }}, 10},
		"R24 with a probe from the user's template": {
			[]Option{Ports(), PodTemplate(
				`{"spec":{"containers":[{"name":"app","readinessProbe":{"exec":{"command":["true"]}}}]}}`)},
			0,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			stack := Stack("shop", test.options...)
			deployment := render.Deployment(stack, model.Desired{Component: content(t, stack).Components[0]})
			if got := deployment.Spec.MinReadySeconds; got != test.want {
				t.Errorf("minReadySeconds is %d, want %d", got, test.want)
			}
		})
	}
}

func TestBudget(t *testing.T) {
	two := intstr.FromInt32(2)
	tests := map[string]struct {
		operation model.Operation
		want      string
	}{
		"two replicas":           {model.Operation{Replicas: ptr.To[int32](2)}, "maxUnavailable 1"},
		"a number left to other": {model.Operation{}, "maxUnavailable 1"},
		"an autoscaler":          {model.Operation{Autoscaling: &v1alpha1.Autoscaling{MaxReplicas: 3}}, "maxUnavailable 1"},
		"one replica":            {model.Operation{Replicas: ptr.To[int32](1)}, "none"},
		"one replica, and asked for": {
			model.Operation{Replicas: ptr.To[int32](1), DisruptionBudget: &v1alpha1.DisruptionBudget{MaxUnavailable: &two}},
			"maxUnavailable 2",
		},
		"at least so many": {
			model.Operation{Replicas: ptr.To[int32](3), DisruptionBudget: &v1alpha1.DisruptionBudget{MinAvailable: &two}},
			"minAvailable 2",
		},
		"disabled": {
			model.Operation{Replicas: ptr.To[int32](3), DisruptionBudget: &v1alpha1.DisruptionBudget{Disabled: true}}, "none",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := "none"
			budget := render.Budget(Stack("shop"), model.Desired{Operation: test.operation})
			if budget != nil && budget.Spec.MaxUnavailable != nil {
				got = "maxUnavailable " + budget.Spec.MaxUnavailable.String()
			} else if budget != nil {
				got = "minAvailable " + budget.Spec.MinAvailable.String()
			}
			if got != test.want {
				t.Errorf("the budget is %s, want %s", got, test.want)
			}
		})
	}
}
