// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package world

import (
	"context"
	"time"

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
