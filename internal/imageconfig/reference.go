// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig

import (
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Pinned says whether the reference names an image by its digest.
func Pinned(reference string) bool { return strings.Contains(reference, "@") }

// Pin is the reference with the digest that was found for it, as pods run it:
// repository:tag@digest. The runtime takes the digest, and people read the tag,
// so the one that was looked up is there even where nobody wrote it. A reference
// that has a digest stays.
func Pin(reference, digest string) string {
	if Pinned(reference) {
		return reference
	}
	if !tagged(reference) {
		reference += ":" + name.DefaultTag
	}
	return reference + "@" + digest
}

// tagged says whether a reference without a digest has a tag: a ':' before the
// last '/' is the one of a port.
func tagged(reference string) bool {
	return strings.LastIndexByte(reference, ':') > strings.LastIndexByte(reference, '/')
}
