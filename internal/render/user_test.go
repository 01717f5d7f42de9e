// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/model"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// identity is the user and the rights of the app.
type identity struct {
	// NonRoot and User are of the container, or of the pod if the container has none.
	NonRoot *bool
	User    *int64
	Drop    []corev1.Capability
	Add     []corev1.Capability
	// Value is the reported user, with its source.
	Value string
}

func identityOf(component model.Component) identity {
	got := identity{Value: sourceOf(component, "user")}
	if pod := component.Template.Spec.SecurityContext; pod != nil {
		got.NonRoot, got.User = pod.RunAsNonRoot, pod.RunAsUser
	}
	context := ptr.Deref(component.App().SecurityContext, corev1.SecurityContext{})
	if context.RunAsNonRoot != nil {
		got.NonRoot = context.RunAsNonRoot
	}
	if context.RunAsUser != nil {
		got.User = context.RunAsUser
	}
	if context.Capabilities != nil {
		got.Drop, got.Add = context.Capabilities.Drop, context.Capabilities.Add
	}
	return got
}

// as returns an image with this USER.
func as(user string) model.Image {
	return image(func(config *dockerspec.DockerOCIImageConfig) { config.User = user })
}

// overPod is a podTemplate that patches the pod.
func overPod(fields string) Option { return PodTemplate(`{"spec":{` + fields + `}}`) }

// inContainer is a podTemplate that patches the app's securityContext.
func inContainer(context string) Option { return overApp(`"securityContext":` + context) }

