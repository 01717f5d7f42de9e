// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/internal/imageconfig"
	"github.com/appstack-dev/appstack/internal/model"
)

var (
	amd64   = model.Platform{OS: "linux", Architecture: "amd64"}
	arm64   = model.Platform{OS: "linux", Architecture: "arm64"}
	arm     = model.Platform{OS: "linux", Architecture: "arm"}
	windows = model.Platform{OS: "windows", Architecture: "amd64"}
	none    = model.Platform{OS: "unknown", Architecture: "unknown"}
)

func in(key string, values ...string) corev1.NodeSelectorRequirement {
	return corev1.NodeSelectorRequirement{Key: key, Operator: corev1.NodeSelectorOpIn, Values: values}
}

func term(expressions ...corev1.NodeSelectorRequirement) corev1.NodeSelectorTerm {
	return corev1.NodeSelectorTerm{MatchExpressions: expressions}
}

func requiring(terms ...corev1.NodeSelectorTerm) *corev1.Affinity {
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms},
	}}
}

func TestAffinity(t *testing.T) {
	const os, arch = corev1.LabelOSStable, corev1.LabelArchStable
	onName := corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{in("metadata.name", "node-1")}}
	onNamed := *onName.DeepCopy()
	onNamed.MatchExpressions = []corev1.NodeSelectorRequirement{in(os, "linux"), in(arch, "amd64")}
	rest := &corev1.Affinity{
		NodeAffinity: &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{
			{Weight: 1, Preference: term(in("disk", "ssd"))},
		}},
		PodAffinity:     &corev1.PodAffinity{},
		PodAntiAffinity: &corev1.PodAntiAffinity{},
	}
	restOnAmd64 := rest.DeepCopy()
	restOnAmd64.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{term(in(os, "linux"), in(arch, "amd64"))},
	}
	tests := map[string]struct {
		given     *corev1.Affinity
		platforms []model.Platform
		want      *corev1.Affinity
	}{
		"R22 nothing set, nothing known": {},
		"R22 nothing known: the set terms stay": {
			given: requiring(term(in("disk", "ssd"))), platforms: []model.Platform{none, {}, {OS: "linux"}, {OS: "linux", Architecture: "a b"}},
			want: requiring(term(in("disk", "ssd"))),
		},
		"R22 one platform": {platforms: []model.Platform{amd64}, want: requiring(term(in(os, "linux"), in(arch, "amd64")))},
		"R22 several, sorted, without duplicates and attestations": {
			platforms: []model.Platform{arm64, none, arm, amd64, arm, {OS: "Linux", Architecture: "x86_64"}, none},
			want:      requiring(term(in(os, "linux"), in(arch, "amd64", "arm", "arm64"))),
		},
		"R22 a term for each OS": {
			platforms: []model.Platform{windows, arm64, amd64},
			want:      requiring(term(in(os, "linux"), in(arch, "amd64", "arm64")), term(in(os, "windows"), in(arch, "amd64"))),
		},
		"R22 each set term applies too": {
			given: requiring(term(in("disk", "ssd")), onName), platforms: []model.Platform{amd64},
			want: requiring(term(in("disk", "ssd"), in(os, "linux"), in(arch, "amd64")), onNamed),
		},
		"R22 each set term, for each OS": {
			given: requiring(term(in("zone", "a")), term(in("zone", "b"))), platforms: []model.Platform{amd64, windows},
			want: requiring(
				term(in("zone", "a"), in(os, "linux"), in(arch, "amd64")), term(in("zone", "a"), in(os, "windows"), in(arch, "amd64")),
				term(in("zone", "b"), in(os, "linux"), in(arch, "amd64")), term(in("zone", "b"), in(os, "windows"), in(arch, "amd64")),
			),
		},
		"R22 an architecture that is required already": {
			given: requiring(term(in(arch, "arm64"))), platforms: []model.Platform{amd64, arm64},
			want: requiring(term(in(arch, "arm64"), in(os, "linux"), in(arch, "amd64", "arm64"))),
		},
		"R22 a 32-bit image runs on 64-bit nodes too": {
			platforms: []model.Platform{{OS: "linux", Architecture: "386"}, {OS: "linux", Architecture: "arm"}},
			want:      requiring(term(in(os, "linux"), in(arch, "386", "amd64", "arm", "arm64"))),
		},
		"R22 an empty term matches no node, and stays empty": {
			given: requiring(term(), term(in("disk", "ssd"))), platforms: []model.Platform{amd64},
			want: requiring(term(), term(in("disk", "ssd"), in(os, "linux"), in(arch, "amd64"))),
		},
		"R22 nothing but an empty term":          {given: requiring(term()), platforms: []model.Platform{amd64}, want: requiring(term())},
		"R22 values that the API server rejects": {given: requiring(), platforms: []model.Platform{amd64}, want: requiring()},
		"R22 preferred terms stay":               {given: rest, platforms: []model.Platform{amd64}, want: restOnAmd64},
		"R22 an empty affinity": {
			given: &corev1.Affinity{}, platforms: []model.Platform{amd64}, want: requiring(term(in(os, "linux"), in(arch, "amd64"))),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			before := test.given.DeepCopy()
			got := imageconfig.Affinity(test.given, test.platforms)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("affinity (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, test.given); diff != "" {
				t.Errorf("the input changed (-before +after):\n%s", diff)
			}
		})
	}
}

// TestAffinityShares checks that changing one term changes neither another term nor the input.
func TestAffinityShares(t *testing.T) {
	given := requiring(term(in("zone", "a")), term(in("zone", "b")))
	got := imageconfig.Affinity(given, []model.Platform{amd64})
	terms := got.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	for i := range terms[0].MatchExpressions {
		terms[0].MatchExpressions[i].Values[0] = "changed"
	}
	if diff := cmp.Diff(requiring(term(in("zone", "a")), term(in("zone", "b"))), given); diff != "" {
		t.Errorf("R22 the input changed (-before +after):\n%s", diff)
	}
	want := term(in("zone", "b"), in(corev1.LabelOSStable, "linux"), in(corev1.LabelArchStable, "amd64"))
	if diff := cmp.Diff(want, terms[1]); diff != "" {
		t.Errorf("R22 the other term changed (-before +after):\n%s", diff)
	}
}

func TestOS(t *testing.T) {
	tests := map[string]struct {
		platforms []model.Platform
		want      string
	}{
		"R22 none":               {nil, ""},
		"R22 one":                {[]model.Platform{windows}, "windows"},
		"R22 one of several":     {[]model.Platform{amd64, none, arm64}, "linux"},
		"R22 several":            {[]model.Platform{amd64, windows}, ""},
		"R22 attestations alone": {[]model.Platform{none}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := imageconfig.OS(test.platforms); got != test.want {
				t.Errorf("OS is %q, want %q", got, test.want)
			}
		})
	}
}
