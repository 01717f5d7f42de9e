// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package registry

import (
	"slices"
	"strings"
)

// Kind is the kind of a request.
type Kind string

// The kinds of requests.
const (
	Ping     Kind = "Ping"     // whether this is a registry, and who may come in
	Manifest Kind = "Manifest" // of an image or an index, by tag or digest
	Blob     Kind = "Blob"     // a configuration or a layer; uploads too
	Token    Kind = "Token"    // of a token service, should a fault have sent the client to one here
	Other    Kind = "Other"
)

// Request is a request to the front.
type Request struct {
	Method string
	Path   string
	Kind   Kind
}

// OfKind returns a function that reports whether a request is of one of the kinds.
func OfKind(kinds ...Kind) func(Request) bool {
	return func(r Request) bool { return slices.Contains(kinds, r.Kind) }
}

func kindOf(path string) Kind {
	inside, isAPI := strings.CutPrefix(path, "/v2/")
	switch {
	case path == "/v2" || isAPI && inside == "":
		return Ping
	case isAPI && strings.Contains(inside, "/manifests/"):
		return Manifest
	case isAPI && strings.Contains(inside, "/blobs/"):
		return Blob
	case !isAPI && strings.HasSuffix(path, "/token"):
		return Token
	default:
		return Other
	}
}
