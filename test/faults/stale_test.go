// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package faults_test

import (
	"cmp"
	"context"
	"os"
	"slices"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/faults"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/oracle"
	"github.com/appstack-dev/appstack/test/world"
)

// named returns the workload with the name.
func named(name string) workload {
	GinkgoHelper()
	at := slices.IndexFunc(workloads, func(w workload) bool { return w.name == name })
	Expect(at).To(BeNumerically(">=", 0), "a workload %q", name)
	return workloads[at]
}

// begins returns a run that has begun; it ends with the spec.
func begins(ctx context.Context, w workload, by *rest.Config) *run {
	GinkgoHelper()
	r, err := begin(ctx, w, by)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) {
		Expect(r.end()).To(Succeed())
		removeAll(ctx, []string{r.namespace})
	})
	return r
}

// endsAs expects that the run ends in the state, without violated invariants.
func (r *run) endsAs(ctx context.Context, state string, words ...string) {
	GinkgoHelper()
	end, err := r.settle(ctx, state)
	Expect(err).NotTo(HaveOccurred())
	Expect(end.wrong).To(BeEmpty(), "%s", words)
	Expect(oracle.Diff(state, end.state)).To(BeEmpty(), "%s: - expected, + found", words)
}

// each calls do for all resources concurrently.
func each(resources []string, do func(resource string)) {
	GinkgoHelper()
	var group sync.WaitGroup
	for _, resource := range resources {
		group.Go(func() {
			defer GinkgoRecover()
			do(resource)
		})
	}
	group.Wait()
}

// now returns the current state of the run.
func (r *run) now(ctx context.Context) string {
	GinkgoHelper()
	read, err := oracle.Read(ctx, world.Kube, r.namespace)
	Expect(err).NotTo(HaveOccurred())
	state, err := read.State()
	Expect(err).NotTo(HaveOccurred())
	return state
}

var _ = Describe("An operator that does not see what happened between", func() {
	It("a change of the stack and the way back: does nothing (R3, R5)", func(ctx SpecContext) {
		gate := &faults.Gate{Resource: "appstacks"}
		r := begins(ctx, named("update"), gate.Connect(config))
		before := r.now(ctx)
		gate.Close()
		Expect(change(Image("my-app:2"))(ctx, r.namespace)).To(Succeed())
		Expect(change(Image("my-app:1"))(ctx, r.namespace)).To(Succeed())
		r.injector.Arm(0, faults.Fault{})
		gate.Reopen()
		r.endsAs(ctx, before)
		Expect(r.injector.Writes()).To(ConsistOf("patch appstacks/my-app/status"), "of the generation that it has seen")
	}, SpecTimeout(3*time.Minute))

	It("a pod that could not run and does by now: fails no release (R17)", func(ctx SpecContext) {
		gate := &faults.Gate{Resource: "pods"}
		r := begins(ctx, named("update"), gate.Connect(config))
		gate.Close()
		Expect(change(Image(broken), WithoutComponents())(ctx, r.namespace)).To(Succeed())
		for range 2 { // one after the other: the next is made when the last is ready
			Eventually(ctx, func(g Gomega) { g.Expect(mendOne(ctx, g, r.namespace)).To(BeTrue()) }).Should(Succeed())
		}
		gate.Reopen()
		Expect(changed().await(ctx, r.namespace, patience)).To(Succeed())
		stack, err := world.Get[v1alpha1.AppStack](ctx, r.namespace, world.App)
		Expect(err).NotTo(HaveOccurred())
		Expect(world.History(stack)).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
	}, SpecTimeout(3*time.Minute))

	It("a stack that was deleted and is there again: is another one, with a history of its own (R26, R27)", func(ctx SpecContext) {
		w := named("delete and create again")
		expected := calibrate(ctx, w)
		gate := &faults.Gate{Resource: "appstacks"}
		r := begins(ctx, w, gate.Connect(config))
		gate.Close()
		Expect(w.acts[0].by(ctx, r.namespace)).To(Succeed())
		gate.Reopen()
		r.endsAs(ctx, expected.state)
	}, SpecTimeout(3*time.Minute))

	It("a child that was deleted, or is another one by now (R26, R28)", func(ctx SpecContext) {
		gates := []*faults.Gate{{Resource: "deployments"}, {Resource: "services"}}
		by := config
		for _, gate := range gates {
			by = gate.Connect(by)
		}
		r := begins(ctx, named("update"), by)
		before := r.now(ctx)
		for _, gate := range gates {
			gate.Close()
		}
		of := metav1.ObjectMeta{Namespace: r.namespace, Name: world.App}
		Expect(world.Kube.Delete(ctx, &appsv1.Deployment{ObjectMeta: of}, client.PropagationPolicy("Background"))).To(Succeed())
		foreign := &corev1.Service{ObjectMeta: of, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 81}}}}
		Expect(world.Kube.Delete(ctx, &corev1.Service{ObjectMeta: of})).To(Succeed())
		Expect(world.Kube.Create(ctx, foreign)).To(Succeed())
		for _, gate := range gates {
			gate.Reopen()
		}
		Expect(act{reason: v1alpha1.ReasonNameConflict}.await(ctx, r.namespace, patience)).To(Succeed())
		still, err := world.Get[corev1.Service](ctx, r.namespace, world.App)
		Expect(err).NotTo(HaveOccurred())
		Expect(still.UID).To(Equal(foreign.UID))
		Expect(still.OwnerReferences).To(BeEmpty())
		Expect(world.Kube.Delete(ctx, foreign)).To(Succeed())
		r.endsAs(ctx, before)
	}, SpecTimeout(4*time.Minute))
})

