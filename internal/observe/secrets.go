// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package observe

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/memory"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/plan"
)

// denied tells an administrator how to let the operator watch the namespace's Secrets.
func (o *Observer) denied(ctx context.Context, namespace string) string {
	return fmt.Sprintf("secretChanges has no effect, because the operator may not watch the Secrets of namespace %s: an "+
		"administrator lets it with: %s", namespace,
		o.Granter.Commands(ctx, namespace, "appstack-secret-restarts", "get,list,watch", "secrets"))
}

// secrets adds what is known of the Secrets that the pods use, if changes of them replace pods (R36).
func (o *Observer) secrets(ctx context.Context, state *model.State, mem *memory.Stack) {
	key := client.ObjectKeyFromObject(state.Stack)
	if state.Stack.Spec.SecretChanges != v1alpha1.SecretChangesRestart {
		o.Secrets.Forget(key)
		mem.Secrets.Forget()
		return
	}
	state.Secrets = &model.SecretState{}
	names, recorded := plan.SecretNames(*state)
	unknown := make(map[string]model.ObservedConfig, len(names)) // without a version each is read once
	for _, name := range names {
		unknown[name] = model.ObservedConfig{}
	}
	observed, err := o.Secrets.Observe(ctx, key, unknown)
	switch {
	case o.Secrets.Denied(key.Namespace) != nil: // the watch is tried again
		state.Secrets.Denied = o.denied(ctx, key.Namespace)
	case apierrors.IsForbidden(err):
		state.Secrets.Denied, state.Secrets.Unread = o.denied(ctx, key.Namespace), true
	case err != nil:
		log.FromContext(ctx).Error(err, "observing the Secrets that the pods use")
		state.Secrets.Unread = true
	default:
		state.Secrets.Observed, state.Secrets.ChangedSince = mem.Secrets.Compare(observed, recorded, o.Clock.Now())
	}
}
