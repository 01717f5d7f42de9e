// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package registry

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Push pushes an image or an index, with all that it refers to, directly to the registry as the first
// of the users. It returns the digest. Without a tag it can only be pulled by digest.
func (r *Registry) Push(ctx context.Context, repository, tag string, content remote.Taggable) (digest string, err error) {
	hash, err := partial.Digest(content)
	if err != nil {
		return "", fmt.Errorf("pushing to %s: %w", repository, err)
	}
	to, err := name.NewRepository(r.direct+"/"+repository, name.StrictValidation)
	if err != nil {
		return "", fmt.Errorf("pushing to %s: %w", repository, err)
	}
	var reference name.Reference = to.Digest(hash.String())
	if tag != "" {
		reference = to.Tag(tag)
	}
	err = remote.Push(reference, content, remote.WithContext(ctx), remote.WithTransport(r.transport), remote.WithAuth(r.auth()))
	if err != nil {
		return "", fmt.Errorf("pushing %s: %w", reference, err)
	}
	return hash.String(), nil
}

func (r *Registry) auth() authn.Authenticator {
	if len(r.users) == 0 {
		return authn.Anonymous
	}
	first := slices.Min(slices.Collect(maps.Keys(r.users)))
	return &authn.Basic{Username: first, Password: r.users[first]}
}