func TestUserOfTheImage(t *testing.T) {
	all := []corev1.Capability{"ALL"}
	const restricted = "Image: 1000"
	yes, no, root, other := ptr.To(true), ptr.To(false), ptr.To[int64](0), ptr.To[int64](2000)
	tests := map[string]struct {
		options []Option
		image   model.Image
		want    identity
	}{
		"R22 a number":               {nil, as("1000"), identity{NonRoot: yes, Drop: all, Value: restricted}},
		"R22 a number and a group":   {nil, as("1000:0"), identity{NonRoot: yes, Drop: all, Value: "Image: 1000:0"}},
		"R22 of whatever program":    {[]Option{runsCommand}, as("1000"), identity{NonRoot: yes, Drop: all, Value: restricted}},
		"R22 nobody is root":         {nil, as(""), identity{Value: "Default: root"}},
		"R22 root":                   {nil, as("root"), identity{Value: "Image: root"}},
		"R22 root's number":          {nil, as("0:1000"), identity{Value: "Image: 0:1000"}},
		"R22 a name, which is noted": {nil, as("app"), identity{Value: "Image: app"}},
		"R23 not known":              {nil, model.Image{Unresolved: &model.Unresolved{}}, identity{}},
		"R22 no config":              {nil, model.Image{Digest: digest}, identity{}},

		"R22 the spec's root": {[]Option{inContainer(`{"runAsUser":0}`)}, as("1000"), identity{User: root, Value: "Spec: 0"}},
		"R22 the spec's user": {[]Option{inContainer(`{"runAsUser":2000}`)}, as("1000"), identity{User: other, Value: "Spec: 2000"}},
		"R22 the spec's user, of a named one": {
			[]Option{inContainer(`{"runAsUser":2000}`)}, as("app"), identity{User: other, Value: "Spec: 2000"},
		},
		"R22 the pod's user": {[]Option{overPod(`"securityContext":{"runAsUser":2000}`)}, as("1000"), identity{User: other, Value: "Spec: 2000"}},
		"R22 the pod's user, beside what is said of the container": {
			[]Option{PodTemplate(`{"spec":{"securityContext":{"runAsUser":2000},"containers":[{"name":"app","tty":true}]}}`)},
			as("1000"), identity{User: other, Value: "Spec: 2000"},
		},
		"R22 the container's goes before the pod's": {
			[]Option{PodTemplate(`{"spec":{"securityContext":{"runAsUser":1},"containers":[{"name":"app","securityContext":{"runAsUser":2000}}]}}`)},
			as("1000"), identity{User: other, Value: "Spec: 2000"},
		},
		"R22 the spec says root is fine": {
			[]Option{inContainer(`{"runAsNonRoot":false}`)}, as("1000"), identity{NonRoot: no, Value: "Spec: runAsNonRoot: false"},
		},
		"R22 the spec says so for the pod": {
			[]Option{overPod(`"securityContext":{"runAsNonRoot":false}`)}, as("1000"), identity{NonRoot: no, Value: "Spec: runAsNonRoot: false"},
		},
		"R22 the spec wants no root": {
			[]Option{overPod(`"securityContext":{"runAsNonRoot":true}`)}, as("root"), identity{NonRoot: yes, Value: "Spec: runAsNonRoot: true"},
		},
		"R22 what says nothing of the user": {
			[]Option{inContainer(`{"privileged":false,"runAsUser":null}`), overPod(`"hostNetwork":false`)}, as("1000"),
			identity{NonRoot: yes, Drop: all, Value: restricted},
		},
		"R22 a sidecar's user": {
			[]Option{PodTemplate(`{"spec":{"containers":[{"name":"side","image":"side:1","securityContext":{"runAsUser":0}}]}}`)}, as("1000"),
			identity{NonRoot: yes, Drop: all, Value: restricted},
		},
		"R22 a capability that the spec adds": {
			[]Option{inContainer(`{"capabilities":{"add":["NET_BIND_SERVICE"]}}`)}, as("1000"),
			identity{NonRoot: yes, Drop: all, Add: []corev1.Capability{"NET_BIND_SERVICE"}, Value: restricted},
		},
		"R22 what the spec drops instead": {
			[]Option{inContainer(`{"capabilities":{"drop":["NET_RAW"]}}`)}, as("1000"),
			identity{NonRoot: yes, Drop: []corev1.Capability{"NET_RAW"}, Value: restricted},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := identityOf(mainFrom(t, Stack("shop", test.options...), test.image))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("user (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWhatIsSaidOfTheUser checks that the reported rights of the app are its actual ones, whatever
// the podTemplate changes.
func TestWhatIsSaidOfTheUser(t *testing.T) {
	tests := map[string]struct {
		option Option
		image  model.Image
	}{
		"R22 a number":                    {overPod(""), as("1000")},
		"R22 a name":                      {overPod(""), as("app")},
		"R22 root":                        {overPod(""), as("root")},
		"R22 the spec's":                  {inContainer(`{"runAsUser":2000}`), as("1000")},
		"R22 a capability is added":       {inContainer(`{"capabilities":{"add":["NET_BIND_SERVICE"]}}`), as("1000")},
		"R22 capabilities are kept":       {inContainer(`{"capabilities":null}`), as("1000")},
		"R22 only one of them is dropped": {inContainer(`{"capabilities":{"drop":["NET_RAW"]}}`), as("1000")},
		"R22 nothing generated is kept":   {inContainer(`null`), as("1000")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			component := mainFrom(t, Stack("shop", test.option), test.image)
			has, said := identityOf(component), valueOf(component, "user")
			restricted := ptr.Deref(has.NonRoot, false)
			if strings.Contains(said, "runAsNonRoot") != restricted {
				t.Errorf("runAsNonRoot is %t, but %q is reported", restricted, said)
			}
			powerless := slices.Equal(has.Drop, []corev1.Capability{"ALL"}) && len(has.Add) == 0
			if strings.Contains(said, "no capabilities") != powerless {
				t.Errorf("no capabilities: %t, but %q is reported", powerless, said)
			}
			if named := test.image.Config.User == "app"; strings.Contains(said, "write a number in USER") != named {
				t.Errorf("the user is a name: %t, but %q is reported", named, said)
			}
		})
	}
}
