// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package paging lists objects for a watch that cannot start with a streaming list, for example
// because the API server has the feature gate WatchList disabled. It lists page by page, and keeps
// only the needed part of each page in memory.
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

// Size is the number of objects per page.
const Size = 500

// List wraps the list function of a reflector so that it reads in pages and applies keep to each
// object. A reflector sets a limit too, but with resource version 0, for which the API server
// answers from its cache and ignores the limit. Without a version it returns pages of the current
// state, from a snapshot of its cache or from etcd.
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
