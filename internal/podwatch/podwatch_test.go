// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package podwatch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/paging"
	"github.com/appstack-dev/appstack/internal/queue"
)

// patience is the timeout for events that should happen immediately.
const patience = 10 * time.Second

var shop = types.NamespacedName{Namespace: "default", Name: "shop"}

// next returns the next item of the channel.
func next[T any](t *testing.T, what string, channel <-chan T) T {
	t.Helper()
	select {
	case value := <-channel:
		return value
	case <-time.After(patience):
		t.Fatalf("%s did not happen within %s", what, patience)
		panic("unreachable")
	}
}

// server serves watches of pods, in a namespace and cluster-wide.
type server struct {
	pods []*corev1.Pod
	// noWatchList makes it reject a watch that begins with the existing pods; it serves pages of a
	// list instead.
	noWatchList bool
	// serve lets one request be served per item; if nil, all requests are served.
	serve chan struct{}
	// asked receives the namespaces and selectors of started watches; left receives an item per
	// ended watch.
	asked chan string
	left  chan struct{}

	mu    sync.Mutex
	later []chan map[string]any // events for each watch
	lists []string              // queries of list requests
}

// ServeHTTP implements http.Handler: it streams all pods, the bookmark after them, and later
// events.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	path := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/api/v1/"), "pods")
	namespace := strings.TrimSuffix(strings.TrimPrefix(path, "namespaces/"), "/")
	selector, err := labels.Parse(query.Get("labelSelector"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var found []*corev1.Pod
	for _, pod := range s.pods {
		if (namespace == "" || namespace == pod.Namespace) && selector.Matches(labels.Set(pod.Labels)) {
			found = append(found, pod)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case query.Get("watch") == "":
		s.list(w, query, found)
	case s.noWatchList && query.Get("sendInitialEvents") != "":
		refusal := apierrors.NewInvalid(schema.GroupKind{Kind: "ListOptions"}, "", nil).ErrStatus
		w.WriteHeader(int(refusal.Code))
		_ = json.NewEncoder(w).Encode(refusal)
	default:
		s.watch(w, r, namespace+": "+query.Get("labelSelector"), found)
	}
}

// list returns one pod a page.
func (s *server) list(w http.ResponseWriter, query url.Values, found []*corev1.Pod) {
	s.mu.Lock()
	s.lists = append(s.lists, query.Encode())
	s.mu.Unlock()
	at, _ := strconv.Atoi(query.Get("continue"))
	list := &corev1.PodList{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, ListMeta: metav1.ListMeta{ResourceVersion: "7"},
	}
	if at < len(found) {
		list.Items = []corev1.Pod{*found[at]}
	}
	if at+1 < len(found) {
		list.Continue = strconv.Itoa(at + 1)
	}
	_ = json.NewEncoder(w).Encode(list)
}

func (s *server) watch(w http.ResponseWriter, r *http.Request, what string, found []*corev1.Pod) {
	later := make(chan map[string]any, 100)
	s.mu.Lock()
	s.later = append(s.later, later)
	s.mu.Unlock()
	s.asked <- what
	if s.serve != nil {
		select {
		case <-s.serve:
		case <-r.Context().Done():
			return
		}
	}
	stream := json.NewEncoder(w)
	if r.URL.Query().Get("sendInitialEvents") != "" {
		for _, pod := range found {
			_ = stream.Encode(event("ADDED", pod)) // clients that left are handled below
		}
		_ = stream.Encode(event("BOOKMARK", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			ResourceVersion: "7", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"},
		}}))
	}
	for {
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			s.left <- struct{}{}
			return
		case event := <-later:
			_ = stream.Encode(event)
		}
	}
}

// tell sends an event on a pod to all watches.
func (s *server) tell(eventType string, pod *corev1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, later := range s.later {
		later <- event(eventType, pod)
	}
}

func event(eventType string, pod *corev1.Pod) map[string]any {
	pod = pod.DeepCopy()
	pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	pod.ResourceVersion = cmp.Or(pod.ResourceVersion, "8")
	return map[string]any{"type": eventType, "object": pod}
}

// serveOne lets the next request be served.
func (s *server) serveOne(t *testing.T) {
	t.Helper()
	select {
	case s.serve <- struct{}{}:
	case <-time.After(patience):
		t.Fatalf("no request came within %s", patience)
	}
}

