// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"context"
	"errors"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/release"
)

// fieldOwner is the field manager of the plugin's writes.
const fieldOwner = "kubectl-appstack"

// connection is a client for the cluster and namespace that the flags and the kubeconfig select.
type connection struct {
	client.WithWatch
	config    *rest.Config
	scheme    *runtime.Scheme
	namespace string
	plugin    *Plugin
}

func (p *Plugin) connect() (*connection, error) {
	config, err := p.flags.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	namespace, _, err := p.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, fmt.Errorf("reading the namespace from the kubeconfig: %w", err)
	}
	config.UserAgent = fieldOwner + "/" + p.Version
	config.QPS = -1 // no limit here: the API server limits the rate itself
	config.WarningHandler = rest.NewWarningWriter(p.ErrOut, rest.WarningWriterOptions{Deduplicate: true})
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("building the scheme: %w", err)
	}
	kube, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	return &connection{
		WithWatch: kube,
		config:    config, scheme: scheme, namespace: namespace, plugin: p,
	}, nil
}

func (c *connection) key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: c.namespace, Name: name}
}

// stack returns the stack with the name.
func (c *connection) stack(ctx context.Context, name string) (*v1alpha1.AppStack, error) {
	stack := &v1alpha1.AppStack{}
	if err := c.Get(ctx, c.key(name), stack); err != nil {
		return nil, err
	}
	return stack, nil
}

// release returns the stack with the name, and its revisions, components and pods.
func (c *connection) release(ctx context.Context, name string) (release.Release, error) {
	return release.Read(ctx, c, c.key(name), c.plugin.explain)
}

// username returns the API server's name for the user or service account; empty if it cannot be
// determined.
func (c *connection) username(ctx context.Context) string {
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.Create(ctx, review); err != nil {
		return ""
	}
	return review.Status.UserInfo.Username
}

// causeOrDefault returns the cause of a change: the given one, or else a text of what was done and
// by whom.
func (c *connection) causeOrDefault(ctx context.Context, given, done string) string {
	if given != "" {
		return given
	}
	if user := c.username(ctx); user != "" {
		return done + ", by " + user
	}
	return done
}
