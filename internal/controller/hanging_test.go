// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/queue"
)

// hangs makes all writes in the namespace, or in all namespaces if it is empty, hang until the
// client gives up.
func (d *actor) hangs(t *testing.T, namespace string) {
	t.Helper()
	api, ok := d.Client.(client.WithWatch)
	if !ok {
		t.Fatalf("a %T cannot be intercepted", d.Client)
	}
	hang := func(ctx context.Context, object client.Object) error {
		if !strings.HasPrefix(object.GetNamespace(), namespace) {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}
	d.Client = interceptor.NewClient(api, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			return errors.Join(hang(ctx, object), c.Create(ctx, object, options...))
		},
		Patch: func(
			ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption,
		) error {
			return errors.Join(hang(ctx, object), c.Patch(ctx, object, patch, options...))
		},
	})
	d.Apply.Client = d.Client
}

// TestAHangingWebhookIsReported checks that a reconcile whose writes hang has time left to report
// this.
func TestAHangingWebhookIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newActor(t)
		d.hangs(t, "")
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		state := &model.State{Stack: d.stack(t)}
		_, outcome, err := d.act(ctx, state, d.Memory.Of(state.Stack), d.clock.Now())
		if !errors.Is(err, context.DeadlineExceeded) || outcome.Trouble == "" {
			t.Errorf("R30 error %v, trouble %q, want the deadline and a message", err, outcome.Trouble)
		}
		if ctx.Err() != nil {
			t.Error("R30 there is no time left to report it")
		}
	})
}

// TestOtherNamespacesGoOn checks that stacks are reconciled while all writes hang in another
// namespace that has more stacks than there are workers.
func TestOtherNamespacesGoOn(t *testing.T) {
	d := newActor(t)
	d.hangs(t, "hangs")
	const stacks = 20
	done := make(chan types.NamespacedName, stacks)
	options := Options{Workers: 4, Clock: clock.RealClock{}, SkipNameValidation: true}.controller()
	options.Logger = logr.Discard()
	options.Reconciler = reconcile.Func(func(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
		stack := d.stack(t)
		stack.Namespace, stack.Name = request.Namespace, request.Name
		if err := d.Client.Patch(ctx, stack, client.RawPatch(types.MergePatchType, []byte("{}"))); client.IgnoreNotFound(err) != nil {
			return ctrl.Result{}, err
		}
		done <- request.NamespacedName
		return ctrl.Result{}, nil
	})
	running, err := controller.NewUnmanaged("other-namespaces-go-on", options)
	if err != nil {
		t.Fatal(err)
	}
	of := func(namespace string) (all []types.NamespacedName) {
		for i := range stacks {
			all = append(all, types.NamespacedName{Namespace: namespace, Name: fmt.Sprint(i)})
		}
		return all
	}
	err = running.Watch(source.Func(func(_ context.Context, into queue.Queue) error {
		queue.Add(into, queue.Trouble, of("hangs")...)
		queue.Add(into, queue.Look, of("well")...)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- running.Start(ctx) }()
	for range stacks {
		select {
		case stack := <-done:
			if stack.Namespace != "well" {
				t.Errorf("%s was reconciled, though its writes hang", stack)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("a hanging namespace occupies all workers")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
