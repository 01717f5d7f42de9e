// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package packedcache

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/queue"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// patience is the timeout for events that should happen immediately.
const patience = 10 * time.Second

// server serves watches: the existing objects of a resource, the bookmark after them, and later
// events.
type server struct {
	objects map[string][]client.Object
	later   map[string]chan client.Object
	// without is a resource that may not be read.
	without string
	// accepted is the Accept header of the last request for each resource.
	accepted map[string]string
	// missing is a resource whose API is not installed until install is called.
	missing string
	// noWatchList makes it reject a watch that begins with the existing objects. It serves lists of
	// one object a page instead, and records their queries.
	noWatchList bool
	lists       []url.Values
	// log receives errors.
	log logr.Logger

	mu    sync.Mutex
	asked []string
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/")
	resource := parts[len(parts)-1]
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.Path+" "+r.URL.Query().Get("labelSelector"))
	if s.accepted == nil {
		s.accepted = map[string]string{}
	}
	s.accepted[resource] = r.Header.Get("Accept")
	s.mu.Unlock()
	query := r.URL.Query()
	listed := query.Get("watch") == ""
	if s.isMissing(resource) {
		http.NotFound(w, r)
		return
	}
	if resource == s.without || listed && !s.noWatchList {
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case listed:
		s.list(w, resource, query)
		return
	case s.noWatchList && query.Get("sendInitialEvents") != "":
		refusal := apierrors.NewInvalid(schema.GroupKind{Kind: "ListOptions"}, "", nil).ErrStatus
		w.WriteHeader(int(refusal.Code))
		_ = json.NewEncoder(w).Encode(refusal)
		return
	case s.noWatchList:
		<-r.Context().Done()
		return
	}
	stream := json.NewEncoder(w)
	send := func(eventType string, object client.Object) {
		// the context reports clients that left
		_ = stream.Encode(map[string]any{"type": eventType, "object": object})
		_ = http.NewResponseController(w).Flush()
	}
	var last client.Object
	for _, object := range s.objects[resource] {
		send("ADDED", object)
	}
	for _, object := range s.objects[resource+"/sample"] {
		last = object.DeepCopyObject().(client.Object) //nolint:forcetypeassert // watches of several namespaces share it
	}
	last.SetResourceVersion("7")
	last.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
	send("BOOKMARK", last)
	for {
		select {
		case object := <-s.later[resource]:
			send("MODIFIED", object)
		case <-r.Context().Done():
			return
		}
	}
}

// isMissing reports whether the resource's API is not installed.
func (s *server) isMissing(resource string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return resource == s.missing
}

// install installs the API of the missing resource.
func (s *server) install() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing = ""
}

// paths returns the requested paths without duplicates.
func (s *server) paths() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(s.asked)))
}

// open starts a cache that reads from the server. It stops with the test.
func (s *server) open(t *testing.T, options cache.Options) *Cache {
	t.Helper()
	options.Scheme = runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(options.Scheme); err != nil {
			t.Fatal(err)
		}
	}
	kinds, err := newKinds()
	if err != nil {
		t.Fatal(err)
	}
	if s.objects == nil {
		s.objects = map[string][]client.Object{}
	}
	for _, k := range kinds { // clients expect TypeMeta
		resource := k.resource.Resource
		k.optional = resource == s.missing
		gvks, _, err := options.Scheme.ObjectKinds(k.fresh())
		if k.metadata {
			gvks, err = []schema.GroupVersionKind{metav1.SchemeGroupVersion.WithKind("PartialObjectMetadata")}, nil
		}
		if err != nil {
			t.Fatal(err)
		}
		bookmark := k.fresh()
		for _, object := range append(s.objects[resource], bookmark) {
			object.GetObjectKind().SetGroupVersionKind(gvks[0])
		}
		s.objects[resource+"/sample"] = []client.Object{bookmark}
	}
	api := httptest.NewServer(s)
	config := &rest.Config{Host: api.URL}
	options.HTTPClient = api.Client()
	c, err := newCache(kinds, config, options)
	if err != nil {
		t.Fatal(err)
	}
	c.recheck = 10 * time.Millisecond
	ctx, cancel := context.WithCancel(logr.NewContext(context.Background(), s.log))
	ended := make(chan error, 1)
	go func() { ended <- c.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Start ended: %v", err)
			}
		case <-time.After(patience):
			t.Errorf("the cache did not end within %s", patience)
		}
		api.Close()
	})
	return c
}

