// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package cluster starts fresh control planes, and measures their processes,
// their requests and what they store.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// name is the name of the benchmark's cluster. Only one runs at a time.
const name = "bench"

// The process names of the control plane's programs.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
)

// Settings configures a cluster.
type Settings struct {
	// Root is the root folder of the repository.
	Root string
	// Stock keeps the default limits: 20 requests per second for each
	// controller, and API Priority and Fairness in the API server.
	Stock bool
}

// Cluster is a running control plane with simulated nodes.
type Cluster struct {
	settings   Settings
	folder     string
	kubeconfig string
}

// Start starts a control plane with an empty etcd. If the context ends meanwhile, it stops the control plane again.
func Start(ctx context.Context, settings Settings) (_ *Cluster, err error) {
	c := &Cluster{
		settings:   settings,
		folder:     filepath.Join(settings.Root, "bin", "kwok", "clusters", name),
		kubeconfig: filepath.Join(settings.Root, "bin", "bench", "kubeconfig"),
	}
	if err := c.Stop(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop(context.WithoutCancel(ctx)))
		}
	}()
	// it takes only seconds, and an interrupted start leaves an unknown state
	if err := c.run(context.WithoutCancel(ctx), filepath.Join(settings.Root, "hack", "cluster", "up")); err != nil {
		return nil, err
	}
	definitions := filepath.Join(settings.Root, "config", "crd", "bases")
	if err := c.kubectl(ctx, "apply", "--server-side", "-f", definitions); err != nil {
		return nil, err
	}
	return c, c.served(ctx)
}

// served waits until the API server serves AppStacks.
func (c *Cluster) served(ctx context.Context) error {
	for {
		err := c.kubectl(ctx, "get", "appstacks", "--all-namespaces")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Stop stops the control plane, if there is one, and deletes its data.
func (c *Cluster) Stop(ctx context.Context) error {
	return c.run(ctx, filepath.Join(c.settings.Root, "hack", "cluster", "down"))
}

// Kubeconfig returns the path of the cluster's kubeconfig.
func (c *Cluster) Kubeconfig() string { return c.kubeconfig }

// Root returns the root folder of the repository.
func (c *Cluster) Root() string { return c.settings.Root }

// Config returns the configuration of a client with the user agent, without a client-side
// rate limit.
func (c *Cluster) Config(agent string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	// The files of the next cluster have the same names, which client-go uses as keys of its connection cache.
	if err := rest.LoadTLSFiles(config); err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	config.CAFile, config.CertFile, config.KeyFile = "", "", ""
	config.UserAgent = agent
	config.QPS = -1
	return config, nil
}

// Process returns the process of a program of the control plane.
func (c *Cluster) Process(program string) (Process, error) {
	raw, err := os.ReadFile(filepath.Join(c.folder, "pids", program+".pid"))
	if err != nil {
		return 0, fmt.Errorf("finding %s: %w", program, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return 0, fmt.Errorf("finding %s: %w", program, err)
	}
	return Process(pid), nil
}

func (c *Cluster) kubectl(ctx context.Context, args ...string) error {
	args = append([]string{"--kubeconfig", c.kubeconfig}, args...)
	return c.run(ctx, filepath.Join(c.settings.Root, "bin", "kubectl"), args...)
}

// run runs a command of the repository. Its error contains the output.
func (c *Cluster) run(ctx context.Context, command string, args ...string) error {
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Env = append(os.Environ(), "CLUSTER_NAME="+name, "APPSTACK_KUBECONFIG="+c.kubeconfig, "CLUSTER_PODS=20000")
	if c.settings.Stock {
		cmd.Env = append(cmd.Env, "CLUSTER_LIMITS=stock")
	}
	if output, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", filepath.Base(command), err), errors.New(string(output)))
	}
	return nil
}
