// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/world"
)

// step is a change to a stack, its children or its operator.
type step struct {
	// kind groups steps in reports.
	kind string
	// line describes it.
	line string
	do   func(ctx context.Context) error
}

// next returns a random step.
func (w *wanderer) next() step {
	pick := func(images ...string) string { return images[w.random.IntN(len(images))] }
	changed := func(kind, line string, options ...Option) step {
		return step{kind, line, func(ctx context.Context) error { return w.change(ctx, options...) }}
	}
	good := pick("my-app:1", "my-app:2", "my-app:3")
	bad := pick("my-app:waits-InvalidImageName", "my-app:crash", "my-app:missing")
	value := pick("1", "2", lastConfig)
	to := int64(1 + w.random.IntN(5))
	replicas := int32(w.random.IntN(4))  //nolint:gosec // small
	limit := int32(1 + w.random.IntN(4)) //nolint:gosec // small
	port := int32(80 + w.random.IntN(3)) //nolint:gosec // small
	steps := []step{
		changed("update", "image "+good, Image(good)),
		changed("update", "image "+good, Image(good)),
		changed("update", fmt.Sprintf("port %d", port), Ports(port)),
		changed("update", "no port", Ports()),
		changed("update", "a worker", WithoutComponents(), Component("worker", 1, nil, "work")),
		changed("update", "no worker", WithoutComponents()),
		changed("update", "restart", RestartedAt(time.Now())),
		changed("update", fmt.Sprintf("keep %d", limit), HistoryLimit(limit)),
		changed("update", "without ConfigMap web", EnvFrom()),
		changed("update", "with ConfigMap web", EnvFrom("web")),
		{"config", "ConfigMap web has " + value, func(ctx context.Context) error { return w.putConfig(ctx, value) }},
		{"config", "ConfigMap web has " + value, func(ctx context.Context) error { return w.putConfig(ctx, value) }},
		{"config", "ConfigMap web is deleted", func(ctx context.Context) error {
			return client.IgnoreNotFound(world.Kube.Delete(ctx, &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "web"},
			}))
		}},
		{"config", "a copy of ConfigMap web is deleted", w.deleteCopy},
		changed("break", "image "+bad, Image(bad)),
		changed("break", "image "+bad, Image(bad)),
		changed("roll back", fmt.Sprintf("rollback to %d", to), RollbackTo(to, 0)),
		changed("roll back", "rollback removed", NoRollback()),
		changed("roll back", "rollback removed", NoRollback()),
		changed("scale", fmt.Sprintf("%d replicas", replicas), Replicas(replicas)),
		changed("pause", "paused", Paused(true)),
		changed("pause", "not paused", Paused(false)),
		changed("pause", "not paused", Paused(false)),
		{"kill a pod", "a pod is killed", w.killPod},
		{"kill the operator", "the operator is killed at one of its next writes", w.armCrash},
		{"kill the operator", "the operator is killed at one of its next writes", w.armCrash},
	}
	steps = append(steps, w.byHand()...)
	return steps[w.random.IntN(len(steps))]
}

// byHand returns manual changes of children.
func (w *wanderer) byHand() []step {
	of := metav1.ObjectMeta{Namespace: w.namespace, Name: world.App}
	const kind = "edit a child"
	return []step{
		{kind, "the Deployment has another image", func(ctx context.Context) error {
			return edit(ctx, &appsv1.Deployment{ObjectMeta: of}, func(d *appsv1.Deployment) {
				d.Spec.Template.Spec.Containers[0].Image = "my-app:hand"
			})
		}},
		{kind, "the Deployment has 7 replicas", func(ctx context.Context) error {
			return edit(ctx, &appsv1.Deployment{ObjectMeta: of}, func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To[int32](7) })
		}},
		{kind, "the Service has another port", func(ctx context.Context) error {
			return edit(ctx, &corev1.Service{ObjectMeta: of}, func(s *corev1.Service) { s.Spec.Ports[0].Port = 4711 })
		}},
		{kind, "the PodDisruptionBudget allows every eviction", func(ctx context.Context) error {
			return edit(ctx, &policyv1.PodDisruptionBudget{ObjectMeta: of}, func(b *policyv1.PodDisruptionBudget) {
				b.Spec.MaxUnavailable = ptr.To(intstr.FromString("100%"))
			})
		}},
		{kind, "the Deployment is deleted", func(ctx context.Context) error {
			return client.IgnoreNotFound(world.Kube.Delete(ctx, &appsv1.Deployment{ObjectMeta: of}, client.PropagationPolicy("Background")))
		}},
		{kind, "the Service is deleted", func(ctx context.Context) error {
			return client.IgnoreNotFound(world.Kube.Delete(ctx, &corev1.Service{ObjectMeta: of}))
		}},
	}
}

// edit changes a child, if it exists.
func edit[T client.Object](ctx context.Context, object T, by func(T)) error {
	err := world.Update(ctx, object, by)
	if apierrors.IsConflict(err) {
		return nil // the operator and Kubernetes always write first
	}
	return client.IgnoreNotFound(err)
}

// putConfig creates or changes the ConfigMap that the stack uses.
func (w *wanderer) putConfig(ctx context.Context, value string) error {
	return world.PutConfig(ctx, w.namespace, "web", map[string]string{"VALUE": value})
}

// deleteCopy deletes one of the copies of ConfigMaps.
func (w *wanderer) deleteCopy(ctx context.Context) error {
	var copies corev1.ConfigMapList
	err := world.Kube.List(ctx, &copies, client.InNamespace(w.namespace), client.MatchingLabels{naming.LabelStack: world.App})
	if err != nil || len(copies.Items) == 0 {
		return err
	}
	return client.IgnoreNotFound(world.Kube.Delete(ctx, &copies.Items[w.random.IntN(len(copies.Items))]))
}

// killPod deletes one of the pods.
func (w *wanderer) killPod(ctx context.Context) error {
	var pods corev1.PodList
	if err := world.Kube.List(ctx, &pods, client.InNamespace(w.namespace)); err != nil || len(pods.Items) == 0 {
		return err
	}
	return client.IgnoreNotFound(world.Kube.Delete(ctx, &pods.Items[w.random.IntN(len(pods.Items))]))
}

// change changes the stack.
func (w *wanderer) change(ctx context.Context, options ...Option) error {
	stack := &v1alpha1.AppStack{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: world.App}}
	return world.Update(ctx, stack, func(s *v1alpha1.AppStack) { With(s, options...) })
}
