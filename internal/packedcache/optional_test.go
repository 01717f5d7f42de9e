// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package packedcache

import (
	"testing"
	"time"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/queue"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// TestAnAPIThatComesLater checks that the cache works without an optional API, and reads its
// objects once it is installed.
func TestAnAPIThatComesLater(t *testing.T) {
	s := &server{missing: "poddisruptionbudgets", objects: map[string][]client.Object{
		"appstacks": {Stack("shop")},
		"poddisruptionbudgets": {&policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{
			Namespace: Namespace, Name: "shop", Labels: map[string]string{naming.LabelStack: "shop"},
		}}},
	}}
	c := s.open(t, cache.Options{})
	if !synced(t, c, patience) {
		t.Fatal("the cache is not filled without the API")
	}
	key := types.NamespacedName{Namespace: Namespace, Name: "shop"}
	if objects, err := c.Of(key); err != nil || len(objects.Children) != 0 {
		t.Errorf("before the API is installed: %+v, %v, want nothing", objects, err)
	}
	changed := make(chan types.NamespacedName, 1)
	c.entries.listen(func(stacks []types.NamespacedName, _ queue.Priority) { changed <- stacks[0] })
	s.install()
	select {
	case stack := <-changed:
		if objects, err := c.Of(stack); stack != key || err != nil || len(objects.Children) != 1 {
			t.Errorf("after the API is installed: %+v of %s, %v, want a budget", objects, stack, err)
		}
	case <-time.After(patience):
		t.Errorf("the API's objects are not cached %s after it is installed", patience)
	}
}
