// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package configwatch

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/model"
)

// ConfigMaps observes and reads ConfigMaps.
type ConfigMaps struct {
	*Watcher

	live client.Reader
}

// NewConfigMaps returns a watcher of the ConfigMaps in the namespaces; without any, in all. live reads
// without a cache.
func NewConfigMaps(api metadata.Interface, live client.Reader, namespaces []string, clock clock.PassiveClock) *ConfigMaps {
	configs := &ConfigMaps{live: live}
	configs.Watcher = &Watcher{
		metadata: api, resource: "configmaps", namespaces: namespaces, clock: clock,
		fetch: func(ctx context.Context, key types.NamespacedName) (model.ObservedConfig, error) {
			_, observed, err := configs.read(ctx, key)
			return observed, err
		},
	}
	return configs
}

// Read returns the live content of the ConfigMaps, by name; nil for one that does not exist. With
// each it returns its version.
func (c *ConfigMaps) Read(
	ctx context.Context, namespace string, names []string,
) (map[string]*model.ConfigMap, map[string]string, error) {
	configs, versions := map[string]*model.ConfigMap{}, map[string]string{}
	for _, name := range names {
		key := types.NamespacedName{Namespace: namespace, Name: name}
		store, events := c.known(key)
		config, read, err := c.read(ctx, key)
		if err != nil {
			return nil, nil, err
		}
		if store != nil {
			store.put(key, events, read)
		}
		configs[name], versions[name] = config, read.Version
	}
	return configs, versions, nil
}

// read reads a ConfigMap: its content, which is nil if it does not exist, and what is observed of it.
func (c *ConfigMaps) read(ctx context.Context, key types.NamespacedName) (*model.ConfigMap, model.ObservedConfig, error) {
	found := &corev1.ConfigMap{}
	if err := c.live.Get(ctx, key, found); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, model.ObservedConfig{Hash: model.AbsentHash}, nil
		}
		return nil, model.ObservedConfig{}, fmt.Errorf("reading ConfigMap %s: %w", key.Name, err)
	}
	content := &model.ConfigMap{Data: found.Data, BinaryData: found.BinaryData}
	return content, model.ObservedConfig{Hash: content.Hash(), Version: model.VersionOf(found), Writer: lastWriter(found)}, nil
}

// lastWriter returns the field manager that last changed the object; empty if it is not known.
func lastWriter(object metav1.Object) string {
	var last metav1.ManagedFieldsEntry
	for _, entry := range object.GetManagedFields() {
		if last.Time == nil || last.Time.Before(entry.Time) {
			last = entry
		}
	}
	return last.Manager
}
