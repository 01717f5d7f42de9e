// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package configwatch

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/model"
)

// NewSecrets returns a watcher of Secrets, with a watch for each namespace. live reads without a cache.
//
// The hashes that it returns are keyed with a random key of this process: they tell whether the data of a
// Secret has changed while the process runs, and nothing else.
func NewSecrets(api metadata.Interface, live client.Reader, clock clock.PassiveClock) *Watcher {
	key := []byte(rand.Text())
	return &Watcher{
		metadata: api, resource: "secrets", perNamespace: true, clock: clock,
		fetch: func(ctx context.Context, name types.NamespacedName) (model.ObservedConfig, error) {
			found := &corev1.Secret{}
			if err := live.Get(ctx, name, found); err != nil {
				if apierrors.IsNotFound(err) {
					return model.ObservedConfig{Hash: model.AbsentHash}, nil
				}
				return model.ObservedConfig{}, fmt.Errorf("reading Secret %s: %w", name.Name, err)
			}
			hash, err := keyedHash(key, found.Data)
			if err != nil {
				return model.ObservedConfig{}, fmt.Errorf("hashing Secret %s: %w", name.Name, err)
			}
			return model.ObservedConfig{Hash: hash, Version: model.VersionOf(found), Writer: lastWriter(found)}, nil
		},
	}
}

func keyedHash(key []byte, data map[string][]byte) (string, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return "", fmt.Errorf("encoding the data: %w", err)
	}
	hash := hmac.New(sha256.New, key)
	hash.Write(raw)
	return hex.EncodeToString(hash.Sum(nil)), nil
}
