// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package contender

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/render"
	"github.com/appstack-dev/appstack/test/bench/cluster"
)

// Raw is a client that writes the same Deployments and Services itself: the
// lower bound for every contender.
type Raw struct{}

// Name implements Contender.
func (Raw) Name() string { return "raw" }

// Agent implements Contender.
func (Raw) Agent() string { return UserAgent }

// Start implements Contender.
func (Raw) Start(context.Context, *cluster.Cluster) (*Program, error) { return nil, nil }

// Create implements Contender.
func (Raw) Create(ctx context.Context, kube client.Client, name, image string) error {
	deployment, service, err := children(Stack(name, image))
	if err != nil {
		return err
	}
	deployment.OwnerReferences, service.OwnerReferences = nil, nil
	if err := kube.Create(ctx, deployment); err != nil {
		return fmt.Errorf("creating Deployment %s: %w", name, err)
	}
	object := &corev1.Service{}
	if err := convert(service, object); err != nil {
		return err
	}
	if err := kube.Create(ctx, object); err != nil {
		return fmt.Errorf("creating Service %s: %w", name, err)
	}
	return nil
}

// Update implements Contender. It does the same as `kubectl set image`.
func (Raw) Update(ctx context.Context, kube client.Client, name, image string) error {
	patch := fmt.Sprintf(`{"spec":{"template":{"spec":{"containers":[{"name":"app","image":%q}]}}}}`, image)
	deployment := &appsv1.Deployment{}
	deployment.Namespace, deployment.Name = NamespaceOf(name), name
	if err := kube.Patch(ctx, deployment, strategic(patch)); err != nil {
		return fmt.Errorf("updating Deployment %s: %w", name, err)
	}
	return nil
}

// children returns the Deployment and the Service of a stack, as AppStack renders them.
func children(stack *v1alpha1.AppStack) (*appsv1.Deployment, *corev1ac.ServiceApplyConfiguration, error) {
	content, err := render.Content(render.Input{Stack: stack, Defaults: render.StandardDefaults()})
	if err != nil {
		return nil, nil, fmt.Errorf("rendering %s: %w", stack.Name, err)
	}
	main := content.Components[0]
	desired := model.Desired{Component: main, Operation: render.Operations(stack.Spec)[main.Name], Revision: 1}
	return render.Deployment(stack, desired), render.Service(stack, main), nil
}

// convert converts an apply configuration to a typed object.
func convert(config any, object client.Object) error {
	raw, err := runtime.DefaultUnstructuredConverter.ToUnstructured(config)
	if err != nil {
		return fmt.Errorf("converting a %T: %w", config, err)
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw, object); err != nil {
		return fmt.Errorf("converting a %T: %w", config, err)
	}
	return nil
}