func synced(t *testing.T, c *Cache, within time.Duration) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return c.WaitForCacheSync(ctx)
}

func TestCacheIsFilled(t *testing.T) {
	s := &server{objects: map[string][]client.Object{
		"appstacks": {Stack("shop")}, "services": {service("shop", "shop", "1")},
	}}
	c := s.open(t, cache.Options{})
	if !synced(t, c, patience) {
		t.Fatal("the cache is not filled")
	}
	key := types.NamespacedName{Namespace: Namespace, Name: "shop"}
	if err := c.Get(t.Context(), key, &v1alpha1.AppStack{}); err != nil {
		t.Errorf("reading the stack: %v", err)
	}
	objects, err := c.Of(key)
	if err != nil || len(objects.Children) != 1 || objects.Children[0].Kind != model.KindService {
		t.Errorf("objects of the stack: %+v, %v, want a Service", objects, err)
	}
	const selector = " apps.appstack.dev/stack"
	want := []string{
		"/api/v1/configmaps" + selector,
		"/api/v1/services" + selector,
		"/apis/apps.appstack.dev/v1alpha1/appstacks ",
		"/apis/apps/v1/controllerrevisions" + selector,
		"/apis/apps/v1/deployments" + selector,
		"/apis/autoscaling/v2/horizontalpodautoscalers" + selector,
		"/apis/policy/v1/poddisruptionbudgets" + selector,
	}
	if diff := cmp.Diff(want, s.paths()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestCacheOfNamespaces(t *testing.T) {
	s := &server{}
	c := s.open(t, cache.Options{DefaultNamespaces: map[string]cache.Config{"red": {}, "blue": {}}})
	if !synced(t, c, patience) {
		t.Fatal("the cache is not filled")
	}
	paths := s.paths()
	if len(paths) != 14 {
		t.Errorf("requested %v, want seven kinds in two namespaces", paths)
	}
	for _, path := range paths {
		if !strings.Contains(path, "/namespaces/red/") && !strings.Contains(path, "/namespaces/blue/") {
			t.Errorf("requested %s, outside the namespaces", path)
		}
	}
}

// TestCacheIsNotFilled checks an operator that lacks a permission.
func TestCacheIsNotFilled(t *testing.T) {
	for _, k := range []string{"appstacks", "controllerrevisions", "poddisruptionbudgets"} {
		t.Run(k, func(t *testing.T) {
			s := &server{without: k}
			c := s.open(t, cache.Options{})
			for _, store := range c.watches {
				if store.resource.Resource != k {
					select {
					case <-store.filled:
					case <-time.After(patience):
						t.Fatalf("%s are not read", store.resource.Resource)
					}
				}
			}
			if c.synced() || synced(t, c, time.Millisecond) {
				t.Errorf("the cache is filled without %s", k)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := (Source{c}).WaitForSync(ctx); err == nil {
				t.Errorf("the source is synced without %s", k)
			}
		})
	}
}

// TestWhatIsMissingIsLogged checks that the log names the missing permission.
func TestWhatIsMissingIsLogged(t *testing.T) {
	lines := make(chan string)
	s := &server{without: "services", log: funcr.New(func(prefix, args string) {
		select {
		case lines <- prefix + " " + args:
		case <-t.Context().Done():
		}
	}, funcr.Options{})}
	s.open(t, cache.Options{})
	for {
		select {
		case line := <-lines:
			if strings.HasPrefix(line, "cache") && strings.Contains(line, `"reflector"="services"`) && strings.Contains(line, "forbidden") {
				return
			}
		case <-time.After(patience):
			t.Fatal("the log does not report that Services may not be read")
		}
	}
}

// take returns the next item of the queue and its priority.
func take(t *testing.T, queue priorityqueue.PriorityQueue[reconcile.Request]) (string, int) {
	t.Helper()
	type next struct {
		request  reconcile.Request
		priority int
	}
	came := make(chan next, 1)
	go func() {
		request, priority, _ := queue.GetWithPriority()
		queue.Done(request)
		came <- next{request, priority}
	}()
	select {
	case n := <-came:
		return n.request.String(), n.priority
	case <-time.After(patience):
		t.Fatalf("the queue returned nothing within %s", patience)
		panic("unreachable")
	}
}

func TestSource(t *testing.T) {
	s := &server{
		objects: map[string][]client.Object{"appstacks": {Stack("shop")}, "services": {service("blog", "blog", "1")}},
		later:   map[string]chan client.Object{"services": make(chan client.Object)},
	}
	c := s.open(t, cache.Options{})
	if !synced(t, c, patience) {
		t.Fatal("the cache is not filled")
	}
	queue := priorityqueue.New[reconcile.Request]("test")
	defer queue.ShutDown()
	watched := Source{c}
	if err := watched.Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	if err := watched.WaitForSync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if name, priority := take(t, queue); name != "default/shop" || priority >= 0 {
		t.Errorf("got %s with priority %d, want default/shop with a lower priority than changes", name, priority)
	}
	changed := service("shop", "shop", "2")
	changed.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}
	s.later["services"] <- changed
	if name, priority := take(t, queue); name != "default/shop" || priority != 0 {
		t.Errorf("got %s with priority %d, want default/shop with priority 0", name, priority)
	}
}

// TestSourceTellsFirstWhatSomebodyWaitsFor checks that a manager that takes over leadership first
// handles the stacks that its predecessor left unfinished.
func TestSourceTellsFirstWhatSomebodyWaitsFor(t *testing.T) {
	at := func(name string, generation, observed int64, reconciling metav1.ConditionStatus) *v1alpha1.AppStack {
		stack := Stack(name)
		stack.Generation, stack.Status.ObservedGeneration = generation, observed
		stack.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReconciling, Status: reconciling}}
		return stack
	}
	k := newKept(t).fill()
	stacks := k.store("appstacks")
	for n := range 20 {
		k.do(stacks.Add(at(fmt.Sprintf("settled-%d", n), 3, 3, metav1.ConditionFalse)))
	}
	k.do(stacks.Add(at("rolls", 3, 3, metav1.ConditionTrue)))
	k.do(stacks.Add(at("changed", 4, 3, metav1.ConditionTrue)))
	k.do(stacks.Add(at("served", 4, 3, metav1.ConditionTrue)))
	k.do(stacks.Update(at("served", 4, 4, metav1.ConditionFalse)))
	into := priorityqueue.New[reconcile.Request]("test")
	defer into.ShutDown()
	k.do(Source{k.Cache}.Start(t.Context(), into))
	for _, want := range []struct {
		name     string
		priority queue.Priority
	}{{"default/changed", queue.Release}, {"default/rolls", queue.Change}} {
		if name, priority := take(t, into); name != want.name || priority != int(want.priority) {
			t.Errorf("got %s with priority %d, want %s with %d", name, priority, want.name, want.priority)
		}
	}
	if name, priority := take(t, into); priority != int(queue.Look) {
		t.Errorf("got %s with priority %d, want a settled one", name, priority)
	}
}

