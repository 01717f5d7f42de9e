// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package podwatch

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/internal/queue"
)

// TestTroubleAfterAFailure checks the priority of a failing pod: low once the rollout has failed
// and is not rolled back.
func TestTroubleAfterAFailure(t *testing.T) {
	for name, many := range map[string]int{"a watch of its own": 0, "a shared watch": ownWatches} {
		t.Run(name, func(t *testing.T) {
			b := startWith(t, none(), &server{serve: make(chan struct{})}) // which has no pods
			told := make(chan queue.Priority, 100)
			b.Start(t.Context(), func(stack types.NamespacedName, priority queue.Priority) {
				if stack == shop {
					told <- priority
				}
			})
			for i := range many {
				b.Begin(types.NamespacedName{Namespace: "default", Name: fmt.Sprint("other-", i)})
			}
			b.Begin(shop)
			one := b.begin(shop)
			fail := func(exits int32) queue.Priority {
				t.Helper()
				failing := pod("a", terminated(exits))
				if err := one.Update(failing); err != nil {
					t.Fatal(err)
				}
				return next(t, "a change", told)
			}
			for i, step := range []struct {
				failed bool
				want   queue.Priority
			}{{false, queue.Trouble}, {true, queue.Change}, {false, queue.Trouble}} {
				b.Relax(shop, step.failed)
				if got := fail(int32(i + 1)); got != step.want {
					t.Errorf("R14 failed %t: the priority is %d, want %d", step.failed, got, step.want)
				}
			}
			b.Stop(shop)
			b.Relax(shop, true) // has no watch
		})
	}
}
