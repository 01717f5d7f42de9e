// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package contender

import (
	"context"
	"fmt"
	"path/filepath"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/bench/cluster"
)

// AppStack is the operator as released.
type AppStack struct{}

// Name implements Contender.
func (AppStack) Name() string { return "appstack" }

// Agent implements Contender. It is a prefix of client-go's default, which starts with the program's name.
func (AppStack) Agent() string { return "manager/" }

// Start implements Contender.
func (AppStack) Start(ctx context.Context, on *cluster.Cluster) (*Program, error) {
	return Operator(ctx, on, "appstack")
}

// Operator starts bin/bench/manager with the flags and those that every run needs. It logs to bin/bench/<name>.log.
func Operator(ctx context.Context, on *cluster.Cluster, name string, flags ...string) (*Program, error) {
	bin := filepath.Join(on.Root(), "bin", "bench")
	flags = append([]string{"--registry-skip=*", "--metrics-secure=false", "--health-probe-bind-address=0", "--zap-log-level=error"}, flags...)
	return launch(ctx, on, filepath.Join(bin, name+".log"), filepath.Join(bin, "manager"), flags...)
}

// Create implements Contender.
func (AppStack) Create(ctx context.Context, kube client.Client, name, image string) error {
	if err := kube.Create(ctx, Stack(name, image)); err != nil {
		return fmt.Errorf("creating stack %s: %w", name, err)
	}
	return nil
}

// Update implements Contender.
func (AppStack) Update(ctx context.Context, kube client.Client, name, image string) error {
	return Change(ctx, kube, name, fmt.Sprintf(`{"spec":{"image":%q}}`, image))
}

// Change changes a stack by a merge patch.
func Change(ctx context.Context, kube client.Client, name, patch string) error {
	stack := &v1alpha1.AppStack{}
	stack.Namespace, stack.Name = NamespaceOf(name), name
	if err := kube.Patch(ctx, stack, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		return fmt.Errorf("changing stack %s: %w", name, err)
	}
	return nil
}

func strategic(patch string) client.Patch {
	return client.RawPatch(types.StrategicMergePatchType, []byte(patch))
}