// bench is a running watcher with its server.
type bench struct {
	*Watcher
	*server
	changed chan types.NamespacedName
}

func start(t *testing.T, live client.Reader, pods ...*corev1.Pod) *bench {
	t.Helper()
	return startWith(t, live, &server{pods: pods})
}

func startWith(t *testing.T, live client.Reader, serves *server, namespaces ...string) *bench {
	t.Helper()
	serves.asked, serves.left = make(chan string, 100), make(chan struct{}, 100)
	b := &bench{server: serves, changed: make(chan types.NamespacedName, 100)}
	api := httptest.NewServer(b.server)
	t.Cleanup(api.Close) // waits for the watches, which end with the test's context
	core, err := corev1client.NewForConfig(&rest.Config{Host: api.URL})
	if err != nil {
		t.Fatal(err)
	}
	b.Watcher = &Watcher{
		Pods: core.RESTClient(), Namespaces: namespaces, Live: live, Clock: clocktesting.NewFakePassiveClock(noon),
	}
	b.Start(t.Context(), func(stack types.NamespacedName, _ queue.Priority) { b.changed <- stack })
	return b
}

// watch returns the pods of the stack.
func (b *bench) watch(t *testing.T, stack types.NamespacedName) model.Pods {
	t.Helper()
	pods, err := b.Watch(t.Context(), stack, true)
	if err != nil {
		t.Fatal(err)
	}
	return pods
}

// seen waits until the stack's pods are known.
func (b *bench) seen(t *testing.T, stack types.NamespacedName) model.Pods {
	t.Helper()
	for {
		if pods := b.watch(t, stack); pods.Known {
			return pods
		}
		next(t, "a change", b.changed)
	}
}

// none returns a reader without ReplicaSets.
func none() client.Reader { return fake.NewClientBuilder().Build() }

func TestWatchBeginsOneRequestForAStack(t *testing.T) {
	bare := pod("a", running())
	bare.OwnerReferences = nil
	b := startWith(t, none(), &server{pods: []*corev1.Pod{bare}, serve: make(chan struct{})})
	if diff := gocmp.Diff(model.Pods{Asked: noon}, b.watch(t, shop)); diff != "" {
		t.Errorf("before the first list (-want +got):\n%s", diff)
	}
	b.serveOne(t)
	var passes sync.WaitGroup
	for range 20 {
		passes.Go(func() { b.begin(shop) })
	}
	passes.Wait()
	if got := next(t, "a change", b.changed); got != shop {
		t.Errorf("a change of %s was reported, want %s", got, shop)
	}
	want := kept("a")
	want.ReplicaSet = model.Owner{}
	if diff := gocmp.Diff(model.Pods{Known: true, Asked: noon, All: []model.Pod{want}}, b.seen(t, shop)); diff != "" {
		t.Errorf("pods (-want +got):\n%s", diff)
	}
	if got, want := next(t, "a watch", b.asked), "default: "+naming.LabelStack+"=shop"; got != want {
		t.Errorf("pods with %s are watched, want %s", got, want)
	}

	// another stack has its own watch
	other := types.NamespacedName{Namespace: "default", Name: "other"}
	b.begin(other)
	b.serveOne(t)
	b.seen(t, other)
	if got, want := next(t, "a watch", b.asked), "default: "+naming.LabelStack+"=other"; got != want {
		t.Errorf("pods with %s are watched, want %s", got, want)
	}
	if len(b.asked) != 0 || b.Len() != 2 {
		t.Errorf("%d more requests, and %d stacks are watched: want none, and 2", len(b.asked), b.Len())
	}
}

func TestStopEndsTheRequest(t *testing.T) {
	b := startWith(t, none(), &server{serve: make(chan struct{})})
	b.Stop(shop) // has no watch
	b.begin(shop)
	b.serveOne(t)
	b.seen(t, shop)
	next(t, "a watch", b.asked)

	b.Stop(shop)
	next(t, "the end of the watch", b.left)
	if got := b.Len(); got != 0 {
		t.Errorf("%d stacks are watched, want none", got)
	}

	// pods of the earlier watch are not reported
	if pods := b.watch(t, shop); pods.Known {
		t.Error("pods of an earlier watch are known")
	}
	b.serveOne(t)
	b.seen(t, shop)
	next(t, "another watch", b.asked)
	if len(b.asked) != 0 {
		t.Errorf("%d more requests, want none", len(b.asked))
	}
}

