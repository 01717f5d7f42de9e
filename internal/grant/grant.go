// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package grant composes the commands with which an administrator grants rights to the operator.
package grant

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
)

// standardUser is the operator's user name if it is installed with config/default.
const standardUser = "system:serviceaccount:appstack-system:appstack-controller-manager"

// Granter composes commands for the operator's account. It is safe for concurrent use.
type Granter struct {
	// Identity returns the operator's user name at the API server. Without it, and if it fails, the name
	// is that of config/default.
	Identity func(context.Context) (string, error)

	mu sync.Mutex
	// user caches the name; empty until it is known.
	user string
}

// Commands returns the kubectl commands that create a Role of the name with the rights, and bind the
// operator's account to it. Verbs and resources are separated by commas.
func (g *Granter) Commands(ctx context.Context, namespace, name, verbs, resources string) string {
	subject := "--user=" + g.whoami(ctx)
	if account, ok := strings.CutPrefix(subject, "--user=system:serviceaccount:"); ok {
		subject = "--serviceaccount=" + account
	}
	return fmt.Sprintf("kubectl create role %[1]s -n %[2]s --verb=%[3]s --resource=%[4]s && "+
		"kubectl create rolebinding %[1]s -n %[2]s --role=%[1]s %[5]s", name, namespace, verbs, resources, subject)
}

// whoami returns the operator's user name, or that of config/default if the API server does not
// return it.
func (g *Granter) whoami(ctx context.Context) string {
	g.mu.Lock()
	user := g.user
	g.mu.Unlock()
	if user != "" || g.Identity == nil {
		return cmp.Or(user, standardUser)
	}
	user, err := g.Identity(ctx)
	if err != nil {
		return standardUser
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.user = user
	return user
}
