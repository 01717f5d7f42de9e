// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package packedcache

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// list returns one object a page.
func (s *server) list(w http.ResponseWriter, resource string, query url.Values) {
	s.mu.Lock()
	s.lists = append(s.lists, query)
	s.mu.Unlock()
	at, _ := strconv.Atoi(query.Get("continue"))
	kind := s.objects[resource+"/sample"][0].GetObjectKind().GroupVersionKind()
	about := map[string]any{"resourceVersion": "7"}
	items := []client.Object{}
	if objects := s.objects[resource]; at < len(objects) {
		items = append(items, objects[at])
		if at+1 < len(objects) {
			about["continue"] = strconv.Itoa(at + 1)
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"apiVersion": kind.GroupVersion().String(), "kind": kind.Kind + "List", "metadata": about, "items": items,
	})
}

// TestCacheIsFilledInPages checks that an API server without WatchList is listed page by page, with
// a resource version for which it serves pages.
func TestCacheIsFilledInPages(t *testing.T) {
	s := &server{noWatchList: true, objects: map[string][]client.Object{
		"appstacks": {Stack("shop"), Stack("blog"), Stack("wiki")},
		"services":  {service("shop", "shop", "1"), service("shop-mailer", "shop", "1")},
	}}
	c := s.open(t, cache.Options{})
	if !synced(t, c, patience) {
		t.Fatal("the cache is not filled")
	}
	for _, name := range []string{"shop", "blog", "wiki"} {
		key := types.NamespacedName{Namespace: Namespace, Name: name}
		if err := c.Get(t.Context(), key, &v1alpha1.AppStack{}); err != nil {
			t.Errorf("reading stack %s: %v", name, err)
		}
	}
	objects, err := c.Of(types.NamespacedName{Namespace: Namespace, Name: "shop"})
	if err != nil || len(objects.Children) != 2 {
		t.Errorf("objects of the stack: %+v, %v, want two Services", objects, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, query := range s.lists {
		if query.Get("limit") != "500" || query.Get("resourceVersion") != "" {
			t.Errorf("a page is requested with query %q", query.Encode())
		}
	}
	if got := len(s.lists); got != 10 {
		t.Errorf("%d pages were requested, want three of stacks, two of Services, and one of each other kind", got)
	}
}
