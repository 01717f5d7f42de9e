// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package contender implements the ways to run apps that are compared. Each app is a
// Deployment and a Service.
package contender

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/bench/cluster"
)

// Namespace contains the leader election lease, and objects that belong to no app.
const Namespace = "bench"

// spread is the number of namespaces of the apps.
const spread = 10

// Namespaces returns the namespaces of the apps.
func Namespaces() []string {
	all := make([]string, spread)
	for i := range all {
		all[i] = fmt.Sprintf("%s-%d", Namespace, i)
	}
	return all
}

// NamespaceOf returns the namespace of an app. Kubernetes' controllers scan a whole
// namespace for each change of a pod in it: with ten thousand apps in one namespace,
// these scans would dominate every measurement.
func NamespaceOf(name string) string {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(name)) // it never fails
	return Namespaces()[hash.Sum32()%spread]
}

// UserAgent is the user agent of the client that creates and updates apps.
const UserAgent = "bench-user"

// Contender is a way to run apps. To compare another one, implement it, and add it to All.
type Contender interface {
	// Name is its name in results.
	Name() string
	// Agent is the prefix of the user agent of its requests: UserAgent if it has no controller.
	Agent() string
	// Start starts its controller, which ends with the context. It returns nil if there is none.
	Start(ctx context.Context, on *cluster.Cluster) (*Program, error)
	// Create creates the app with the client, and Update changes its image.
	Create(ctx context.Context, kube client.Client, name, image string) error
	Update(ctx context.Context, kube client.Client, name, image string) error
}

// All returns all contenders.
func All() []Contender { return []Contender{Raw{}, Naive{}, AppStack{}} }

// Stack returns a typical app: one component, one port, one replica. Pods
// count as available as soon as they are ready.
func Stack(name, image string) *v1alpha1.AppStack {
	return &v1alpha1.AppStack{
		ObjectMeta: metav1.ObjectMeta{Namespace: NamespaceOf(name), Name: name},
		Spec: v1alpha1.AppStackSpec{
			Image: image,
			ComponentSpec: v1alpha1.ComponentSpec{
				Replicas: ptr.To[int32](1),
				Ports:    []v1alpha1.Port{{ContainerPort: 8080}},
			},
			Rollout: &v1alpha1.RolloutPolicy{MinReadySeconds: ptr.To[int32](0)},
		},
	}
}

// Program is a controller that runs as a separate process.
type Program struct {
	cluster.Process
	cmd   *exec.Cmd
	ended chan struct{}
}

// patience is how long a program may take to exit after a signal.
const patience = 30 * time.Second

// launch starts a program with access to the cluster. Its output goes to the log.
func launch(ctx context.Context, on *cluster.Cluster, log, path string, args ...string) (*Program, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	defer func() { _ = file.Close() }() // the program has its own handle
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+on.Kubeconfig())
	cmd.Stdout, cmd.Stderr = file, file
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	program := &Program{Process: cluster.Process(cmd.Process.Pid), cmd: cmd, ended: make(chan struct{})}
	go func() {
		defer close(program.ended)
		_ = cmd.Wait() // a non-zero exit code after a signal is no error
	}()
	return program, nil
}

// Stop sends SIGTERM, and waits until the program has exited.
func (p *Program) Stop() error { return p.Signal(syscall.SIGTERM) }

// Signal sends a signal that terminates the program, and waits until it has exited.
func (p *Program) Signal(signal syscall.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("ending %s: %w", p.cmd.Path, err)
	}
	select {
	case <-p.ended: // with an error if it was killed
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%s has not ended after %s", p.cmd.Path, patience)
	}
}
