// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package configwatch_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/configwatch"
	"github.com/appstack-dev/appstack/internal/model"
)

// patience is how long a test waits for what should happen at once.
const patience = 10 * time.Second

var (
	noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	shop = types.NamespacedName{Namespace: "default", Name: "shop"}
	blog = types.NamespacedName{Namespace: "default", Name: "blog"}
)

var configMaps = corev1.SchemeGroupVersion.WithResource("configmaps")

// cluster has ConfigMaps whose metadata is watched and whose content is read.
type cluster struct {
	*configwatch.ConfigMaps
	t       *testing.T
	clock   *clocktesting.FakeClock
	changed chan types.NamespacedName
	// list lets the list be served.
	list chan struct{}
	// watched has the namespace of each watch that begins, and events is what it brings.
	watched chan string
	events  *watch.RaceFreeFakeWatcher
	// namespace is that of the watch; nil until it begins.
	namespace *string

	mu       sync.Mutex
	version  int
	contents map[types.NamespacedName]*corev1.ConfigMap
	reads    []string
	// duringRead is called, once, after the content of the next read is determined.
	duringRead func()
	readError  error
	// listError is the answer to lists. Each list is sent to lists.
	listError error
	lists     chan struct{}
	// ended is closed when the watch ends.
	ended chan struct{}
}

func newCluster(t *testing.T, namespaces ...string) *cluster {
	t.Helper()
	c := &cluster{
		t: t, clock: clocktesting.NewFakeClock(noon), events: watch.NewRaceFreeFake(), watched: make(chan string, 10), list: make(chan struct{}),
		changed: make(chan types.NamespacedName, 100), ended: make(chan struct{}), lists: make(chan struct{}, 100),
		contents: map[types.NamespacedName]*corev1.ConfigMap{},
	}
	c.ConfigMaps = configwatch.NewConfigMaps(api{cluster: c}, reader{cluster: c}, namespaces, c.clock)
	c.Start(t.Context(), func(stack types.NamespacedName) { c.changed <- stack })
	return c
}

// api serves lists and watches of the metadata of ConfigMaps.
type api struct {
	metadata.Getter
	*cluster
	of string
}

func (a api) Resource(schema.GroupVersionResource) metadata.Getter { return a }

func (a api) Namespace(namespace string) metadata.ResourceInterface {
	a.of = namespace
	return a
}

// IsWatchListSemanticsUnSupported has the reflector list before it watches.
func (a api) IsWatchListSemanticsUnSupported() bool { return true }

func (a api) List(context.Context, metav1.ListOptions) (*metav1.PartialObjectMetadataList, error) {
	<-a.list
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case a.lists <- struct{}{}:
	default: // nobody counts them
	}
	if a.listError != nil {
		return nil, a.listError
	}
	list := &metav1.PartialObjectMetadataList{ListMeta: metav1.ListMeta{ResourceVersion: strconv.Itoa(a.version)}}
	for _, found := range a.contents {
		list.Items = append(list.Items, *aboutOf(found))
	}
	return list, nil
}

func (a api) Watch(ctx context.Context, _ metav1.ListOptions) (watch.Interface, error) {
	a.watched <- a.of
	context.AfterFunc(ctx, func() { close(a.ended) })
	return a.events, nil
}

func aboutOf(found *corev1.ConfigMap) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: found.ObjectMeta}
}

// reader reads the contents of the cluster.
type reader struct {
	client.Reader
	*cluster
}

func (r reader) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads = append(r.reads, key.Name)
	if r.readError != nil {
		return r.readError
	}
	found := r.contents[key]
	if during := r.duringRead; during != nil {
		r.duringRead = nil
		r.mu.Unlock()
		during()
		r.mu.Lock()
	}
	if found == nil {
		return notFound(key.Name)
	}
	switch into := into.(type) {
	case *corev1.ConfigMap:
		found.DeepCopyInto(into)
	case *corev1.Secret:
		into.ObjectMeta, into.Data = found.ObjectMeta, map[string][]byte{"key": []byte(found.Data["key"])}
	}
	return nil
}

// set creates or changes a ConfigMap, and returns the hash of its content.
func (c *cluster) set(name, value string) string {
	c.t.Helper()
	c.mu.Lock()
	c.version++
	key := types.NamespacedName{Namespace: "default", Name: name}
	before := c.contents[key]
	made := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: key.Namespace, Name: name, UID: types.UID("uid-of-" + name), ResourceVersion: strconv.Itoa(c.version),
		},
		Data: map[string]string{"key": value},
	}
	c.contents[key] = made
	c.mu.Unlock()
	switch {
	case c.namespace == nil: // it is in the list
	case before == nil:
		c.events.Add(aboutOf(made))
	default:
		c.events.Modify(aboutOf(made))
	}
	return (&model.ConfigMap{Data: made.Data}).Hash()
}

