// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package packedcache

import (
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/queue"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// kept is a cache with stores that the test fills itself, and the stacks reported by it.
type kept struct {
	*Cache
	t    *testing.T
	told []string
	// released are those of the reported stacks whose spec changed.
	released []string
	// lookedAt are stacks without a change.
	lookedAt []string
}

func newKept(t *testing.T) *kept {
	t.Helper()
	kinds, err := newKinds()
	if err != nil {
		t.Fatal(err)
	}
	k := &kept{Cache: &Cache{entries: &entries{}}, t: t}
	for _, kind := range kinds {
		k.watches = append(k.watches, &watch{store: &store{kind: kind, entries: k.entries, filled: make(chan struct{})}})
	}
	k.entries.listen(func(stacks []types.NamespacedName, priority queue.Priority) {
		for _, stack := range stacks {
			switch priority {
			case queue.Look:
				k.lookedAt = append(k.lookedAt, stack.String())
				continue
			case queue.Release:
				k.released = append(k.released, stack.String())
			case queue.Change, queue.Trouble:
			}
			k.told = append(k.told, stack.String())
		}
	})
	return k
}

func (k *kept) store(resource string) *store {
	k.t.Helper()
	at := slices.IndexFunc(k.watches, func(s *watch) bool { return s.resource.Resource == resource })
	if at < 0 {
		k.t.Fatalf("there is no store of %s", resource)
	}
	return k.watches[at].store
}

// fill marks every store as filled, and empty.
func (k *kept) fill() *kept {
	for _, store := range k.watches {
		k.do(store.Replace(nil, ""))
	}
	return k
}

func (k *kept) do(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

// takeTold returns the stacks reported since the last call.
func (k *kept) takeTold() []string {
	told := k.told
	k.told = nil
	return told
}

func service(name, stack, version string) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{
		Namespace: Namespace, Name: name, ResourceVersion: version, Labels: map[string]string{naming.LabelStack: stack},
	}}
}

// services returns the names and versions of a stack's Services.
func (k *kept) services(stack string) []string {
	k.t.Helper()
	objects, err := k.Of(types.NamespacedName{Namespace: Namespace, Name: stack})
	k.do(err)
	var all []string
	for _, service := range objects.Children {
		all = append(all, service.Object.GetName()+" "+service.Object.GetResourceVersion())
	}
	return all
}