// stackPod returns a pod of the stack.
func stackPod(stack types.NamespacedName) *corev1.Pod {
	p := pod(stack.Name+"-pod", running())
	p.Namespace, p.Labels, p.OwnerReferences = stack.Namespace, naming.Labels(stack.Name, naming.Main), nil
	return p
}

// many returns this many stacks of a namespace, and a pod of each.
func many(count int, namespace string) (stacks []types.NamespacedName, pods []*corev1.Pod) {
	for i := range count {
		stack := types.NamespacedName{Namespace: namespace, Name: fmt.Sprintf("shop-%02d", i)}
		stacks, pods = append(stacks, stack), append(pods, stackPod(stack))
	}
	return stacks, pods
}

// began waits for this many watches to start and counts them by namespace and selector.
func (b *bench) began(t *testing.T, count int) map[string]int {
	t.Helper()
	began := map[string]int{}
	for range count {
		began[next(t, "a watch", b.asked)]++
	}
	return began
}

// ended waits until this many watches have ended.
func (b *bench) ended(t *testing.T, count int) {
	t.Helper()
	for range count {
		next(t, "the end of a watch", b.left)
	}
}

// rests checks that no watch starts or ends.
func (b *bench) rests(t *testing.T, watched int) {
	t.Helper()
	if len(b.asked) != 0 || len(b.left) != 0 || b.Len() != watched {
		t.Errorf("%d more watches, %d more ends, and %d stacks are watched: want none, none and %d",
			len(b.asked), len(b.left), b.Len(), watched)
	}
}

// TestManyStacksShareAWatch checks that the number of watches does not grow with the number of
// stacks.
func TestManyStacksShareAWatch(t *testing.T) {
	red, ofRed := many(ownWatches+10, "red")
	blue, ofBlue := many(ownWatches+10, "blue")
	stacks, pods := slices.Concat(red, blue), slices.Concat(ofRed, ofBlue)
	tests := map[string]struct {
		namespaces []string
		want       []string
	}{
		"in all namespaces": {nil, []string{": " + naming.LabelStack}},
		"in some":           {[]string{"blue", "red"}, []string{"red: " + naming.LabelStack, "blue: " + naming.LabelStack}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := startWith(t, none(), &server{pods: pods}, test.namespaces...)
			for _, stack := range stacks {
				b.Begin(stack)
			}
			began := b.began(t, ownWatches+len(test.want))
			for _, want := range test.want {
				if began[want] != 1 {
					t.Errorf("%v are watched, want %q once", began, want)
				}
			}
			for i, stack := range stacks {
				seen := b.seen(t, stack)
				if len(seen.All) != 1 || seen.All[0].Name != pods[i].Name || seen.Asked != noon {
					t.Errorf("pods of %s are %+v, want pod %s", stack, seen, pods[i].Name)
				}
			}
			b.rests(t, len(stacks))

			// later events
			last := stacks[len(stacks)-1]
			failing := stackPod(last)
			failing.Status = pod("", waiting("ErrImagePull")).Status
			b.tell("MODIFIED", failing)
			for b.watch(t, last).All[0].Containers == nil {
				next(t, "a change", b.changed)
			}
			b.tell("DELETED", failing)
			for len(b.watch(t, last).All) != 0 {
				next(t, "a change", b.changed)
			}

			// one more stack, when there is room for its own watch: the existing shared watch costs
			// less
			b.Stop(red[0])
			b.ended(t, 1)
			b.Begin(red[0])
			if !b.watch(t, red[0]).Known {
				t.Error("the pods seen by the shared watch are not known")
			}
			for _, stack := range stacks {
				b.Stop(stack)
				b.Stop(stack)
			}
		})
	}
}

