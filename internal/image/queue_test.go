// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package image

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// about returns a look-up for the host.
func about(host string, number int) *lookup {
	return &lookup{question: question{host: host, reference: fmt.Sprint(host, number)}}
}

// filled returns a queue with this many look-ups for each host, one host after the other; all hosts
// have answered before.
func filled(hosts string, each int) *queue {
	q := newQueue()
	for host := range strings.FieldsSeq(hosts) {
		for i := range each {
			q.add(about(host, i+1))
		}
		q.registries[host].proven = true
	}
	return q
}

// take takes up to n look-ups.
func take(q *queue, n int) (taken []*lookup) {
	for range n {
		next := q.next(noon)
		if next == nil {
			break
		}
		taken = append(taken, next)
	}
	return taken
}

func names(lookups []*lookup) string {
	var all []string
	for _, lookup := range lookups {
		all = append(all, lookup.reference)
	}
	return strings.Join(all, " ")
}

func TestQueueOrder(t *testing.T) {
	for name, test := range map[string]struct {
		queue *queue
		want  string
	}{
		"R23 nothing":                                             {newQueue(), ""},
		"R23 first come, first served":                            {filled("a", 3), "a1 a2 a3"},
		"R23 registries take turns":                               {filled("a b c", 2), "a1 b1 c1 a2 b2 c2"},
		"R23 the limit of concurrent requests to one registry":    {filled("a", 9), "a1 a2 a3 a4"},
		"R23 a registry with many requests does not delay others": {filled("a b", 9), "a1 b1 a2 b2 a3 b3 a4 b4"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := names(take(test.queue, 100)); got != test.want {
				t.Errorf("the queue returned %q, want %q", got, test.want)
			}
		})
	}
}

// A queued look-up starts when another one ends, and only then.
func TestQueueGoesOn(t *testing.T) {
	q := filled("a", 7)
	for first := take(q, 100); len(first) > 0; first = first[1:] {
		q.done(first[0], true)
		next := take(q, 100)
		if want := min(1, 7-len(first)); len(next) > 1 || len(next) < want && len(q.turns) > 0 {
			t.Fatalf("R23 after one look-up ended, %q started", names(next))
		}
		first = append(first, next...)
	}
	if q.running != 0 || len(q.turns) != 0 {
		t.Errorf("after all look-ups ended, %d run and %v are queued", q.running, q.turns)
	}
}

func TestQueueSilent(t *testing.T) {
	q := filled("a", 20)
	running := take(q, 100)
	for _, lookup := range running {
		q.done(lookup, false)
	}
	running = take(q, 100)
	if len(running) != 1 {
		t.Fatalf("R23 %d look-ups of a silent registry run, want 1", len(running))
	}
	q.done(running[0], false)
	if running = take(q, 100); len(running) != 1 {
		t.Fatalf("R23 %d look-ups of a registry that is still silent run, want 1", len(running))
	}
	q.done(running[0], true)
	if running = take(q, 100); len(running) != perRegistry {
		t.Errorf("R23 %d look-ups of a registry that answers again run, want %d", len(running), perRegistry)
	}
}

func TestQueueOverall(t *testing.T) {
	var hosts []string
	for i := range 30 {
		hosts = append(hosts, fmt.Sprintf("host%d-", i))
	}
	q := filled(strings.Join(hosts, " "), 3)
	running := take(q, 1000)
	if len(running) != overall {
		t.Fatalf("R23 %d look-ups run, want %d", len(running), overall)
	}
	q.done(running[0], true)
	more := take(q, 1000)
	if len(more) != 1 {
		t.Errorf("R23 after one look-up ended, %d more run", len(more))
	}
	for _, lookup := range append(running[1:], more...) {
		q.done(lookup, true)
	}
	if rest := take(q, 1000); len(rest) != 90-overall-1 {
		t.Errorf("R23 %d further look-ups run, want %d", len(rest), 90-overall-1)
	}
}

// Registries that have never answered share a limited part of the slots, and no namespace gets all
// of it.
func TestQueueStrangers(t *testing.T) {
	q := newQueue()
	for namespace := range 6 {
		for host := range overall {
			for i := range 2 {
				next := about(fmt.Sprintf("host%d-%d-", namespace, host), i)
				next.namespace = fmt.Sprint(namespace)
				q.add(next)
			}
		}
	}
	q.add(about("known", 1))
	q.registries["known"].proven = true
	running := take(q, 1000)
	of := map[string]int{}
	for _, lookup := range running {
		of[lookup.namespace]++
	}
	if len(running) != strangers+1 || of[""] != 1 {
		t.Errorf("R23 running look-ups by namespace: %v, want %d, and the one of the known registry", of, strangers)
	}
	for namespace, n := range of {
		if n >= strangers {
			t.Errorf("R23 %d look-ups of namespace %s run, want fewer than %d", n, namespace, strangers)
		}
	}
	// in the end all have run
	for ; len(running) > 0; running = append(running[1:], take(q, 1000)...) {
		q.done(running[0], false)
	}
	if len(q.turns) > 0 || q.strange != 0 || len(q.byNamespace) != 0 {
		t.Errorf("R23 queued: %v; counted: %d, %v", q.turns, q.strange, q.byNamespace)
	}
}

