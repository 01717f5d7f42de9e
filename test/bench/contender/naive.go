// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package contender

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	core "github.com/appstack-dev/appstack/internal/controller"
	"github.com/appstack-dev/appstack/test/bench/cluster"
)

// naiveAgent is the user agent of the naive controller.
const naiveAgent = "bench-naive"

// Naive is a controller as in tutorials: each reconcile applies Deployment and
// Service and writes the status, whether or not anything changed, and the cache
// contains every Deployment and Service of the cluster. It keeps no history.
type Naive struct{}

// Name implements Contender.
func (Naive) Name() string { return "naive" }

// Agent implements Contender.
func (Naive) Agent() string { return naiveAgent }

// NaiveCommand is the argument that makes the benchmark's own program run the naive controller.
const NaiveCommand = "naive"

// Start implements Contender.
func (Naive) Start(ctx context.Context, on *cluster.Cluster) (*Program, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("starting the naive controller: %w", err)
	}
	return launch(ctx, on, filepath.Join(on.Root(), "bin", "bench", "naive.log"), self, NaiveCommand)
}

// Create implements Contender.
func (Naive) Create(ctx context.Context, kube client.Client, name, image string) error {
	return AppStack{}.Create(ctx, kube, name, image)
}

// Update implements Contender.
func (Naive) Update(ctx context.Context, kube client.Client, name, image string) error {
	return AppStack{}.Update(ctx, kube, name, image)
}

// RunNaive runs the naive controller until it receives a signal.
func RunNaive() error {
	ctrl.SetLogger(logr.Discard())
	scheme, err := core.Scheme()
	if err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	config.UserAgent = naiveAgent
	mgr, err := ctrl.NewManager(config, ctrl.Options{Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"}})
	if err != nil {
		return fmt.Errorf("building the manager: %w", err)
	}
	err = ctrl.NewControllerManagedBy(mgr).
		Named("naive").
		For(&v1alpha1.AppStack{}).
		Owns(&appsv1.Deployment{}).
		Owns(&corev1.Service{}).
		WithOptions(controller.Options{MaxConcurrentReconciles: 4}).
		Complete(&naive{mgr.GetClient()})
	if err != nil {
		return fmt.Errorf("building the controller: %w", err)
	}
	if err := mgr.Start(ctrl.SetupSignalHandler()); err != nil {
		return fmt.Errorf("running the manager: %w", err)
	}
	return nil
}

type naive struct{ client.Client }

// Reconcile applies the children, and writes the status.
func (n *naive) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	stack := &v1alpha1.AppStack{}
	if err := n.Get(ctx, req.NamespacedName, stack); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	deployment, service, err := children(stack)
	if err != nil {
		return ctrl.Result{}, err
	}
	typed := &corev1.Service{}
	if err := convert(service, typed); err != nil {
		return ctrl.Result{}, err
	}
	for kind, object := range map[schema.GroupVersionKind]client.Object{
		appsv1.SchemeGroupVersion.WithKind("Deployment"): deployment,
		corev1.SchemeGroupVersion.WithKind("Service"):    typed,
	} {
		object.GetObjectKind().SetGroupVersionKind(kind)
		err := n.Patch(ctx, object, client.Apply, client.FieldOwner("naive"), client.ForceOwnership) //nolint:staticcheck // as in tutorials
		if err != nil {
			return ctrl.Result{}, fmt.Errorf("applying %s %s: %w", kind.Kind, object.GetName(), err)
		}
	}
	ready := metav1.ConditionFalse
	if deployment.Status.AvailableReplicas == *deployment.Spec.Replicas {
		ready = metav1.ConditionTrue
	}
	stack.Status.ObservedGeneration = stack.Generation
	meta.SetStatusCondition(&stack.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: ready, Reason: "Applied", ObservedGeneration: stack.Generation,
	})
	if err := n.Status().Update(ctx, stack); err != nil && !apierrors.IsConflict(err) {
		return ctrl.Result{}, fmt.Errorf("writing the status: %w", err)
	}
	return ctrl.Result{}, nil
}
