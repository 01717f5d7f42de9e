// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/internal/model"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// on returns an image for these platforms, each an OS and an architecture.
func on(platforms ...string) model.Image {
	made := model.Image{Digest: digest}
	for i := 0; i < len(platforms); i += 2 {
		made.Platforms = append(made.Platforms, model.Platform{OS: platforms[i], Architecture: platforms[i+1]})
	}
	return made
}

// in is a node selector requirement on a label.
func in(key string, values ...string) corev1.NodeSelectorRequirement {
	return corev1.NodeSelectorRequirement{Key: key, Operator: corev1.NodeSelectorOpIn, Values: values}
}

// term matches nodes that meet all of these requirements.
func term(requirements ...corev1.NodeSelectorRequirement) corev1.NodeSelectorTerm {
	return corev1.NodeSelectorTerm{MatchExpressions: requirements}
}

// TestPlatformsOfTheImage checks that a pod may run on the nodes that both the image's platforms
// and the user's affinity allow.
func TestPlatformsOfTheImage(t *testing.T) {
	const (
		disk = `{"key":"disk","operator":"In","values":["ssd"]}`
		zone = `{"key":"zone","operator":"In","values":["a","b"]}`
	)
	required := func(terms string) Option {
		return overPod(`"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[` + terms + `]}}}`)
	}
	amd64, linux := in(corev1.LabelArchStable, "amd64"), in(corev1.LabelOSStable, "linux")
	both, windows := in(corev1.LabelArchStable, "amd64", "arm64"), in(corev1.LabelOSStable, "windows")
	ssd, ab := in("disk", "ssd"), in("zone", "a", "b")
	node := in("metadata.name", "node-1")
	type placing struct {
		Terms []corev1.NodeSelectorTerm
		Value string
	}
	tests := map[string]struct {
		options []Option
		image   model.Image
		want    placing
	}{
		"R22 one": {nil, on("linux", "amd64"), placing{[]corev1.NodeSelectorTerm{term(linux, amd64)}, "Image: linux/amd64"}},
		"R22 several": {
			nil, on("linux", "amd64", "linux", "arm64"), placing{[]corev1.NodeSelectorTerm{term(linux, both)}, "Image: linux/amd64, linux/arm64"},
		},
		"R22 none is known": {nil, on(), placing{}},
		"R23 nothing is":    {nil, model.Image{Unresolved: &model.Unresolved{}}, placing{}},
		"R22 of whatever program": {
			[]Option{runsCommand}, on("linux", "amd64"), placing{[]corev1.NodeSelectorTerm{term(linux, amd64)}, "Image: linux/amd64"},
		},
		"R22 of several systems": {
			nil, on("linux", "amd64", "windows", "amd64"),
			placing{[]corev1.NodeSelectorTerm{term(linux, amd64), term(windows, amd64)}, "Image: linux/amd64, windows/amd64"},
		},
		"R22 besides the user's term": {
			[]Option{required(`{"matchExpressions":[` + disk + `]}`)}, on("linux", "amd64"),
			placing{[]corev1.NodeSelectorTerm{term(ssd, linux, amd64)}, "Image: linux/amd64"},
		},
		"R22 besides each of the user's terms": {
			[]Option{required(`{"matchExpressions":[` + disk + `,` + zone + `]},{"matchExpressions":[` + zone + `]}`)}, on("linux", "amd64"),
			placing{[]corev1.NodeSelectorTerm{term(ssd, ab, linux, amd64), term(ab, linux, amd64)}, "Image: linux/amd64"},
		},
		"R22 besides each of the user's terms, for each system": {
			[]Option{required(`{"matchExpressions":[` + disk + `]},{"matchExpressions":[` + zone + `]}`)},
			on("linux", "amd64", "windows", "amd64"),
			placing{
				[]corev1.NodeSelectorTerm{
					term(ssd, linux, amd64), term(ssd, windows, amd64), term(ab, linux, amd64), term(ab, windows, amd64),
				},
				"Image: linux/amd64, windows/amd64",
			},
		},
		"R22 besides a field that the user asks for": {
			[]Option{required(`{"matchFields":[{"key":"metadata.name","operator":"In","values":["node-1"]}]}`)}, on("linux", "amd64"),
			placing{[]corev1.NodeSelectorTerm{{
				MatchFields: []corev1.NodeSelectorRequirement{node}, MatchExpressions: []corev1.NodeSelectorRequirement{linux, amd64},
			}}, "Image: linux/amd64"},
		},
		"R22 the user's term, where no platform is known": {
			[]Option{required(`{"matchExpressions":[` + disk + `]}`)}, on(), placing{[]corev1.NodeSelectorTerm{term(ssd)}, ""},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			component := mainFrom(t, Stack("shop", test.options...), test.image)
			got := placing{Value: valueOf(component, "platforms")}
			if affinity := component.Template.Spec.Affinity; affinity != nil {
				got.Terms = affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("nodes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOtherWishesStay checks that other parts of the user's affinity stay unchanged.
func TestOtherWishesStay(t *testing.T) {
	wishes := overPod(`"nodeSelector":{"kubernetes.io/arch":"arm64"},"tolerations":[{"key":"a","operator":"Exists"}],"affinity":{
		"nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[
			{"weight":1,"preference":{"matchExpressions":[{"key":"disk","operator":"In","values":["ssd"]}]}}]},
		"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"zone"}]}}`)
	before := content(t, Stack("shop", wishes)).Components[0].Template.Spec
	after := mainFrom(t, Stack("shop", wishes), on("linux", "amd64")).Template.Spec
	required := &after.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	want := &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{
		term(in(corev1.LabelOSStable, "linux"), in(corev1.LabelArchStable, "amd64")),
	}}
	if diff := cmp.Diff(want, *required); diff != "" {
		t.Errorf("R22 required (-want +got):\n%s", diff)
	}
	*required = nil
	after.Containers[0].Image, after.Containers[0].ImagePullPolicy = before.Containers[0].Image, ""
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("R22 the rest (-without the image +with it):\n%s", diff)
	}
}

// TestWindows checks that a Windows-only pod has no Linux-only fields: the API server would reject
// it.
func TestWindows(t *testing.T) {
	windows := rich()
	windows.Platforms = []model.Platform{{OS: "windows", Architecture: "amd64"}}
	windows.Config.User = "ContainerUser"
	windows.Config.Volumes = set(`C:\data`)
	component := mainFrom(t, Stack("shop", Bare()), windows)
	pod, app := component.Template.Spec, component.App()
	if pod.OS == nil || pod.OS.Name != corev1.Windows {
		t.Errorf("R22 the pod's OS is %v, want windows", pod.OS)
	}
	if pod.SecurityContext != nil || app.SecurityContext != nil {
		t.Errorf("R22 Linux-only security contexts: %+v and %+v", pod.SecurityContext, app.SecurityContext)
	}
	want := []corev1.NodeSelectorTerm{term(in(corev1.LabelOSStable, "windows"), in(corev1.LabelArchStable, "amd64"))}
	if diff := cmp.Diff(want, pod.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms); diff != "" {
		t.Errorf("R22 nodes (-want +got):\n%s", diff)
	}
	command := []string{"cmd", "/S", "/C", "curl -f http://localhost/ || exit 1"}
	if diff := cmp.Diff(command, app.ReadinessProbe.Exec.Command); diff != "" {
		t.Errorf("R22 probe (-want +got):\n%s", diff)
	}
	if len(app.Ports) != 3 || component.Service == nil {
		t.Errorf("R22 its ports are %+v, want the image's three", app.Ports)
	}
	if user := valueOf(component, "user"); user != "" {
		t.Errorf("R22 the user is reported as %q", user)
	}

	given := mainFrom(t, Stack("shop", PodTemplate(`{"spec":{"securityContext":{"windowsOptions":{"runAsUserName":"me"}}}}`)), windows)
	if context := given.Template.Spec.SecurityContext; context == nil || context.WindowsOptions == nil || context.SeccompProfile != nil {
		t.Errorf("R22 the user's security context is %+v", context)
	}
	unreadable := mainFrom(t, Stack("shop"), on("windows", "amd64"))
	if unreadable.Template.Spec.OS == nil || unreadable.App().SecurityContext != nil {
		t.Error("R22 without a config it is treated as a Linux pod")
	}
	mixed := mainFrom(t, Stack("shop"), on("linux", "amd64", "windows", "amd64"))
	if mixed.Template.Spec.OS != nil || mixed.App().SecurityContext == nil {
		t.Error("R22 an image that also supports Linux is treated as Windows-only")
	}
}