// TestFewPart checks that a few stacks left over from a large release, such as failed ones, do not
// keep the shared watch open.
func TestFewPart(t *testing.T) {
	stacks, pods := many(ownWatches+3, "default")
	b := start(t, none(), pods...)
	for _, stack := range stacks {
		b.Begin(stack)
	}
	b.began(t, ownWatches+1)
	left := stacks[ownWatches:]
	for _, stack := range left {
		b.seen(t, stack)
	}
	for _, stack := range stacks[:2*len(left)] {
		if len(b.asked) != 0 {
			t.Error("a watch starts before there is room for all that are left")
		}
		b.Stop(stack)
	}
	began := b.began(t, len(left))
	for _, stack := range left {
		if want := "default: " + naming.LabelStack + "=" + stack.Name; began[want] != 1 {
			t.Errorf("%v are watched, want %q", began, want)
		}
		if seen := b.watch(t, stack); !seen.Known || len(seen.All) != 1 {
			t.Errorf("pods of %s meanwhile are %+v, want its pod", stack, seen)
		}
	}
	b.ended(t, 2*len(left)+1)
	b.rests(t, len(stacks)-2*len(left))
	gone := pods[ownWatches]
	b.tell("DELETED", gone)
	for len(b.watch(t, left[0]).All) != 0 {
		next(t, "a change", b.changed)
	}
}

// TestTheSharedWatchStays checks that the shared watch is not reopened for each rollout while many
// other stacks, for example failed ones, are watched all the time.
func TestTheSharedWatchStays(t *testing.T) {
	stacks, _ := many(ownWatches, "default")
	b := start(t, none(), stackPod(shop))
	for _, stack := range append(stacks, shop) {
		b.Begin(stack)
	}
	b.began(t, ownWatches+1)
	b.seen(t, shop)
	b.Stop(shop)
	if pods := b.watch(t, shop); !pods.Known || len(pods.All) != 1 {
		t.Errorf("pods at once are %+v, want the stack's pod", pods)
	}
	b.Stop(shop)
	b.rests(t, len(stacks))
	b.Stop(stacks[0])
	b.ended(t, 2) // its own and the shared one
	b.Begin(shop)
	b.began(t, 1)
	b.rests(t, len(stacks))
}

// TestPodsComeInPages checks that an API server without WatchList is listed page by page.
func TestPodsComeInPages(t *testing.T) {
	stacks, pods := many(ownWatches+2, "default")
	b := startWith(t, none(), &server{pods: pods, noWatchList: true})
	for _, stack := range stacks {
		b.Begin(stack)
	}
	for i, stack := range stacks {
		if seen := b.seen(t, stack); len(seen.All) != 1 || seen.All[0].Name != pods[i].Name {
			t.Errorf("pods of %s are %+v, want pod %s", stack, seen, pods[i].Name)
		}
	}
	pages := 0
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	for _, query := range b.lists {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if values.Get("limit") != strconv.Itoa(paging.Size) || values.Get("resourceVersion") != "" {
			t.Errorf("a page is requested with query %q", query)
		}
		if values.Get("labelSelector") == naming.LabelStack {
			pages++
		}
	}
	if pages != len(pods) {
		t.Errorf("%d pages were requested, want one for each of %d pods", pages, len(pods))
	}
}

func TestWatchesEndWithTheOperator(t *testing.T) {
	b := start(t, none())
	ctx, cancel := context.WithCancel(t.Context())
	b.Start(ctx, func(stack types.NamespacedName, _ queue.Priority) { b.changed <- stack })
	b.seen(t, shop)
	cancel()
	next(t, "the end of the watch", b.left)
}

// sets returns a reader of ReplicaSets that counts reads.
func sets(reads *int, objects ...client.Object) client.Reader {
	return fake.NewClientBuilder().WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			*reads++
			return c.Get(ctx, key, object, options...)
		},
	}).Build()
}

// set returns the pods' ReplicaSet, owned by Deployment shop.
func set() *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: "shop-1a2b", UID: "uid-of-set",
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "apps/v1", Kind: "Deployment", Name: "shop", UID: "uid-of-shop", Controller: ptr.To(true),
			}},
		},
		Spec: appsv1.ReplicaSetSpec{Template: template(map[string]string{"pod-template-hash": "1a2b"})},
	}
}

func template(labels map[string]string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "my-app:1"}}},
	}
}

