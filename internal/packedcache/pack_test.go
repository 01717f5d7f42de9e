// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package packedcache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// kindOf returns the kind of the resource.
func kindOf(t *testing.T, resource string) *kind {
	t.Helper()
	kinds, err := newKinds()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		if k.resource.Resource == resource {
			return k
		}
	}
	t.Fatalf("kind %s is not cached", resource)
	return nil
}

// another returns an object like the sample of the kind, with its own name, hashes and UIDs.
func another(t *testing.T, k *kind, name string) client.Object {
	t.Helper()
	raw, err := samples.ReadFile("samples/" + k.resource.Resource + ".json")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(raw), "shop", name)
	text = regexp.MustCompile(`[0-9a-f]{64}|[0-9a-f]{16}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllStringFunc(text,
		func(hash string) string {
			sum := sha256.Sum256([]byte(name + hash))
			other := hex.EncodeToString(sum[:])[:len(hash)]
			if len(hash) == 36 {
				other = strings.Join([]string{other[:8], other[9:13], other[14:18], other[19:23], other[24:]}, "-")
			}
			return other
		})
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(text)); err != nil {
		t.Fatal(err)
	}
	object := k.fresh()
	if err := json.Unmarshal(compact.Bytes(), object); err != nil {
		t.Fatal(err)
	}
	return object
}

func TestWhatIsUnpackedIsWhatWasPacked(t *testing.T) {
	everything := Stack("shop", Annotation("note", "a & b"), PodTemplate(`{"spec":{"nodeSelector":{"disk":"<ssd> & more"}}}`),
		Env("GREETING", "<hello>"), Component("worker", 2, nil, "work", ""), RollbackTo(3, 4), Paused(true))
	noPorts := Stack("shop")
	noPorts.Spec.Ports = []v1alpha1.Port{} // as opposed to nil: the image's ports are not wanted
	tests := map[string]struct {
		resource string
		object   client.Object
	}{
		"R2 a stack":                       {"appstacks", another(t, kindOf(t, "appstacks"), "blog")},
		"R2 a stack that says a lot":       {"appstacks", everything},
		"R22 a stack that wants no port":   {"appstacks", noPorts},
		"R2 a revision":                    {"controllerrevisions", another(t, kindOf(t, "controllerrevisions"), "blog")},
		"R2 a Deployment":                  {"deployments", another(t, kindOf(t, "deployments"), "blog")},
		"R2 a Service":                     {"services", another(t, kindOf(t, "services"), "blog")},
		"R2 an autoscaler":                 {"horizontalpodautoscalers", another(t, kindOf(t, "horizontalpodautoscalers"), "blog")},
		"R2 a budget":                      {"poddisruptionbudgets", another(t, kindOf(t, "poddisruptionbudgets"), "blog")},
		"R30 a revision with damaged data": {"controllerrevisions", &appsv1.ControllerRevision{Data: runtime.RawExtension{Raw: []byte("{")}}},
		"R30 a revision that has nothing":  {"controllerrevisions", &appsv1.ControllerRevision{}},
		"R2 a revision of a megabyte":      {"controllerrevisions", &appsv1.ControllerRevision{Data: runtime.RawExtension{Raw: large()}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := kindOf(t, test.resource)
			want, ok := test.object.DeepCopyObject().(client.Object)
			if !ok {
				t.Fatalf("the copy of a %T differs", test.object)
			}
			want.GetObjectKind().SetGroupVersionKind(test.object.GetObjectKind().GroupVersionKind())
			test.object.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "someone"}})
			packed, err := k.pack(test.object)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // with a new buffer and with a reused one
				got, err := k.unpack(packed)
				if err != nil {
					t.Fatal(err)
				}
				got.GetObjectKind().SetGroupVersionKind(want.GetObjectKind().GroupVersionKind()) // protobuf omits it
				if !reflect.DeepEqual(want, got) {
					t.Errorf("unpacked (-want +got):\n%s", cmp.Diff(want, got))
				}
			}
		})
	}
}

func large() []byte {
	raw, err := json.Marshal(strings.Repeat("0123456789abcdef", 1<<16))
	if err != nil {
		panic(err) // a string can always be encoded
	}
	return raw
}

func TestPackedIsSmall(t *testing.T) {
	// maximum bytes of an object that is like the sample except for its name, hashes and UIDs
	for resource, most := range map[string]int{
		"appstacks": 200, "controllerrevisions": 250, "deployments": 200, "services": 150,
		"horizontalpodautoscalers": 150, "poddisruptionbudgets": 150,
	} {
		t.Run(resource, func(t *testing.T) {
			k := kindOf(t, resource)
			raw, err := encode(another(t, k, "blog"))
			if err != nil {
				t.Fatal(err)
			}
			packed, err := k.pack(another(t, k, "blog"))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes of %d", len(packed), len(raw))
			if len(packed) > most {
				t.Errorf("packed to %d bytes, want %d at most", len(packed), most)
			}
		})
	}
}

func TestWhatIsDamagedIsAnError(t *testing.T) {
	k := kindOf(t, "deployments")
	if got, err := k.unpack("no packed Deployment"); err == nil {
		t.Errorf("unpacked %v, want an error", got)
	}
	if _, err := k.unpack(mustPack(t, k, "blog")); err != nil {
		t.Errorf("after an error: %v", err)
	}
}

func mustPack(t *testing.T, k *kind, name string) string {
	t.Helper()
	packed, err := k.pack(another(t, k, name))
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func BenchmarkPack(b *testing.B) {
	kinds, err := newKinds()
	if err != nil {
		b.Fatal(err)
	}
	for _, k := range kinds {
		packed, err := k.deflate(k.packer.sample)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("pack/"+k.resource.Resource, func(b *testing.B) {
			for b.Loop() {
				if _, err := k.deflate(k.packer.sample); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("unpack/"+k.resource.Resource, func(b *testing.B) {
			for b.Loop() {
				if _, err := k.unpack(packed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