func (c *cluster) remove(name string) {
	c.t.Helper()
	key := types.NamespacedName{Namespace: "default", Name: name}
	c.mu.Lock()
	found := c.contents[key]
	delete(c.contents, key)
	c.mu.Unlock()
	c.events.Delete(aboutOf(found))
}

// awaits waits until a change of each of the stacks, and of no other, is reported.
func (c *cluster) awaits(stacks ...types.NamespacedName) {
	c.t.Helper()
	var got []types.NamespacedName
	for range stacks {
		select {
		case stack := <-c.changed:
			got = append(got, stack)
		case <-time.After(patience):
			c.t.Fatalf("changes of %v are reported within %s, want %v", got, patience, stacks)
		}
	}
	slices.SortFunc(got, func(a, b types.NamespacedName) int { return len(a.Name) - len(b.Name) })
	if diff := cmp.Diff(stacks, got); diff != "" {
		c.t.Fatalf("reported changes (-want +got):\n%s", diff)
	}
}

// shows fails unless the stack's ConfigMaps have these hashes, after the expected reads.
func (c *cluster) shows(stack types.NamespacedName, recorded map[string]model.ObservedConfig, want map[string]string, reads ...string) {
	c.t.Helper()
	c.mu.Lock()
	c.reads = nil
	c.mu.Unlock()
	seen, err := c.Observe(c.t.Context(), stack, recorded)
	if err != nil {
		c.t.Fatal(err)
	}
	got := map[string]string{}
	for name, config := range seen {
		got[name] = config.Hash
	}
	if diff := cmp.Diff(want, got); diff != "" {
		c.t.Errorf("hashes (-want +got):\n%s", diff)
	}
	slices.Sort(c.reads)
	if diff := cmp.Diff(reads, c.reads); diff != "" {
		c.t.Errorf("reads (-want +got):\n%s", diff)
	}
}

// names are ConfigMaps of which nothing is recorded.
func names(names ...string) map[string]model.ObservedConfig {
	all := map[string]model.ObservedConfig{}
	for _, name := range names {
		all[name] = model.ObservedConfig{}
	}
	return all
}

// begin has the stack observe ConfigMaps, until all of them are listed.
func (c *cluster) begin(stack types.NamespacedName, named map[string]model.ObservedConfig) {
	c.t.Helper()
	c.shows(stack, named, map[string]string{})
	close(c.list)
	c.awaits(stack)
	select {
	case namespace := <-c.watched:
		c.namespace = &namespace
	case <-time.After(patience):
		c.t.Fatal("no watch begins")
	}
}

// TestObserve shows that a change of a ConfigMap is reported to the stacks that name it, which is
// read once for all of them, and nothing is read while nothing changes.
func TestObserve(t *testing.T) {
	c := newCluster(t)
	web, foreign := c.set("web", "1"), c.set("foreign", "1")
	c.begin(shop, names("web", "later"))
	c.shows(shop, names("web", "later"), map[string]string{"web": web, "later": model.AbsentHash}, "web")
	c.shows(shop, names("web", "later"), map[string]string{"web": web, "later": model.AbsentHash})
	c.shows(blog, names("web"), map[string]string{"web": web})

	changed := c.set("web", "2")
	c.awaits(shop, blog)
	c.shows(blog, names("web"), map[string]string{"web": changed}, "web")
	c.shows(shop, names("web", "later"), map[string]string{"web": changed, "later": model.AbsentHash})

	c.set("foreign", "2")
	later := c.set("later", "1")
	c.awaits(shop) // not of the foreign one
	c.shows(shop, names("web", "later"), map[string]string{"web": changed, "later": later}, "later")

	c.remove("web")
	c.awaits(shop, blog)
	c.shows(shop, names("web", "later"), map[string]string{"web": model.AbsentHash, "later": later})

	c.shows(shop, names("foreign"), map[string]string{"foreign": foreignHash(foreign, c)}, "foreign")
	c.set("later", "2") // no longer named
	again := c.set("web", "3")
	c.awaits(blog)
	c.shows(blog, names("web"), map[string]string{"web": again}, "web")
	c.Forget(blog)
	c.set("web", "4")
	c.set("foreign", "3")
	c.awaits(shop)
}

// foreignHash returns the hash of the changed foreign ConfigMap.
func foreignHash(first string, c *cluster) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.contents[types.NamespacedName{Namespace: "default", Name: "foreign"}]
	if hash := (&model.ConfigMap{Data: found.Data}).Hash(); hash != first {
		return hash
	}
	return "unchanged"
}