// mendOne makes a pod of the broken image ready, if there is one.
func mendOne(ctx context.Context, g Gomega, namespace string) bool {
	var pods corev1.PodList
	g.Expect(world.Kube.List(ctx, &pods, client.InNamespace(namespace))).To(Succeed())
	for _, pod := range pods.Items {
		if pod.Spec.Containers[0].Image != broken || world.IsReady(pod) || len(pod.Status.ContainerStatuses) == 0 {
			continue
		}
		pod.Status.Phase = corev1.PodRunning
		for i := range pod.Status.Conditions {
			if t := pod.Status.Conditions[i].Type; t == corev1.PodReady || t == corev1.ContainersReady {
				pod.Status.Conditions[i].Status, pod.Status.Conditions[i].LastTransitionTime = corev1.ConditionTrue, metav1.Now()
			}
		}
		pod.Status.ContainerStatuses[0].Ready = true
		pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}
		g.Expect(world.Kube.Status().Update(ctx, &pod)).To(Succeed())
		return true
	}
	return false
}

// late is the delay of the watch events of one kind: FAULTS_DELAY, or 5s to 30s.
func late() time.Duration {
	GinkgoHelper()
	delay, err := time.ParseDuration(cmp.Or(os.Getenv("FAULTS_DELAY"), "30s"))
	Expect(err).NotTo(HaveOccurred(), "FAULTS_DELAY is a duration, such as 5s")
	return delay
}

// stories returns all of the workloads, or the first two if only a share of the points is tried.
func stories(all ...string) []string {
	if os.Getenv("FAULTS_SHARE") != "" {
		return all[:2]
	}
	return all
}

// watched are the resources that the operator watches.
var watched = []string{
	"appstacks", "deployments", "services", "controllerrevisions", "pods", "poddisruptionbudgets", "horizontalpodautoscalers",
}

var _ = Describe("An operator that hears of one kind late", func() {
	for _, w := range stories("update", "failed update, rollback", "manual rollback", "component removed", "scale") {
		It(w+": comes to the same end", func(ctx SpecContext) {
			expected := calibrate(ctx, named(w))
			each(watched, func(resource string) {
				gate := &faults.Gate{Resource: resource}
				r := begins(ctx, named(w), gate.Connect(config))
				gate.SetDelay(late())
				for _, act := range named(w).acts {
					Expect(act.by(ctx, r.namespace)).To(Succeed())
				}
				for _, act := range named(w).acts {
					Expect(act.await(ctx, r.namespace, 2*patience)).To(Succeed(), "%s late", resource)
				}
				r.endsAs(ctx, expected.state, resource+" late")
			})
		}, SpecTimeout(8*time.Minute))
	}
})

var _ = Describe("An operator that starts with what was", func() {
	for _, w := range stories("failed update, rollback", "update", "manual rollback", "component removed") {
		It(w+": keeps what its predecessor has done", func(ctx SpecContext) {
			expected := calibrate(ctx, named(w))
			each(watched, func(resource string) {
				if resource == "pods" {
					return // they are read while a rollout is under way only
				}
				r := begins(ctx, named(w), config)
				past := &faults.Past{Resource: resource, Version: version(ctx), Lasts: 5 * time.Second}
				for _, act := range named(w).acts {
					Expect(r.do(ctx, act)).To(Succeed())
				}
				Expect(r.end()).To(Succeed())
				r.by = past.Connect(config)
				Expect(r.start()).To(Succeed())
				r.endsAs(ctx, expected.state, resource+" as they were")
				Expect(past.Seen()).To(BeTrue(), "the operator reads %s", resource)
			})
		}, SpecTimeout(10*time.Minute))
	}
})

// version returns the current resource version of the cluster.
func version(ctx context.Context) string {
	GinkgoHelper()
	var stacks v1alpha1.AppStackList
	Expect(world.Kube.List(ctx, &stacks)).To(Succeed())
	return stacks.ResourceVersion
}