func TestTemplates(t *testing.T) {
	hash := model.TemplateHash(template(map[string]string{})) // of the Deployment's template
	owner := func(edit func(*metav1.OwnerReference)) func(*appsv1.ReplicaSet) {
		return func(s *appsv1.ReplicaSet) { edit(&s.OwnerReferences[0]) }
	}
	tests := map[string]struct {
		edit func(*appsv1.ReplicaSet)
		want string
	}{
		"R17 that of the component's Deployment": {func(*appsv1.ReplicaSet) {}, hash},
		"R17 that of another component's":        {owner(func(o *metav1.OwnerReference) { o.Name = "shop-worker" }), ""},
		"R17 that of something else":             {owner(func(o *metav1.OwnerReference) { o.Kind = "Rollout" }), ""},
		"R17 one that nothing controls":          {owner(func(o *metav1.OwnerReference) { o.Controller = nil }), ""},
		"R17 one that nothing owns":              {func(s *appsv1.ReplicaSet) { s.OwnerReferences = nil }, ""},
		"R17 another one of that name":           {func(s *appsv1.ReplicaSet) { s.UID = "uid-of-another" }, ""},
		"R17 one that is gone":                   {func(s *appsv1.ReplicaSet) { s.Name = "shop-3c4d" }, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			made, reads := set(), 0
			test.edit(made)
			b := start(t, sets(&reads, made), pod("a", running()), pod("b", running()))
			for range 3 {
				var got []string
				for _, pod := range b.seen(t, shop).All {
					got = append(got, pod.Template)
				}
				if diff := gocmp.Diff([]string{test.want, test.want}, got); diff != "" {
					t.Errorf("templates (-want +got):\n%s", diff)
				}
			}
			// an orphan may be adopted, so it is read again
			if orphan := metav1.GetControllerOfNoCopy(made) == nil; orphan != (reads > 1) {
				t.Errorf("the ReplicaSet of two pods was read %d times, orphan: %t", reads, orphan)
			}
		})
	}
}

// TestTemplatesAreReadWhereTheyMatter checks that a rollout that goes well reads no ReplicaSet.
func TestTemplatesAreReadWhereTheyMatter(t *testing.T) {
	unschedulable := pod("b", corev1.ContainerStatus{})
	unschedulable.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "no room",
	}}
	ending := pod("b", terminated(1))
	ending.DeletionTimestamp = ptr.To(metav1.NewTime(noon))
	tests := map[string]struct {
		pod  *corev1.Pod
		need bool // of the caller
		want bool
	}{
		"R17 a pod that runs":           {pod("b", running()), false, false},
		"R17 one that starts":           {pod("b", waiting("ContainerCreating")), false, false},
		"R17 one that exits as it ends": {ending, false, false},
		"R17 one that fails":            {pod("b", terminated(1)), false, true},
		"R17 one that no node takes":    {unschedulable, false, true},
		"R17 for who needs to know":     {pod("b", running()), true, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			reads := 0
			b := start(t, sets(&reads, set()), pod("a", running()), test.pod)
			for {
				pods, err := b.Watch(t.Context(), shop, test.need)
				if err != nil {
					t.Fatal(err)
				}
				if !pods.Known {
					next(t, "a change", b.changed)
					continue
				}
				if known := pods.All[0].Template != "" && pods.All[1].Template != ""; known != test.want || known != (reads == 1) {
					t.Errorf("templates are known: %t, want %t, after %d reads", known, test.want, reads)
				}
				return
			}
		})
	}
}

func TestPodsWithoutReplicaSetHaveNoTemplate(t *testing.T) {
	bare, reads := pod("a", running()), 0
	bare.OwnerReferences = nil
	b := start(t, sets(&reads, set()), bare)
	if got := b.seen(t, shop).All[0].Template; got != "" || reads != 0 {
		t.Errorf("template %q after %d reads, want no template and no reads", got, reads)
	}
}

// TestTemplatesAreReadAgainAfterAnError checks that a failed read is retried.
func TestTemplatesAreReadAgainAfterAnError(t *testing.T) {
	oops := errors.New("oops")
	failing := true
	live := fake.NewClientBuilder().WithObjects(set()).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if failing {
				return oops
			}
			return c.Get(ctx, key, object, options...)
		},
	}).Build()
	b := start(t, live, pod("a", running()))
	b.begin(shop)
	next(t, "a change", b.changed)
	if _, err := b.Watch(t.Context(), shop, true); !errors.Is(err, oops) {
		t.Errorf("Watch = %v, want the API server's error", err)
	}
	failing = false
	if got := b.watch(t, shop).All[0].Template; got == "" {
		t.Error("the template is not known")
	}
}