func TestSourceWithAPlainQueue(t *testing.T) {
	k := newKept(t).fill()
	k.do(k.store("appstacks").Add(Stack("shop")))
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	k.do(Source{k.Cache}.Start(t.Context(), queue))
	if got, _ := queue.Get(); got.Name != "shop" {
		t.Errorf("got %s, want default/shop", got)
	}
}

// TestNoOtherKind checks that reading a kind that is not cached fails, and opens no watch.
func TestNoOtherKind(t *testing.T) {
	c := newKept(t).fill().Cache
	informer, err := c.GetInformer(t.Context(), &v1alpha1.AppStack{})
	if informer != nil || err == nil {
		t.Errorf("GetInformer = %v, %v, want an error", informer, err)
	}
	informer, err = c.GetInformerForKind(t.Context(), v1alpha1.GroupVersion.WithKind("AppStack"))
	if informer != nil || err == nil {
		t.Errorf("GetInformerForKind = %v, %v, want an error", informer, err)
	}
	for name, err := range map[string]error{
		"List":           c.List(t.Context(), &v1alpha1.AppStackList{}),
		"RemoveInformer": c.RemoveInformer(t.Context(), &v1alpha1.AppStack{}),
		"IndexField":     c.IndexField(t.Context(), &v1alpha1.AppStack{}, "spec.image", nil),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
