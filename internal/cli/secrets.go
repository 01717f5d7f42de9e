// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/appstack-dev/appstack/internal/cli/release"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/internal/revision"
)

// changedSecrets returns the Secrets that pods with the content use and that have changed since the version
// that the newest rollout's revision records: the sizes of their values in bytes, by name and key. It leaves
// out those that the user may not read, and reports them.
func (c *connection) changedSecrets(ctx context.Context, r release.Release, content model.Content) (map[string]map[string]int, error) {
	timeline := revision.Timeline(r.Revisions)
	if len(timeline) == 0 {
		return nil, nil
	}
	recorded := revision.Find(r.Revisions, timeline[0].Revision).Record.SecretVersions
	changed := map[string]map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(render.Secrets(content))) {
		version, found := recorded[name]
		if !found {
			continue
		}
		secret := &corev1.Secret{}
		switch err := c.Get(ctx, c.key(name), secret); {
		case apierrors.IsNotFound(err):
		case apierrors.IsForbidden(err):
			fmt.Fprintf(c.plugin.ErrOut, "not compared: Secret %s: %s\n", name, c.plugin.explain(err))
		case err != nil:
			return nil, err
		case model.VersionOf(secret) != version:
			changed[name] = map[string]int{}
			for key, value := range secret.Data {
				changed[name][key] = len(value)
			}
		}
	}
	return changed, nil
}
