// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package memory_test

import (
	"fmt"
	"sync"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/memory"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// TestOfAStack checks that memory belongs to one stack: neither to another one of the same name nor
// to a deleted one.
func TestOfAStack(t *testing.T) {
	var all memory.Memory
	shop, blog := Stack("shop"), Stack("blog")
	all.Of(shop).Problem = "shop's"
	all.Of(blog).Problem = "blog's"
	if got := all.Of(shop).Problem; got != "shop's" {
		t.Errorf("%q is remembered, want the stack's memory", got)
	}
	again := Stack("shop")
	again.UID = "again"
	if got := all.Of(again).Problem; got != "" {
		t.Errorf("R27 %q is remembered for a stack that was deleted and recreated", got)
	}
	all.Forget(client.ObjectKeyFromObject(blog))
	if got := all.Of(blog).Problem; got != "" {
		t.Errorf("R27 %q is remembered for a deleted stack", got)
	}
}

// TestSideBySide is for the race detector: stacks are reconciled concurrently.
func TestSideBySide(t *testing.T) {
	var all memory.Memory
	var done sync.WaitGroup
	for i := range 8 {
		stack := Stack(fmt.Sprint("stack-", i))
		done.Go(func() {
			for range 50 {
				all.Of(stack).Writes.Reject(deployment, refusal("a", "no"))
				all.Forget(client.ObjectKeyFromObject(stack))
			}
		})
	}
	done.Wait()
	if got := all.Of(Stack("stack-0")).Writes.Rejected(); len(got) != 0 {
		t.Errorf("%v is remembered for a deleted stack", got)
	}
}