func TestStore(t *testing.T) {
	type steps = func(*store) []error
	tests := map[string]struct {
		then steps
		told []string
		shop []string
		blog []string
	}{
		"nothing": {func(*store) []error { return nil }, nil, []string{"shop 1", "shop-api 2"}, nil},
		"one comes": {
			func(s *store) []error { return []error{s.Add(service("blog", "blog", "3"))} },
			[]string{"default/blog"}, []string{"shop 1", "shop-api 2"}, []string{"blog 3"},
		},
		"one changes": {
			func(s *store) []error { return []error{s.Update(service("shop", "shop", "3"))} },
			[]string{"default/shop"}, []string{"shop 3", "shop-api 2"}, nil,
		},
		"one is told again": {
			func(s *store) []error { return []error{s.Update(service("shop", "shop", "1"))} },
			nil, []string{"shop 1", "shop-api 2"}, nil,
		},
		"R26 one names another stack now": {
			func(s *store) []error { return []error{s.Update(service("shop", "blog", "3"))} },
			[]string{"default/shop", "default/blog"}, []string{"shop-api 2"}, []string{"shop 3"},
		},
		"one goes": {
			func(s *store) []error { return []error{s.Delete(service("shop", "shop", "3"))} },
			[]string{"default/shop"}, []string{"shop-api 2"}, nil,
		},
		"R26 one goes that names another stack as it goes": {
			func(s *store) []error { return []error{s.Delete(service("shop", "blog", "3"))} },
			[]string{"default/shop"}, []string{"shop-api 2"}, nil,
		},
		"one goes that was not there": {
			func(s *store) []error { return []error{s.Delete(service("other", "shop", "3"))} },
			nil, []string{"shop 1", "shop-api 2"}, nil,
		},
		"all go": {
			func(s *store) []error {
				return []error{s.Delete(service("shop", "shop", "3")), s.Delete(service("shop-api", "shop", "3"))}
			},
			[]string{"default/shop", "default/shop"}, nil, nil,
		},
		"all are listed again": {
			func(s *store) []error {
				return []error{s.Replace([]any{service("shop-api", "shop", "4"), service("blog", "blog", "3")}, "")}
			},
			[]string{"default/shop", "default/shop", "default/blog"}, []string{"shop-api 4"}, []string{"blog 3"},
		},
		"all are listed again, and are as they were": {
			func(s *store) []error {
				return []error{s.Replace([]any{service("shop-api", "shop", "2"), service("shop", "shop", "1")}, "")}
			},
			nil, []string{"shop 1", "shop-api 2"}, nil,
		},
		"all are to be looked at again, and these are no stacks": {
			func(s *store) []error { return []error{s.Resync()} }, nil, []string{"shop 1", "shop-api 2"}, nil,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := newKept(t).fill()
			services := k.store("services")
			k.do(services.Add(service("shop", "shop", "1")))
			k.do(services.Add(service("shop-api", "shop", "2")))
			k.takeTold()
			for _, err := range test.then(services) {
				k.do(err)
			}
			if diff := cmp.Diff(test.told, k.takeTold()); diff != "" {
				t.Errorf("reported (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.shop, k.services("shop")); diff != "" {
				t.Errorf("Services of shop (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.blog, k.services("blog")); diff != "" {
				t.Errorf("Services of blog (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNothingIsLeft checks that deleted objects use no memory.
func TestNothingIsLeft(t *testing.T) {
	k := newKept(t).fill()
	stack := Stack("shop")
	k.do(k.store("appstacks").Add(stack.DeepCopy()))
	k.do(k.store("services").Add(service("shop", "shop", "1")))
	k.do(k.store("services").Update(service("shop", "blog", "2")))
	k.do(k.store("appstacks").Delete(stack))
	k.do(k.store("services").Replace(nil, ""))
	if left := len(k.entries.byStack); left != 0 {
		t.Errorf("%d stacks are still cached", left)
	}
	for _, store := range k.watches {
		if left := len(store.byName); left != 0 {
			t.Errorf("%d of the %s are still cached", left, store.resource.Resource)
		}
	}
}

// TestManyAtATime reads while the watches write, to find races in the shared packing buffers.
func TestManyAtATime(t *testing.T) {
	const rounds = 50
	k := newKept(t).fill()
	k.entries.listen(func([]types.NamespacedName, queue.Priority) {})
	stacks, services := k.store("appstacks"), k.store("services")
	names := []string{"blog", "forum", "shop"}
	for _, name := range names {
		k.do(stacks.Add(Stack(name)))
		k.do(services.Add(service(name, name, "0")))
	}
	var all sync.WaitGroup
	for _, name := range names {
		key := types.NamespacedName{Namespace: Namespace, Name: name}
		all.Go(func() {
			for i := range rounds {
				stack := Stack(name)
				stack.ResourceVersion = strconv.Itoa(i)
				if err := errors.Join(stacks.Update(stack), services.Update(service(name, name, strconv.Itoa(i)))); err != nil {
					t.Error(err)
				}
			}
		})
		for range 2 {
			all.Go(func() {
				for range rounds {
					stack := &v1alpha1.AppStack{}
					if err := k.Get(t.Context(), key, stack); err != nil || stack.Name != name {
						t.Errorf("stack %q is read for %s: %v", stack.Name, name, err)
					}
					objects, err := k.Of(key)
					if err != nil || len(objects.Children) != 1 || objects.Children[0].Object.GetName() != name {
						t.Errorf("objects of %s are %+v: %v", name, objects.Children, err)
					}
					var list v1alpha1.AppStackList
					if err := (Conditions{k.Cache}).List(t.Context(), &list); err != nil || len(list.Items) != len(names) {
						t.Errorf("%d stacks are listed: %v", len(list.Items), err)
					}
				}
			})
		}
	}
	all.Wait()
}

// TestTransformed checks that objects packed by the transformer are stored unchanged.
func TestTransformed(t *testing.T) {
	k := newKept(t).fill()
	services := k.store("services")
	packed, err := services.Transformer()(service("shop", "shop", "1"))
	k.do(err)
	k.do(services.Replace([]any{packed}, ""))
	if diff := cmp.Diff([]string{"shop 1"}, k.services("shop")); diff != "" {
		t.Errorf("Services (-want +got):\n%s", diff)
	}
	k.takeTold()
	k.do(services.Update(service("shop", "shop", "1"))) // a watch continues where a list ended
	if told := k.takeTold(); told != nil {
		t.Errorf("reported %v, which did not change", told)
	}
}

func TestWhatIsNoObjectIsAnError(t *testing.T) {
	k := newKept(t)
	services := k.store("services")
	for name, err := range map[string]error{
		"Add":     services.Add("words"),
		"Update":  services.Update("words"),
		"Delete":  services.Delete("words"),
		"Replace": services.Replace([]any{"words"}, ""),
	} {
		if err == nil {
			t.Errorf("%s accepts a string", name)
		}
	}
	if k.synced() {
		t.Error("the cache is filled with a string")
	}
}

func TestWhatIsReleased(t *testing.T) {
	stack := func(generation int64, image string) *v1alpha1.AppStack {
		made := Stack("shop")
		made.Generation, made.Status.Image = generation, image
		return made
	}
	k := newKept(t).fill()
	stacks, services := k.store("appstacks"), k.store("services")
	for i, step := range []struct {
		change func(any) error
		object any
		want   bool
	}{
		{stacks.Add, stack(1, ""), true},
		{stacks.Update, stack(1, "my-app:1"), false},
		{stacks.Update, stack(2, "my-app:1"), true},
		{services.Add, service("shop", "shop", "1"), false},
		{services.Update, service("shop", "shop", "2"), false},
		{stacks.Delete, stack(2, ""), false},
		{stacks.Add, stack(2, ""), true},
	} {
		k.told, k.released = nil, nil
		k.do(step.change(step.object))
		if len(k.told) != 1 || (len(k.released) == 1) != step.want {
			t.Errorf("change %d: reported %v, released %v, want released: %v", i+1, k.told, k.released, step.want)
		}
	}
}

func TestResync(t *testing.T) {
	k := newKept(t).fill()
	k.do(k.store("appstacks").Add(Stack("shop")))
	k.do(k.store("services").Add(service("blog", "blog", "1"))) // there is no stack blog
	for _, store := range k.watches {
		k.do(store.Resync())
	}
	if diff := cmp.Diff([]string{"default/shop"}, k.lookedAt); diff != "" {
		t.Errorf("reconciled again (-want +got):\n%s", diff)
	}
}

func TestGet(t *testing.T) {
	k := newKept(t)
	key := types.NamespacedName{Namespace: Namespace, Name: "shop"}
	if err := k.Get(t.Context(), key, &v1alpha1.AppStack{}); err == nil || client.IgnoreNotFound(err) == nil {
		t.Errorf("before it is filled: %v, want an error other than NotFound", err)
	}
	if _, err := k.Of(key); err == nil {
		t.Error("before it is filled the objects of a stack are returned")
	}
	k.fill()
	k.do(k.store("services").Add(service("shop", "shop", "1")))
	if err := k.Get(t.Context(), key, &v1alpha1.AppStack{}); err == nil || client.IgnoreNotFound(err) != nil {
		t.Errorf("without the stack: %v, want NotFound", err)
	}
	k.do(k.store("appstacks").Add(Stack("shop")))
	got := &v1alpha1.AppStack{}
	k.do(k.Get(t.Context(), key, got))
	if diff := cmp.Diff(Stack("shop").Spec, got.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if got.Kind != "AppStack" {
		t.Errorf("the kind of a stack is %q", got.Kind)
	}
	if err := k.Get(t.Context(), key, &corev1.Service{}); err == nil || client.IgnoreNotFound(err) == nil {
		t.Errorf("another kind: %v, want an error other than NotFound", err)
	}
}

func TestConditions(t *testing.T) {
	k := newKept(t)
	reader := Conditions{k.Cache}
	if err := reader.List(t.Context(), &v1alpha1.AppStackList{}); err == nil {
		t.Error("before it is filled the stacks are listed")
	}
	k.fill()
	ready, stalled := Stack("ready"), Stack("stalled")
	ready.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: "True", Reason: "Succeeded", Message: "revision 1 runs"}}
	stalled.Status.Conditions = []metav1.Condition{
		{Type: "Ready", Status: "False", Reason: "RolledBack"}, {Type: "Stalled", Status: "True", Reason: "RolledBack"},
	}
	again := stalled.DeepCopy()
	again.Status.Conditions[1].Reason = "RollbackFailed"
	stacks := k.store("appstacks")
	k.do(stacks.Replace([]any{ready.DeepCopy(), stalled, Stack("new"), Stack("gone")}, ""))
	k.do(stacks.Update(again))
	k.do(stacks.Delete(Stack("gone")))
	k.do(k.store("services").Add(service("ready", "ready", "1")))
	k.do(k.store("services").Add(service("other", "other", "1")))
	var list v1alpha1.AppStackList
	k.do(reader.List(t.Context(), &list))
	got := map[string]int{}
	for _, stack := range list.Items {
		got[conditionsOf(&stack).Value()]++
	}
	want := map[string]int{"Ready True Succeeded\n": 1, "Ready False RolledBack\nStalled True RollbackFailed\n": 1, "": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
}
