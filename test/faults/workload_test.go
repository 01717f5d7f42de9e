// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package faults_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/oracle"
	"github.com/appstack-dev/appstack/test/world"
)

// workload is a sequence of changes of a stack.
type workload struct {
	name string
	// before are the changes that lead to where it begins; each comes to its end.
	before []act
	// acts are the changes during which a write fails. Each but the last comes to its end before
	// the next.
	acts []act
}

// act is a change, with the reason of the condition Ready at its end.
type act struct {
	by     func(ctx context.Context, namespace string) error
	reason string
}

// broken is an image that no node can run, which fails at once.
const broken = "my-app:waits-InvalidImageName"

var workloads = []workload{
	{name: "create", acts: []act{created()}},
	{name: "update", before: []act{created()}, acts: []act{changed(Image("my-app:2"))}},
	{
		name:   "failed update, rollback",
		before: []act{created()},
		acts:   []act{{change(Image(broken), WithoutComponents()), v1alpha1.ReasonRolledBack}},
	},
	{
		name:   "manual rollback",
		before: []act{created(), changed(Image("my-app:2"))},
		acts:   []act{changed(RollbackTo(1, 2))},
	},
	{name: "scale", before: []act{created()}, acts: []act{changed(Replicas(3), autoscaledWorker)}},
	{
		name:   "port renamed",
		before: []act{created(namedPort("web"))},
		acts:   []act{changed(namedPort("http"))},
	},
	{
		name:   "component removed",
		before: []act{created(Component("cache", 1, withPort, "cache"))},
		acts:   []act{changed(WithoutComponents(), withWorker)},
	},
	{
		name:   "pause and resume",
		before: []act{created()},
		acts: []act{
			{change(Paused(true), Image("my-app:2")), v1alpha1.ReasonPaused},
			changed(Paused(false)),
		},
	},
	{
		name: "create with config",
		acts: []act{{func(ctx context.Context, namespace string) error {
			return errors.Join(putConfig("1")(ctx, namespace), create(EnvFrom("web"), withFile)(ctx, namespace))
		}, v1alpha1.ReasonSucceeded}},
	},
	{
		name:   "config changed with the spec",
		before: []act{{putConfig("1"), ""}, created(EnvFrom("web"), withFile)},
		acts: []act{{func(ctx context.Context, namespace string) error {
			return errors.Join(putConfig("2")(ctx, namespace), change(Image("my-app:2"))(ctx, namespace))
		}, v1alpha1.ReasonSucceeded}},
	},
	{
		name:   "rollback to other config",
		before: []act{{putConfig("1"), ""}, created(EnvFrom("web")), changed(EnvFrom(), withFile)},
		acts:   []act{changed(RollbackTo(1, 2))},
	},
	{
		name: "prune", // a revision, and later the copy of a ConfigMap that only it names
		before: []act{
			{putConfig("1"), ""}, created(EnvFrom("web"), HistoryLimit(1)), changed(EnvFrom(), Image("my-app:2")),
		},
		acts: []act{changed(Image("my-app:3")), {copyGone, v1alpha1.ReasonSucceeded}},
	},
	{name: "delete", before: []act{created()}, acts: []act{{remove, ""}}},
	{
		name:   "delete and create again",
		before: []act{created()},
		acts: []act{{func(ctx context.Context, namespace string) error {
			if err := remove(ctx, namespace); err != nil {
				return err
			}
			return create(Image("my-app:2"))(ctx, namespace)
		}, v1alpha1.ReasonSucceeded}},
	},
}

// small is the initial stack of the workloads: two components, and children of every kind.
func small(s *v1alpha1.AppStack) {
	With(s, Replicas(2), Rollout(v1alpha1.RolloutPolicy{MinReadySeconds: ptr.To[int32](0)}), withWorker)
}

func withWorker(s *v1alpha1.AppStack) { Component("worker", 1, nil, "work")(s) }

func withPort(c *v1alpha1.Component) { c.Ports = []v1alpha1.Port{{ContainerPort: 6379}} }

