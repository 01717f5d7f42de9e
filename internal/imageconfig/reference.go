// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig

import (
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Pinned reports whether the reference contains a digest.
func Pinned(reference string) bool { return strings.Contains(reference, "@") }

// Pin adds the resolved digest to a reference: repository:tag@digest. The runtime uses the digest
// and people read the tag, so the default tag is added if there is none. A reference with a digest
// is returned unchanged.
func Pin(reference, digest string) string {
	if Pinned(reference) {
		return reference
	}
	if !tagged(reference) {
		reference += ":" + name.DefaultTag
	}
	return reference + "@" + digest
}

// tagged reports whether a reference without a digest has a tag. A ':' before the last '/' belongs
// to a port.
func tagged(reference string) bool {
	return strings.LastIndexByte(reference, ':') > strings.LastIndexByte(reference, '/')
}
