// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	. "github.com/appstack-dev/appstack/test/fixture"
)

// webhook delays the server's dry runs, as admission webhooks do, and fails them if it returns an
// error. It counts the maximum number of concurrent calls.
type webhook struct {
	takes  func(object client.Object) time.Duration
	answer func(object client.Object) error

	mu         sync.Mutex
	busy, most int
}

func (w *webhook) call(ctx context.Context, object client.Object) error {
	w.mu.Lock()
	w.busy++
	w.most = max(w.most, w.busy)
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.busy--
	}()
	select {
	case <-time.After(w.takes(object)):
		return w.answer(object)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// before calls the webhook before each dry run of the server.
func (w *webhook) before(t *testing.T, s *server) {
	t.Helper()
	api, ok := s.Client.(client.WithWatch)
	if !ok {
		t.Fatalf("a %T cannot be intercepted", s.Client)
	}
	s.Client = interceptor.NewClient(api, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return c.Get(ctx, key, object, options...)
		},
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			if isTrial((&client.CreateOptions{}).ApplyOptions(options).DryRun) {
				if err := w.call(ctx, object); err != nil {
					return err
				}
			}
			return c.Create(ctx, object, options...)
		},
		Patch: func(
			ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption,
		) error {
			if isTrial((&client.PatchOptions{}).ApplyOptions(options).DryRun) {
				if err := w.call(ctx, object); err != nil {
					return err
				}
			}
			return c.Patch(ctx, object, patch, options...)
		},
	})
	s.Live = s.Client
}

// components returns a stack with this many components besides the main one.
func components(count int) (*v1alpha1.AppStack, model.State) {
	stack, state := newStack()
	for i := range count {
		With(stack, Component(fmt.Sprintf("worker%d", i), 1, nil))
	}
	return stack, state
}

// TestDryRunsAreSideBySide checks that dry runs run in parallel, up to the limit.
func TestDryRunsAreSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stack, state := components(10)
		s := newServer(t, stack)
		slow := &webhook{
			takes:  func(client.Object) time.Duration { return 10 * time.Second },
			answer: func(client.Object) error { return nil },
		}
		slow.before(t, s)
		began := time.Now()
		if outcome, _ := s.take(t, state); len(outcome.Done) != 1 {
			t.Errorf("R4 done is %v, want the revision created", outcome.Done)
		}
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("12 dry runs of 10 s each took %s, want 20 s", took)
		}
		if slow.most != atOnce {
			t.Errorf("%d dry runs were concurrent, want %d", slow.most, atOnce)
		}
	})
}

// TestTheFirstRefusalIsReported checks that the reported rejection does not depend on which dry run
// is rejected sooner.
func TestTheFirstRefusalIsReported(t *testing.T) {
	for name, sooner := range map[string]string{"the first": "shop", "another": "shop-worker1"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stack, state := components(3)
				s := newServer(t, stack)
				refusing := &webhook{
					takes: func(object client.Object) time.Duration {
						if object.GetName() == sooner {
							return time.Second
						}
						return 2 * time.Second
					},
					answer: func(object client.Object) error {
						return apierrors.NewForbidden(schema.GroupResource{}, object.GetName(), errors.New("denied "+object.GetName()))
					},
				}
				refusing.before(t, s)
				outcome, _ := s.take(t, state)
				if outcome.Problem == nil || !strings.HasSuffix(outcome.Problem.Message, "denied shop") {
					t.Errorf("R19 the problem is %+v, want the reason of the first rejection", outcome.Problem)
				}
			})
		})
	}
}

// TestDryRunsEndWithTheReconcile checks that hanging dry runs end with the reconcile's deadline,
// and that no rollout starts then.
func TestDryRunsEndWithTheReconcile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stack, state := components(20)
		s := newServer(t, stack)
		hanging := &webhook{
			takes:  func(client.Object) time.Duration { return time.Hour },
			answer: func(client.Object) error { return nil },
		}
		hanging.before(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		steps := Plan(state, s.clock.Now())
		outcome, err := s.Apply(ctx, stack, s.memory, steps, false)
		if !errors.Is(err, context.DeadlineExceeded) || len(outcome.Done) > 0 || outcome.Trouble == "" {
			t.Errorf("R4 done %v, trouble %q, error %v, want nothing done, a message and the deadline", outcome.Done, outcome.Trouble, err)
		}
	})
}