func namedPort(name string) Option {
	return func(s *v1alpha1.AppStack) { s.Spec.Ports = []v1alpha1.Port{{Name: name, ContainerPort: 80}} }
}

// autoscaledWorker leaves the number of workers to an autoscaler.
func autoscaledWorker(s *v1alpha1.AppStack) {
	s.Spec.Components[0].Replicas = nil
	s.Spec.Components[0].Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 3}
}

// withFile gives the main component a file.
func withFile(s *v1alpha1.AppStack) {
	s.Spec.Files = []v1alpha1.File{{Path: "/etc/app.conf", Content: "color = blue"}}
}

// putConfig creates or changes the ConfigMap web.
func putConfig(value string) func(context.Context, string) error {
	return func(ctx context.Context, namespace string) error {
		return world.PutConfig(ctx, namespace, "web", map[string]string{"VALUE": value})
	}
}

// copyGone waits until the stack has no copy of a ConfigMap.
func copyGone(ctx context.Context, namespace string) error {
	return poll(ctx, patience, func() (bool, error) {
		found, err := oracle.Read(ctx, world.Kube, namespace)
		return err == nil && len(found.Copies) == 0, err
	})
}

func created(options ...Option) act { return act{create(options...), v1alpha1.ReasonSucceeded} }

func changed(options ...Option) act { return act{change(options...), v1alpha1.ReasonSucceeded} }

func create(options ...Option) func(context.Context, string) error {
	return func(ctx context.Context, namespace string) error {
		return world.Kube.Create(ctx, With(Stack(world.App, append([]Option{InNamespace(namespace), small}, options...)...)))
	}
}

func change(options ...Option) func(context.Context, string) error {
	return func(ctx context.Context, namespace string) error {
		return changeNamed(ctx, namespace, world.App, options...)
	}
}

func changeNamed(ctx context.Context, namespace, name string, options ...Option) error {
	stack := &v1alpha1.AppStack{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	return world.Update(ctx, stack, func(s *v1alpha1.AppStack) { With(s, options...) })
}

func remove(ctx context.Context, namespace string) error {
	stack := &v1alpha1.AppStack{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: world.App}}
	return world.Kube.Delete(ctx, stack, client.PropagationPolicy("Background"))
}

// stands returns the conditions of the stack, and whether the act is over: the newest generation has
// the reason and nothing is in progress, or the stack is deleted.
func (a act) stands(ctx context.Context, namespace string) (how string, over bool) {
	stack := &v1alpha1.AppStack{}
	err := world.Kube.Get(ctx, client.ObjectKey{Namespace: namespace, Name: world.App}, stack)
	if apierrors.IsNotFound(err) {
		return "gone", a.reason == ""
	}
	if err != nil {
		return err.Error(), false
	}
	// an automatic rollback is in progress while Ready has its reason already
	if history := stack.Status.History; len(history) > 0 && history[0].Outcome == v1alpha1.OutcomeProgressing {
		how += fmt.Sprintf("the rollout to revision %d is in progress\n", history[0].Revision)
		if a.reason != v1alpha1.ReasonPaused {
			return how, false
		}
	}
	for _, condition := range stack.Status.Conditions {
		how += fmt.Sprintf("%s=%s %s: %s (%d of %d)\n", condition.Type, condition.Status, condition.Reason, condition.Message,
			condition.ObservedGeneration, stack.Generation)
		underWay := condition.Type == v1alpha1.ConditionReconciling && condition.Reason != v1alpha1.ReasonPaused
		if condition.ObservedGeneration != stack.Generation || underWay {
			return how, false
		}
		over = over || condition.Type == v1alpha1.ConditionReady && condition.Reason == a.reason
	}
	return how, over
}

// await waits until the act is over.
func (a act) await(ctx context.Context, namespace string, within time.Duration) error {
	var how string
	err := poll(ctx, within, func() (over bool, _ error) {
		how, over = a.stands(ctx, namespace)
		return over, nil
	})
	if err != nil {
		return fmt.Errorf("not %q after %s:\n%s", a.reason, within, how)
	}
	return nil
}