// A namespace that has used up its part does not block other namespaces that ask the same registry.
func TestQueueBehindStranger(t *testing.T) {
	q := newQueue()
	for i := range 2 * overall {
		next := about(fmt.Sprintf("silent%d-", i), 1)
		next.namespace = "noisy"
		q.add(next)
	}
	if n := len(take(q, 1000)); n == 0 || n >= strangers {
		t.Fatalf("R23 %d look-ups of one namespace run, want fewer than %d", n, strangers)
	}
	for i, namespace := range []string{"noisy", "quiet"} {
		next := about("popular", i)
		next.namespace = namespace
		q.add(next)
	}
	if running := take(q, 1000); len(running) != 1 || running[0].namespace != "quiet" {
		t.Errorf("R23 %q run, want the look-up of the other namespace", names(running))
	}
}

// The waiting stacks may change during a look-up. The counter of the same namespace is decremented
// that was incremented.
func TestStrangersAreCounted(t *testing.T) {
	b := start(t, Options{})
	b.mu.Lock()
	b.released = make(chan struct{})
	b.mu.Unlock()
	other := types.NamespacedName{Namespace: "other", Name: "shop"}
	b.waits(shop, wanting(reference))
	b.Forget(shop)
	b.waits(other, wanting(reference))
	close(b.released)
	b.idle()
	b.Resolver.mu.Lock()
	defer b.Resolver.mu.Unlock()
	if b.queue.strange != 0 || len(b.queue.byNamespace) != 0 {
		t.Errorf("R23 nothing runs, but the counters are %d, %v", b.queue.strange, b.queue.byNamespace)
	}
}

// A registry that asks for a pause (Retry-After) gets one, and other registries are not affected.
func TestQueueHold(t *testing.T) {
	q := filled("a b", 3)
	first := q.next(noon)
	q.done(first, true)
	q.hold("a", noon.Add(time.Minute))
	if got := names(take(q, 100)); got != "b1 b2 b3" {
		t.Errorf("R23 the queue returned %q, want the look-ups of the other registry", got)
	}
	if next := q.next(noon.Add(time.Minute - 1)); next != nil {
		t.Errorf("R23 %q is taken before the pause ends", next.reference)
	}
	if next := q.next(noon.Add(time.Minute)); next == nil || next.reference != "a2" {
		t.Errorf("R23 %v is taken after the pause, want a2", next)
	}
}

// Registries without look-ups are forgotten, but not those with a queued or running one.
func TestQueueForgets(t *testing.T) {
	q := filled("inline running idle wanted", 1)
	taken := take(q, 100)
	for _, lookup := range taken {
		if lookup.host != "running" {
			q.done(lookup, false)
		}
	}
	q.add(about("inline", 2))
	q.forgetAllBut(map[string]bool{"wanted": true})
	var left []string
	for host := range q.registries {
		left = append(left, host)
	}
	slices.Sort(left)
	if want := []string{"inline", "running", "wanted"}; !slices.Equal(left, want) {
		t.Errorf("R23 %v are left, want %v", left, want)
	}
}

// A look-up that is dropped because nothing waits for it does not count as an answer: a silent
// registry stays silent.
func TestDroppedSaysNothing(t *testing.T) {
	b := start(t, Options{})
	b.mu.Lock()
	b.released = make(chan struct{})
	b.mu.Unlock()
	const host = "registry.example.com"
	stack := func(i int) types.NamespacedName {
		return types.NamespacedName{Namespace: "default", Name: fmt.Sprint("shop-", i)}
	}
	for i := range 20 {
		b.waits(stack(i), wanting(fmt.Sprintf("%s/app:%d", host, i)))
		b.Resolver.mu.Lock()
		b.queue.registries[host].silent = true
		b.Resolver.mu.Unlock()
	}
	for i := range 10 { // no stack waits for any but the last
		b.Forget(stack(i))
	}
	b.eventually("the first request", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.came == 1 })
	b.mu.Lock()
	first := b.released
	b.down, b.released = true, make(chan struct{})
	b.mu.Unlock()
	close(first) // the running look-up finds the registry silent, so the next ones are limited again
	b.eventually("the next", func() bool {
		b.Resolver.mu.Lock()
		defer b.Resolver.mu.Unlock()
		return b.queue.running > 0 && len(b.queue.registries[host].lookups) < 10
	})
	b.Resolver.mu.Lock()
	defer b.Resolver.mu.Unlock()
	if line := b.queue.registries[host]; line.running > 1 {
		t.Errorf("R23 %d look-ups of a silent registry run, want 1", line.running)
	}
}
