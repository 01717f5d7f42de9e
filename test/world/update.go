// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package world

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// patiently is the backoff of an update that conflicts with the operator's writes.
var patiently = wait.Backoff{Duration: 10 * time.Millisecond, Factor: 1.3, Steps: 20}

// Update reads the object by its name and namespace, changes it and writes it, and
// retries on conflicts.
func Update[T client.Object](ctx context.Context, object T, by func(T)) error {
	return retry.RetryOnConflict(patiently, func() error {
		if err := Kube.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		by(object)
		return Kube.Update(ctx, object)
	})
}

// PutConfig creates or changes a ConfigMap.
func PutConfig(ctx context.Context, namespace, name string, data map[string]string) error {
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data}
	err := Kube.Create(ctx, config.DeepCopy())
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	return Update(ctx, config, func(c *corev1.ConfigMap) { c.Data = data })
}
