// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package paging lists what a watch cannot begin with, as where the API server has
// the feature gate WatchList off: page by page, and of each page only what is kept
// stays in memory.
package paging

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"
)

// Size is how many objects are listed at once.
const Size = 500

// List is the list of a reflector, in pages. A reflector asks for pages too, but of
// resource version 0, for which the API server answers from its cache, whole: it
// ignores the limit then. Without a version it answers in pages, from a snapshot of
// its cache or from etcd, and with what there is now.
func List(list cache.ListWithContextFunc, keep func(runtime.Object) (runtime.Object, error)) cache.ListWithContextFunc {
	return func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		options.Limit = Size
		options.ResourceVersion, options.ResourceVersionMatch = "", ""
		all := &internalversion.List{}
		for {
			page, err := list(ctx, options)
			if err != nil {
				return nil, err
			}
			err = meta.EachListItemWithAlloc(page, func(object runtime.Object) error {
				kept, err := keep(object)
				all.Items = append(all.Items, kept)
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("reading a page: %w", err)
			}
			about, err := meta.ListAccessor(page)
			if err != nil {
				return nil, fmt.Errorf("reading a page: %w", err)
			}
			if options.Continue = about.GetContinue(); options.Continue == "" {
				all.ResourceVersion = about.GetResourceVersion()
				return all, nil
			}
		}
	}
}
