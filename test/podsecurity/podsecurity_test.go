// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package podsecurity_test checks rendered pods against the Pod Security Standards,
// with the code of the API server itself.
package podsecurity_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/render"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// The checks of the level restricted that a container of an image that may run as root violates (R22).
var unknownUser = []string{"unrestricted capabilities", "runAsNonRoot != true"}

// against returns the pod's violations of the level, in the words of the API server.
func against(t *testing.T, level api.Level, template corev1.PodTemplateSpec) []string {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, result := range evaluator.EvaluatePod(api.LevelVersion{Level: level, Version: api.LatestVersion()},
		&template.ObjectMeta, &template.Spec) {
		if !result.Allowed {
			reasons = append(reasons, result.ForbiddenReason)
		}
	}
	return reasons
}

// image returns an image with that USER, ports and volumes.
func image(user string) model.Image {
	config := dockerspec.DockerOCIImageConfig{ImageConfig: ocispec.ImageConfig{
		User: user, ExposedPorts: map[string]struct{}{"80/tcp": {}}, Volumes: map[string]struct{}{"/data": {}},
	}}
	return model.Image{
		Digest: "sha256:7d0e5d3a1c1b7d5d1c5b1a3e9f3f0a6a4a0c7f7e2b2d9e0b8a6c4d2e0f1a3b5c", Config: &config,
		Platforms: []model.Platform{{OS: "linux", Architecture: "amd64"}},
	}
}

// rendered returns the components of the stack if all its images resolve to this one.
func rendered(stack *v1alpha1.AppStack, image model.Image) ([]model.Component, error) {
	in := render.Input{Stack: stack, Defaults: render.StandardDefaults()}
	content, err := render.Content(in)
	if err != nil {
		return nil, err
	}
	in.Images = map[model.ImageRequest]model.Image{}
	for _, request := range render.Requests(stack.Spec, content) {
		in.Images[request] = image
	}
	content, err = render.Content(in)
	return content.Components, err
}

// TestGoldens checks the golden files of package render against the level restricted.
func TestGoldens(t *testing.T) {
	tests := map[string]map[string][]string{
		"smallest.yaml": {"shop": unknownUser},
		"worker.yaml":   {"shop": unknownUser},
		"full.yaml":     {"shop": unknownUser, "shop-worker": unknownUser},
		// its podTemplate adds a sidecar, which is not hardened
		"image.yaml": {
			"shop":        append([]string{"allowPrivilegeEscalation != false"}, unknownUser...),
			"shop-worker": nil,
		},
	}
	folder := filepath.Join("..", "..", "internal", "render", "testdata")
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(file.Name(), func(t *testing.T) {
			got := map[string][]string{}
			for _, deployment := range deployments(t, filepath.Join(folder, file.Name())) {
				got[deployment.Name] = against(t, api.LevelRestricted, deployment.Spec.Template)
				if baseline := against(t, api.LevelBaseline, deployment.Spec.Template); baseline != nil {
					t.Errorf("%s violates the level baseline: %q", deployment.Name, baseline)
				}
			}
			if diff := cmp.Diff(tests[file.Name()], got); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

func deployments(t *testing.T, path string) (all []appsv1.Deployment) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(raw), 4096)
	for {
		var deployment appsv1.Deployment
		if err := decoder.Decode(&deployment); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if deployment.Kind == "Deployment" || len(deployment.Spec.Template.Spec.Containers) > 0 {
			all = append(all, deployment)
		}
	}
}

// TestUsers checks the remaining violations by the USER of the image (R22).
func TestUsers(t *testing.T) {
	says := func(fields string) []Option {
		return []Option{PodTemplate(`{"spec":{"containers":[{"name":"app","securityContext":` + fields + `}]}}`)}
	}
	tests := map[string]struct {
		image   model.Image
		options []Option
		want    []string
	}{
		"R22 a number":                     {image("1000"), nil, nil},
		"R22 a number, and a group":        {image("1000:1000"), nil, nil},
		"R22 root, by default":             {image(""), nil, unknownUser},
		"R22 root, by number":              {image("0"), nil, unknownUser},
		"R22 root, by name":                {image("root"), nil, unknownUser},
		"R22 a name":                       {image("app"), nil, unknownUser},
		"R23 a registry that is down":      {model.Image{Unresolved: &model.Unresolved{Reason: "x"}}, nil, unknownUser},
		"R22 a number; the spec says root": {image("1000"), says(`{"runAsUser":0}`), append(unknownUser, "runAsUser=0")},
		"R22 a number; the spec wants a capability": {
			image("1000"), says(`{"capabilities":{"add":["SYS_TIME"]}}`), []string{"unrestricted capabilities"},
		},
		"R22 a number; the spec makes it privileged": {
			image("1000"), says(`{"privileged":true,"allowPrivilegeEscalation":true}`),
			[]string{"privileged", "allowPrivilegeEscalation != false"},
		},
		"R22 root; the spec sets another": {
			image(""), says(`{"runAsUser":2000,"runAsNonRoot":true,"capabilities":{"drop":["ALL"]}}`), nil,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			components, err := rendered(Stack("shop", test.options...), test.image)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, against(t, api.LevelRestricted, components[0].Template)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}
