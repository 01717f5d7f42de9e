// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package packedcache

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// recheck is the interval of checking whether a missing API has been installed.
const recheck = 30 * time.Second

// watch fills a store.
type watch struct {
	*store
	list      toolscache.ListWithContextFunc
	reflector *toolscache.Reflector
}

// run watches the kind until the context ends.
func (w *watch) run(ctx context.Context, recheck time.Duration) {
	if w.optional {
		w.awaitAPI(ctx, recheck)
	}
	w.reflector.RunWithContext(ctx)
}

// awaitAPI waits until the cluster has the API of the kind. Until then the store counts as filled
// and empty, because a cluster without an API has no objects of it.
func (w *watch) awaitAPI(ctx context.Context, recheck time.Duration) {
	logger := log.FromContext(ctx).WithValues("resource", w.resource.String())
	missing := false
	_ = wait.PollUntilContextCancel(ctx, recheck, true, func(ctx context.Context) (bool, error) {
		if _, err := w.list(ctx, metav1.ListOptions{Limit: 1}); !apierrors.IsNotFound(err) {
			return true, nil // the reflector logs any other error
		}
		if !missing {
			logger.Info("the cluster does not have this API: it is used once it is installed")
			missing = true
			w.fill()
		}
		return false, nil
	}) // the only error is the end of the context, which the reflector handles too
	if missing && ctx.Err() == nil {
		logger.Info("the cluster has this API now")
	}
}
