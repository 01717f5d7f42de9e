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

// unknown is what index entries have as OS and architecture that are no images.
const unknown = "unknown"

// architectures has what builders write instead of GOARCH, and container
// runtimes understand all the same.
var architectures = map[string]string{
	"i386":    "386",
	"x86_64":  "amd64",
	"x86-64":  "amd64",
	"aarch64": "arm64",
	"armhf":   "arm",
	"armel":   "arm",
}

// normalize writes a platform as the labels of nodes have it. It is empty, and
// ok is false, where no node can have such labels.
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

// normalizeAll lists the platforms that nodes can have, sorted, each once:
// arm/v6 and arm/v7 are both arm.
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

// OS is the one that all platforms share; empty where they have several or none.
func OS(platforms []model.Platform) string {
	all := normalizeAll(platforms)
	if len(all) == 0 || all[0].OS != all[len(all)-1].OS {
		return ""
	}
	return all[0].OS
}

// Affinity adds to the affinity that nodes have to be of one of the platforms,
// and returns it as it is where none is known. What the affinity asks for
// already holds besides. The one that is given is never changed.
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
	// without terms the API server refuses it, and says so to the user
	(*required).NodeSelectorTerms = both((*required).NodeSelectorTerms, all)
	return out
}

// both are the terms that a node meets that meets one of the given and is of one
// of the platforms. A term that is empty matches no node, and has to stay so.
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

// runsToo are the nodes that run an architecture besides their own: container
// runtimes take a 32-bit image there where there is no other.
var runsToo = map[string]string{"386": "amd64", "arm": "arm64"}

// nodes are the platforms of the nodes on which an image for one of the platforms runs.
func nodes(platforms []model.Platform) []model.Platform {
	out := platforms
	for _, platform := range platforms {
		if wider, found := runsToo[platform.Architecture]; found {
			out = append(out, model.Platform{OS: platform.OS, Architecture: wider})
		}
	}
	return normalizeAll(out)
}

// terms has a term for each OS: not every architecture is there for every OS.
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
