// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package packedcache

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/queue"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// TestMetadataOnly checks that of a kind whose content may be large only the metadata is requested
// and kept.
func TestMetadataOnly(t *testing.T) {
	copied := func(version string) *metav1.PartialObjectMetadata {
		return &metav1.PartialObjectMetadata{
			TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "PartialObjectMetadata"},
			ObjectMeta: metav1.ObjectMeta{
				Namespace: Namespace, Name: "shop-web-1", UID: "copy", ResourceVersion: version, Labels: naming.Recommended("shop"),
				Annotations: map[string]string{naming.AnnotationConfigSource: "web"}, Finalizers: []string{"example.com/wait"},
				OwnerReferences: []metav1.OwnerReference{naming.Owner(Stack("shop"))},
			},
		}
	}
	first := copied("5")
	first.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "appstack"}}
	later := make(chan client.Object)
	s := &server{
		objects: map[string][]client.Object{"appstacks": {Stack("shop")}, "configmaps": {first}},
		later:   map[string]chan client.Object{"configmaps": later},
	}
	c := s.open(t, cache.Options{})
	if !synced(t, c, patience) {
		t.Fatal("the cache is not filled")
	}
	key := types.NamespacedName{Namespace: Namespace, Name: "shop"}
	expect := func(want *metav1.PartialObjectMetadata) {
		t.Helper()
		objects, err := c.Of(key)
		if err != nil || len(objects.Children) != 1 {
			t.Fatalf("R31 the stack has %+v, %v, want one copy", objects, err)
		}
		want.TypeMeta = metav1.TypeMeta{} // it is not packed
		if diff := cmp.Diff(client.Object(want), objects.Children[0].Object); diff != "" || objects.Children[0].Kind != kinds.Copies.Name {
			t.Errorf("R31 the %s in the cache (-want +got):\n%s", objects.Children[0].Kind, diff)
		}
	}
	expect(copied("5"))
	if asked := "/api/v1/configmaps " + naming.LabelStack; !slices.Contains(s.paths(), asked) {
		t.Errorf("R31 requests %q, want %q among them", s.paths(), asked)
	}
	s.mu.Lock()
	accepted := s.accepted["configmaps"]
	s.mu.Unlock()
	if !strings.HasPrefix(accepted, "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata") {
		t.Errorf("R31 the request accepts %q, want metadata", accepted)
	}
	changed := make(chan types.NamespacedName, 1)
	c.entries.listen(func(stacks []types.NamespacedName, _ queue.Priority) { changed <- stacks[0] })
	later <- copied("9")
	select {
	case stack := <-changed:
		if stack != key {
			t.Errorf("a change of %s is reported, want %s", stack, key)
		}
		expect(copied("9"))
	case <-time.After(patience):
		t.Error("no change is reported")
	}
}
