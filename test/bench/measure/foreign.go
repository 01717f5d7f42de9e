// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package measure

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/test/bench/cluster"
	"github.com/appstack-dev/appstack/test/bench/contender"
	"github.com/appstack-dev/appstack/test/bench/result"
)

var foreign = Measure{
	Name: "foreign",
	Doc:  "what so many Deployments, Secrets and pods that are nobody's cost the operator",
	Plan: func(scale Scale) []result.Key { return alone("foreign", scale.Foreign, 1) },
	Run:  runForeign,
}

func runForeign(ctx context.Context, scale Scale, on *cluster.Cluster, sample *result.Sample) error {
	apps, err := watch(ctx, on)
	if err != nil {
		return err
	}
	others := &managers{on: on}
	measured := func(when string) error {
		for range scale.Restarts {
			one, err := others.start(ctx)
			if err != nil {
				return err
			}
			if err := one.leads(ctx); err != nil {
				return err
			}
			held, err := one.memory(ctx)
			if err != nil {
				return err
			}
			sample.Repeat(when+".resident.bytes", float64(held.Resident))
			sample.Repeat(when+".anonymous.bytes", float64(held.Anonymous))
			if err := one.Stop(); err != nil {
				return err
			}
		}
		return nil
	}
	if err := measured("without"); err != nil {
		return err
	}
	watching, err := others.start(ctx)
	if err != nil {
		return err
	}
	if err := watching.leads(ctx); err != nil {
		return err
	}
	if err := spends(watching.Program, sample, "idle", func() error { return wait(ctx, scale.Idle) }); err != nil {
		return err
	}
	mark, err := on.Mark()
	if err != nil {
		return err
	}
	if err := spends(watching.Program, sample, "made", func() error {
		err := each(ctx, names(scale.Foreign), func(ctx context.Context, name string) error {
			return createForeign(ctx, apps.kube, name)
		})
		if err == nil {
			_, err = on.Settle(ctx, mark, "kube-controller-manager")
		}
		return err
	}); err != nil {
		return err
	}
	if err := watching.Stop(); err != nil {
		return err
	}
	return measured("with")
}

// createForeign creates objects that do not belong to a stack.
func createForeign(ctx context.Context, kube client.Client, name string) error {
	meta := metav1.ObjectMeta{
		Namespace: contender.Namespace, Name: "foreign-" + name, Labels: map[string]string{"app.kubernetes.io/name": name},
	}
	// a scheduler that does not exist leaves the pod unscheduled
	pod := corev1.PodSpec{SchedulerName: "nobody", Containers: []corev1.Container{{Name: "app", Image: firstImage}}}
	for _, object := range []client.Object{
		&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](0),
			Selector: &metav1.LabelSelector{MatchLabels: meta.Labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: meta.Labels}, Spec: pod},
		}},
		&corev1.Secret{ObjectMeta: meta, Data: map[string][]byte{"password": make([]byte, 1024)}},
		&corev1.Pod{ObjectMeta: meta, Spec: pod},
	} {
		if err := kube.Create(ctx, object); err != nil {
			return fmt.Errorf("creating %T %s: %w", object, name, err)
		}
	}
	return nil
}
