// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package packedcache

import (
	"context"
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// lists returns how to list and watch the objects of the kind in a namespace.
func lists(
	kind *kind, config *rest.Config, scheme *runtime.Scheme, http *http.Client,
) (func(namespace string) *toolscache.ListWatch, error) {
	selected := func(options *metav1.ListOptions) { options.LabelSelector = kind.selector.String() }
	if kind.metadata {
		api, err := metadata.NewForConfigAndClient(config, http)
		if err != nil {
			return nil, fmt.Errorf("building the client for %s: %w", kind.resource.Resource, err)
		}
		return func(namespace string) *toolscache.ListWatch {
			return metadataLists(api.Resource(kind.resource).Namespace(namespace), selected)
		}, nil
	}
	getter, err := getter(kind, config, scheme, http)
	if err != nil {
		return nil, err
	}
	return func(namespace string) *toolscache.ListWatch {
		return toolscache.NewFilteredListWatchFromClient(getter, kind.resource.Resource, namespace, selected)
	}, nil
}

// metadataLists lists and watches the metadata of the selected objects.
func metadataLists(api metadata.ResourceInterface, selected func(*metav1.ListOptions)) *toolscache.ListWatch {
	return &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			selected(&options)
			return api.List(ctx, options) //nolint:wrapcheck // the reflector says of what
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (apiwatch.Interface, error) {
			selected(&options)
			options.Watch = true
			return api.Watch(ctx, options) //nolint:wrapcheck // the reflector says of what
		},
	}
}

// getter returns a client for the API of the kind.
func getter(kind *kind, config *rest.Config, scheme *runtime.Scheme, http *http.Client) (toolscache.Getter, error) {
	gvk, err := apiutil.GVKForObject(kind.fresh(), scheme)
	if err != nil {
		return nil, fmt.Errorf("watching %s: %w", kind.resource.Resource, err)
	}
	api, err := apiutil.RESTClientForGVK(gvk, false, false, config, serializer.NewCodecFactory(scheme), http)
	if err != nil {
		return nil, fmt.Errorf("building the client for %s: %w", kind.resource.Resource, err)
	}
	return api, nil
}
