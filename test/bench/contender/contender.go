// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package contender has those who are compared: each has apps run, as a
// Deployment and a Service each.
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

// Namespace has the lease of a contender that leads, and what is nobody's app.
const Namespace = "bench"

// spread is over how many namespaces the apps are.
const spread = 10

// Namespaces are those of the apps.
func Namespaces() []string {
	all := make([]string, spread)
	for i := range all {
		all[i] = fmt.Sprintf("%s-%d", Namespace, i)
	}
	return all
}

// NamespaceOf is that of an app. Controllers of Kubernetes look through a whole
// namespace for each change of a pod in it: with ten thousand apps in one, that
// would be all that everybody waits for.
func NamespaceOf(name string) string {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(name)) // it never fails
	return Namespaces()[hash.Sum32()%spread]
}

// UserAgent is that of the client which asks for apps.
const UserAgent = "bench-user"

// Contender has apps run. To compare another one, implement it, and add it to All.
type Contender interface {
	// Name is how results name it.
	Name() string
	// Agent is how the user agent of its requests begins, UserAgent where it is the client itself.
	Agent() string
	// Start starts its controller, which ends with the context; nil where it has none.
	Start(ctx context.Context, on *cluster.Cluster) (*Program, error)
	// Create asks for the app, and Update for another image of it, with the client.
	Create(ctx context.Context, kube client.Client, name, image string) error
	Update(ctx context.Context, kube client.Client, name, image string) error
}

// All are those who are compared.
func All() []Contender { return []Contender{Raw{}, Naive{}, AppStack{}} }

// Stack is an app as users write it: one component, one port, one replica. Pods
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

// Program is a controller that runs as a process of its own.
type Program struct {
	cluster.Process
	cmd   *exec.Cmd
	ended chan struct{}
}

// patience is how long a program may take to end once it was told to.
const patience = 30 * time.Second

// launch starts a program that reaches the cluster, and writes to the log.
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
		_ = cmd.Wait() // that it was told to end is no error
	}()
	return program, nil
}

// Stop tells the program to end, and waits for that.
func (p *Program) Stop() error { return p.Signal(syscall.SIGTERM) }

// Signal sends a signal that ends the program, and waits for that.
func (p *Program) Signal(signal syscall.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("ending %s: %w", p.cmd.Path, err)
	}
	select {
	case <-p.ended: // with an error where it was killed
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%s has not ended after %s", p.cmd.Path, patience)
	}
}