// TestObserveAfterRestart shows that what is recorded is not read again while its version is the
// current one.
func TestObserveAfterRestart(t *testing.T) {
	c := newCluster(t)
	web := c.set("web", "1")
	recorded := map[string]model.ObservedConfig{"web": {Hash: web, Version: "uid-of-web/1"}, "gone": {Hash: "x", Version: "uid/7"}}
	c.begin(shop, recorded)
	c.shows(shop, recorded, map[string]string{"web": web, "gone": model.AbsentHash})
	touched := c.set("web", "1")
	c.awaits(shop)
	c.shows(shop, recorded, map[string]string{"web": touched, "gone": model.AbsentHash}, "web")
}

// TestChangeDuringRead shows that a change is not lost that comes while the ConfigMap is read.
func TestChangeDuringRead(t *testing.T) {
	c := newCluster(t)
	before := c.set("web", "1")
	c.begin(shop, names("web"))
	var after string
	c.duringRead = func() {
		after = c.set("web", "2")
		c.awaits(shop)
	}
	c.shows(shop, names("web"), map[string]string{"web": before}, "web")
	c.shows(shop, names("web"), map[string]string{"web": after}, "web")
	c.shows(shop, names("web"), map[string]string{"web": after})
}

// TestChangedAt shows when a change was observed: not at all before there is one.
func TestChangedAt(t *testing.T) {
	c := newCluster(t)
	c.set("web", "1")
	c.begin(shop, names("web"))
	at := func() time.Time {
		t.Helper()
		seen, err := c.Observe(t.Context(), shop, names("web"))
		if err != nil {
			t.Fatal(err)
		}
		return seen["web"].ChangedAt
	}
	if got := at(); !got.IsZero() {
		t.Errorf("R32 changed at %v before any change", got)
	}
	c.clock.Step(time.Minute)
	c.set("web", "2")
	c.awaits(shop)
	c.clock.Step(time.Minute)
	if got, want := at(), noon.Add(time.Minute); !got.Equal(want) {
		t.Errorf("R32 changed at %v, want %v", got, want)
	}
}

// TestReadFails shows that an error is returned, and the ConfigMap read again at the next time.
func TestReadFails(t *testing.T) {
	c := newCluster(t)
	web := c.set("web", "1")
	c.begin(shop, names("web"))
	c.readError = errors.New("no")
	if _, err := c.Observe(t.Context(), shop, names("web")); !errors.Is(err, c.readError) {
		t.Errorf("got error %v", err)
	}
	if _, _, err := c.Read(t.Context(), "default", []string{"web"}); !errors.Is(err, c.readError) {
		t.Errorf("got error %v", err)
	}
	c.readError = nil
	c.shows(shop, names("web"), map[string]string{"web": web}, "web")
}

// TestRead shows that the content for a release is read live.
func TestRead(t *testing.T) {
	c := newCluster(t)
	web := c.set("web", "1")
	configs, versions, err := c.Read(t.Context(), "default", []string{"web", "missing"})
	if err != nil || configs["web"].Hash() != web || configs["missing"] != nil || configs["missing"].Hash() != model.AbsentHash {
		t.Errorf("got %v, error %v", configs, err)
	}
	if diff := cmp.Diff(map[string]string{"web": "uid-of-web/1", "missing": ""}, versions); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
}

// TestNamespaces shows that only the namespaces of the operator are watched.
func TestNamespaces(t *testing.T) {
	c := newCluster(t, "default", "other")
	web := c.set("web", "1")
	c.begin(shop, names("web"))
	c.shows(shop, names("web"), map[string]string{"web": web}, "web")
	if *c.namespace != "default" {
		t.Errorf("namespace %q is watched", *c.namespace)
	}
}

// notFound is the API server's answer for a ConfigMap that does not exist.
func notFound(name string) error {
	return apierrors.NewNotFound(configMaps.GroupResource(), name)
}

// TestReadIsObserved shows that what was read for a release is not read again, and that its writer is
// known.
func TestReadIsObserved(t *testing.T) {
	c := newCluster(t)
	c.set("web", "1")
	c.begin(shop, names("web"))
	configs, _, err := c.Read(t.Context(), "default", []string{"web"})
	if err != nil {
		t.Fatal(err)
	}
	c.shows(shop, names("web"), map[string]string{"web": configs["web"].Hash()})
	after := c.set("web", "2")
	c.awaits(shop)
	c.mu.Lock()
	key := types.NamespacedName{Namespace: "default", Name: "web"}
	c.contents[key].ManagedFields = []metav1.ManagedFieldsEntry{
		{Manager: "app", Time: &metav1.Time{Time: noon.Add(time.Minute)}}, {Manager: "kubectl", Time: &metav1.Time{Time: noon}},
	}
	c.mu.Unlock()
	seen, err := c.Observe(t.Context(), shop, names("web"))
	if err != nil || seen["web"].Hash != after || seen["web"].Writer != "app" {
		t.Errorf("R32 observed %+v, error %v, want hash %s written by app", seen["web"], err, after)
	}
}
