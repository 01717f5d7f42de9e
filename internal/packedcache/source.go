// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package packedcache

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/appstack-dev/appstack/internal/queue"
)

// Source enqueues stacks for a controller. At the start it enqueues all of them by priority, and
// afterwards every stack that changed or whose objects changed.
type Source struct{ *Cache }

var _ source.SyncingSource = Source{}

// String names the source in logs.
func (Source) String() string { return "stacks and what belongs to them" }

// Start implements source.Source.
func (s Source) Start(_ context.Context, into queue.Queue) error {
	s.entries.listen(func(stacks []types.NamespacedName, priority queue.Priority) { queue.Add(into, priority, stacks...) })
	s.entries.tellAll()
	return nil
}

// WaitForSync implements source.SyncingSource.
func (s Source) WaitForSync(ctx context.Context) error {
	if !s.WaitForCacheSync(ctx) {
		return errNotFilled
	}
	return nil
}
