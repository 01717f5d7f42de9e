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

const (
	// chunkSize is the maximum number of trials per stack.
	chunkSize = 3
	// trialSize is the maximum number of values of a node per stack.
	trialSize = 16
)

// leafTrial is a node with all or some of its values to apply.
type leafTrial struct {
	schemaNode

	values []leafValue
}

// leafChunk contains trials of one context, which share a stack.
type leafChunk struct {
	context leafContext
	further bool
	trials  []leafTrial
}

// leafChunks groups nodes by context. Chunks with the most values come first, so that the workers finish at about the same time.
func leafChunks(nodes []schemaNode) []leafChunk {
	type key struct {
		at, spec string
		further  bool
	}
	var order []key
	groups := map[key][]leafTrial{}
	for _, node := range nodes {
		c := contextOf(node)
		k := key{c.at, c.spec, node.further}
		if groups[k] == nil {
			order = append(order, k)
		}
		for values := range slices.Chunk(leafValues(node), trialSize) {
			groups[k] = append(groups[k], leafTrial{node, values})
		}
	}
	var chunks []leafChunk
	for _, k := range order {
		size := chunkSize
		if len(groups[k][0].values) == trialSize {
			size = 1
		}
		for part := range slices.Chunk(groups[k], size) {
			chunks = append(chunks, leafChunk{context: contextOf(part[0].schemaNode), further: k.further, trials: part})
		}
	}
	slices.SortStableFunc(chunks, func(a, b leafChunk) int { return b.cost() - a.cost() })
	return chunks
}

func (c leafChunk) cost() int {
	cost := 0
	for _, trial := range c.trials {
		for _, value := range trial.values {
			if value.expected != refused {
				cost++
			}
		}
	}
	return cost
}

func (c leafChunk) specs() (before []fragment, base fragment, unmanaged bool) {
	spec := c.context.fragment()
	for _, text := range c.context.before {
		before = append(before, specOf(c.further, parseFragment(text)))
	}
	_, scaled := spec["autoscaling"]
	return before, specOf(c.further, spec), scaled
}

// leafResult contains the outcomes of the values of a node.
type leafResult struct {
	counts    map[leafOutcome]int
	edges     int
	back      int
	surprises []string
	// said contains the messages of rejections, for the report.
	said    []string
	elapsed time.Duration
}

// add adds the outcomes of other values of the same node.
func (r *leafResult) add(other *leafResult) {
	for outcome, count := range other.counts {
		r.counts[outcome] += count
	}
	r.edges, r.back, r.elapsed = r.edges+other.edges, r.back+other.back, r.elapsed+other.elapsed
	r.surprises, r.said = append(r.surprises, other.surprises...), append(r.said, other.said...)
}

// walkLeaves walks over all nodes, with a worker for each namespace.
func walkLeaves(ctx context.Context, namespaces []string, nodes []schemaNode) map[string]*leafResult {
	work := make(chan leafChunk)
	results := map[string]*leafResult{}
	for _, node := range nodes {
		results[node.path] = &leafResult{counts: map[leafOutcome]int{}}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for worker, namespace := range namespaces {
		all.Go(func() {
			walker := &leafWalker{namespace: namespace, prefix: fmt.Sprintf("w%d", worker)}
			for chunk := range work {
				for i, result := range walker.walk(ctx, chunk) {
					mu.Lock()
					results[chunk.trials[i].path].add(result)
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

// leafWalker walks in its own namespace.
type leafWalker struct {
	namespace, prefix string
	stacks            int
	stack             *leafStack
}

func (w *leafWalker) walk(ctx context.Context, chunk leafChunk) []*leafResult {
	var results []*leafResult
	for _, trial := range chunk.trials {
		began := time.Now()
		result := &leafResult{counts: map[leafOutcome]int{}}
		for _, value := range trial.values {
			if err := w.ready(ctx, chunk); err != nil {
				result.surprises = append(result.surprises, err.Error())
				break
			}
			outcome, said, err := w.stack.try(ctx, trial.schemaNode, value)
			if err != nil {
				result.surprises = append(result.surprises, fmt.Sprintf("%s: %v", value, err))
				w.leave(ctx, result)
				continue
			}
			result.count(value, outcome, said)
		}
		result.elapsed = time.Since(began)
		results = append(results, result)
	}
	w.leave(ctx, nil)
	return results
}

// tried returns the number of values with the expected outcome.
func (r *leafResult) tried() int {
	all := 0
	for _, count := range r.counts {
		all += count
	}
	return all
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

// ready creates a stack with the chunk's base spec, unless there is one.
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

// leave deletes the stack. After a surprise the walk continues with a new one.
func (w *leafWalker) leave(ctx context.Context, result *leafResult) {
	if w.stack == nil {
		return
	}
	if err := w.stack.remove(ctx); err != nil && result != nil {
		result.surprises = append(result.surprises, fmt.Sprintf("deleting the stack: %v", err))
	}
	w.stack = nil
}

// furnish creates the objects that pods in the namespace refer to.
func furnish(ctx context.Context, namespace string) error {
	for _, name := range []string{"walk-a", "walk-b", strings.Repeat("a", 253)} {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		if err := world.Kube.Create(ctx, account); err != nil {
			return fmt.Errorf("creating a service account: %w", err)
		}
	}
	for _, name := range []string{"base", "walk-a", "walk-b"} {
		config := &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Data:       map[string]string{"base": name, "a": name, "b.c": name},
		}
		if err := world.Kube.Create(ctx, config); err != nil {
			return fmt.Errorf("creating a ConfigMap: %w", err)
		}
	}
	return nil
}
