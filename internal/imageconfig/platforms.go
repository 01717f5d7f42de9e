// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/appstack-dev/appstack/internal/model"
)

// unknown is the OS and architecture of index entries that are not images.
const unknown = "unknown"

// architectures maps alternative names, which some builders write and container runtimes accept, to
// GOARCH.
var architectures = map[string]string{
	"i386":    "386",
	"x86_64":  "amd64",
	"x86-64":  "amd64",
	"aarch64": "arm64",
	"armhf":   "arm",
	"armel":   "arm",
}

// normalize converts a platform to the values of the node labels. It returns an empty platform and
// false if no node can have such labels.
func normalize(platform model.Platform) (out model.Platform, ok bool) {
	out.OS = strings.ToLower(platform.OS)
	arch := strings.ToLower(platform.Architecture)
	out.Architecture = cmp.Or(architectures[arch], arch)
	for _, value := range []string{out.OS, out.Architecture} {
		if value == "" || value == unknown || len(validation.IsValidLabelValue(value)) > 0 {
			return model.Platform{}, false
		}
	}
	return out, true
}

// normalizeAll returns the valid platforms, normalized, sorted and without duplicates: arm/v6 and
// arm/v7 are both arm.
func normalizeAll(platforms []model.Platform) []model.Platform {
	var out []model.Platform
	for _, platform := range platforms {
		if platform, ok := normalize(platform); ok {
			out = append(out, platform)
		}
	}
	slices.SortFunc(out, model.Platform.Compare)
	return slices.Compact(out)
}

// OS returns the OS of all platforms, or "" if there are several or none.
func OS(platforms []model.Platform) string {
	all := normalizeAll(platforms)
	if len(all) == 0 || all[0].OS != all[len(all)-1].OS {
		return ""
	}
	return all[0].OS
}

// Affinity returns the affinity with the additional requirement that nodes have one of the
// platforms. It returns the given affinity if no platform is known, and never modifies it.
func Affinity(affinity *corev1.Affinity, platforms []model.Platform) *corev1.Affinity {
	all := nodes(normalizeAll(platforms))
	if len(all) == 0 {
		return affinity
	}
	out := cmp.Or(affinity.DeepCopy(), &corev1.Affinity{})
	out.NodeAffinity = cmp.Or(out.NodeAffinity, &corev1.NodeAffinity{})
	required := &out.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	if *required == nil {
		*required = &corev1.NodeSelector{NodeSelectorTerms: terms(all)}
		return out
	}
	// the API server rejects an empty list, and the user should see that error
	(*required).NodeSelectorTerms = both((*required).NodeSelectorTerms, all)
	return out
}

// both combines each given term with each platform. Empty terms match no node and are kept as they
// are.
func both(given []corev1.NodeSelectorTerm, platforms []model.Platform) []corev1.NodeSelectorTerm {
	var out []corev1.NodeSelectorTerm
	for _, term := range given {
		if len(term.MatchExpressions) == 0 && len(term.MatchFields) == 0 {
			out = append(out, term)
			continue
		}
		for _, platform := range terms(platforms) {
			joined := *term.DeepCopy()
			joined.MatchExpressions = append(joined.MatchExpressions, platform.MatchExpressions...)
			out = append(out, joined)
		}
	}
	return out
}

// runsToo maps a 32-bit architecture to the 64-bit one whose nodes can run it too: container
// runtimes use a 32-bit image there if there is no other.
var runsToo = map[string]string{"386": "amd64", "arm": "arm64"}

// nodes returns the platforms of the nodes that can run an image for one of the given platforms.
func nodes(platforms []model.Platform) []model.Platform {
	out := platforms
	for _, platform := range platforms {
		if wider, found := runsToo[platform.Architecture]; found {
			out = append(out, model.Platform{OS: platform.OS, Architecture: wider})
		}
	}
	return normalizeAll(out)
}

// terms returns one term per OS, because not every architecture exists for every OS.
func terms(platforms []model.Platform) []corev1.NodeSelectorTerm {
	var out []corev1.NodeSelectorTerm
	for len(platforms) > 0 {
		os := platforms[0].OS
		var archs []string
		for len(platforms) > 0 && platforms[0].OS == os {
			archs = append(archs, platforms[0].Architecture)
			platforms = platforms[1:]
		}
		out = append(out, corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{
			{Key: corev1.LabelOSStable, Operator: corev1.NodeSelectorOpIn, Values: []string{os}},
			{Key: corev1.LabelArchStable, Operator: corev1.NodeSelectorOpIn, Values: archs},
		}})
	}
	return out
}
