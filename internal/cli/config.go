// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/plan"
	"github.com/appstack-dev/appstack/internal/render"
)

// copiedConfig returns the ConfigMaps that the content has copies of, by the name of the source; nil
// for one that did not exist. It leaves out copies that cannot be read, and reports them to the user.
func (c *connection) copiedConfig(ctx context.Context, content model.Content) (map[string]*model.ConfigMap, error) {
	all := map[string]*model.ConfigMap{}
	for _, copied := range content.Config {
		if copied.Hash == model.AbsentHash {
			all[copied.Source] = nil
			continue
		}
		found, known, err := c.configMap(ctx, copied.Name)
		if err != nil {
			return nil, err
		}
		if known && found == nil {
			fmt.Fprintf(c.plugin.ErrOut, "not compared: ConfigMap %s, because its copy %s does not exist\n", copied.Source, copied.Name)
		} else if known {
			all[copied.Source] = found
		}
	}
	return all, nil
}

// liveConfig returns the ConfigMaps and files of which a release of the spec with the content would
// make copies, by name; nil for one that does not exist. It leaves out those that the user may not read, and reports them.
func (c *connection) liveConfig(
	ctx context.Context, content model.Content, spec v1alpha1.AppStackSpec,
) (map[string]*model.ConfigMap, error) {
	all := map[string]*model.ConfigMap{}
	files, state := render.Files(spec), plan.NewConfigState(spec.Config)
	for _, ref := range render.ConfigRefs(render.WithConfig(content, nil)) {
		if _, read := all[ref.Name]; read || state.IsLive(ref.Name) {
			continue
		}
		if model.IsFiles(ref.Name) {
			all[ref.Name] = files[ref.Name]
			continue
		}
		found, known, err := c.configMap(ctx, ref.Name)
		if err != nil {
			return nil, err
		}
		if known {
			all[ref.Name] = found
		}
	}
	return all, nil
}

// configMap reads a ConfigMap; the result is nil if it does not exist. known is false if the user may
// not read it, which is reported.
func (c *connection) configMap(ctx context.Context, name string) (config *model.ConfigMap, known bool, err error) {
	found := &corev1.ConfigMap{}
	switch err := c.Get(ctx, c.key(name), found); {
	case apierrors.IsNotFound(err):
		return nil, true, nil
	case apierrors.IsForbidden(err):
		fmt.Fprintf(c.plugin.ErrOut, "not compared: ConfigMap %s: %s\n", name, c.plugin.explain(err))
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	return &model.ConfigMap{Data: found.Data, BinaryData: found.BinaryData}, true, nil
}
