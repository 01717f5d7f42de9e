// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/test/world"
)

// chunkSize is how many nodes one stack is walked over at most.
const chunkSize = 3

// leafChunk is nodes of one context: one stack is walked over them.
type leafChunk struct {
	context leafContext
	further bool
	nodes   []schemaNode
}

// leafChunks puts nodes of the same context together. Those with the most values come first, so that the workers end together.
func leafChunks(nodes []schemaNode) []leafChunk {
	type key struct {
		at, spec string
		further  bool
	}
	var order []key
	groups := map[key][]schemaNode{}
	for _, node := range nodes {
		c := contextOf(node)
		k := key{c.at, c.spec, node.further}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], node)
	}
	var chunks []leafChunk
	for _, k := range order {
		for part := range slices.Chunk(groups[k], chunkSize) {
			chunks = append(chunks, leafChunk{context: contextOf(part[0]), further: k.further, nodes: part})
		}
	}
	slices.SortStableFunc(chunks, func(a, b leafChunk) int { return b.cost() - a.cost() })
	return chunks
}

func (c leafChunk) cost() int {
	cost := 0
	for _, node := range c.nodes {
		for _, value := range leafValues(node) {
			if value.expected != refused {
				cost++
			}
		}
	}
	return cost
}

func (c leafChunk) specs() (before []fragment, base fragment, unmanaged bool) {
	spec := parseFragment(c.context.spec)
	for _, text := range c.context.before {
		before = append(before, specOf(c.further, parseFragment(text)))
	}
	_, scaled := spec["autoscaling"]
	return before, specOf(c.further, spec), scaled
}

// leafResult is what came of the values of a node.
type leafResult struct {
	counts    map[leafOutcome]int
	edges     int
	back      int
	surprises []string
	// said are refusals, for the report.
	said    []string
	elapsed time.Duration
}

// walkLeaves walks over all nodes, with a worker for each namespace.
func walkLeaves(ctx context.Context, namespaces []string, nodes []schemaNode) map[string]*leafResult {
	work := make(chan leafChunk)
	results := map[string]*leafResult{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for worker, namespace := range namespaces {
		all.Go(func() {
			walker := &leafWalker{namespace: namespace, prefix: fmt.Sprintf("w%d", worker)}
			for chunk := range work {
				for path, result := range walker.walk(ctx, chunk) {
					mu.Lock()
					results[path] = result
					mu.Unlock()
				}
			}
		})
	}
	for _, chunk := range leafChunks(nodes) {
		work <- chunk
	}
	close(work)
	all.Wait()
	return results
}

// leafWalker walks in a namespace of its own.
type leafWalker struct {
	namespace, prefix string
	stacks            int
	stack             *leafStack
}

func (w *leafWalker) walk(ctx context.Context, chunk leafChunk) map[string]*leafResult {
	results := map[string]*leafResult{}
	for _, node := range chunk.nodes {
		began := time.Now()
		result := &leafResult{counts: map[leafOutcome]int{}}
		for _, value := range leafValues(node) {
			if err := w.ready(ctx, chunk); err != nil {
				result.surprises = append(result.surprises, err.Error())
				break
			}
			outcome, said, err := w.stack.try(ctx, node, value)
			if err != nil {
				result.surprises = append(result.surprises, fmt.Sprintf("%s: %v", value, err))
				w.leave(ctx, result)
				continue
			}
			result.count(value, outcome, said)
		}
		result.elapsed = time.Since(began)
		results[node.path] = result
	}
	w.leave(ctx, nil)
	return results
}

func (r *leafResult) count(value leafValue, outcome leafOutcome, said string) {
	r.counts[outcome]++
	if value.expected == either {
		r.edges++
	}
	if outcome != refusedByServer {
		r.back++
	}
	if said != "" {
		r.said = append(r.said, fmt.Sprintf("%s: %s", value, strings.ReplaceAll(said, "\n", " ")))
	}
}

// ready has a stack at the base of the chunk.
func (w *leafWalker) ready(ctx context.Context, chunk leafChunk) error {
	if w.stack != nil {
		return nil
	}
	w.stacks++
	before, base, unmanaged := chunk.specs()
	stack, err := newLeafStack(ctx, w.namespace, fmt.Sprintf("%s-%d", w.prefix, w.stacks), before, base, unmanaged)
	if err != nil {
		return err
	}
	w.stack = stack
	return nil
}

// leave removes the stack. After a surprise the walk goes on with a new one.
func (w *leafWalker) leave(ctx context.Context, result *leafResult) {
	if w.stack == nil {
		return
	}
	if err := w.stack.remove(ctx); err != nil && result != nil {
		result.surprises = append(result.surprises, fmt.Sprintf("removing the stack: %v", err))
	}
	w.stack = nil
}

// furnish makes what pods in the namespace need to be there.
func furnish(ctx context.Context, namespace string) error {
	for _, name := range []string{"walk-a", "walk-b", strings.Repeat("a", 253)} {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		if err := world.Kube.Create(ctx, account); err != nil {
			return fmt.Errorf("creating a service account: %w", err)
		}
	}
	return nil
}
