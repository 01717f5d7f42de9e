// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package world gives each spec that runs against a whole control plane a namespace
// in the cluster of `make cluster`.
package world

import (
	"context"
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/kubectl"
)

// namespacePrefix starts the names of all namespaces that the tests create.
const namespacePrefix = "appstack-test-"

// App is the name of the stack in the specs.
const App = "my-app"

// World is the namespace of one spec.
type World struct{ Namespace string }

// New creates a namespace and deletes it after the spec.
func New(ctx context.Context) World {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: namespacePrefix}}
	Expect(Kube.Create(ctx, namespace)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		if CurrentSpecReport().Failed() {
			_, _, _ = kubectl.Attempt("", "--namespace", namespace.Name, "describe", "aps")
			_, _, _ = kubectl.Attempt("", "--namespace", namespace.Name, "get", "all,controllerrevisions,endpointslices", "-o", "wide")
		}
		Expect(client.IgnoreNotFound(Kube.Delete(ctx, namespace))).To(Succeed())
	})
	return World{Namespace: namespace.Name}
}

// Get returns the object of that name.
func Get[T any, P interface {
	*T
	client.Object
}](ctx context.Context, namespace, name string) (P, error) {
	object := P(new(T))
	err := Kube.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object)
	return object, err
}

// List returns all objects of the kind in the namespace.
func List[L any, P interface {
	*L
	client.ObjectList
}](ctx context.Context, namespace string) P {
	GinkgoHelper()
	objects := P(new(L))
	Expect(Kube.List(ctx, objects, client.InNamespace(namespace))).To(Succeed())
	return objects
}

// Stack returns the stack of the spec.
func (w World) Stack(ctx context.Context) (*v1alpha1.AppStack, error) {
	return Get[v1alpha1.AppStack](ctx, w.Namespace, App)
}

// Deployment returns the Deployment of that name, which must exist.
func (w World) Deployment(ctx context.Context, name string) *appsv1.Deployment {
	GinkgoHelper()
	deployment, err := Get[appsv1.Deployment](ctx, w.Namespace, name)
	Expect(err).NotTo(HaveOccurred())
	return deployment
}

// Service returns the Service of that name, which must exist.
func (w World) Service(ctx context.Context, name string) *corev1.Service {
	GinkgoHelper()
	service, err := Get[corev1.Service](ctx, w.Namespace, name)
	Expect(err).NotTo(HaveOccurred())
	return service
}

// Deployments returns the names of all Deployments.
func (w World) Deployments(ctx context.Context) []string {
	GinkgoHelper()
	return Names(List[appsv1.DeploymentList](ctx, w.Namespace).Items)
}

// Revisions returns the names of all revisions.
func (w World) Revisions(ctx context.Context) []string {
	GinkgoHelper()
	return Names(List[appsv1.ControllerRevisionList](ctx, w.Namespace).Items)
}

// Copies returns the names of the copies of ConfigMaps.
func (w World) Copies(ctx context.Context) []string {
	GinkgoHelper()
	copies := slices.DeleteFunc(List[corev1.ConfigMapList](ctx, w.Namespace).Items, func(config corev1.ConfigMap) bool {
		_, copied := config.Annotations[naming.AnnotationConfigSource]
		return !copied
	})
	return Names(copies)
}

// ReplicaSets returns the UIDs of all ReplicaSets.
func (w World) ReplicaSets(ctx context.Context) []types.UID {
	GinkgoHelper()
	return UIDs(List[appsv1.ReplicaSetList](ctx, w.Namespace).Items)
}

// ActiveReplicaSets returns the UIDs of the ReplicaSets with pods.
func (w World) ActiveReplicaSets(ctx context.Context) []types.UID {
	GinkgoHelper()
	return UIDs(slices.DeleteFunc(List[appsv1.ReplicaSetList](ctx, w.Namespace).Items,
		func(set appsv1.ReplicaSet) bool { return set.Status.Replicas == 0 }))
}

// Pods returns all pods that are not being deleted.
func (w World) Pods(ctx context.Context) []corev1.Pod {
	GinkgoHelper()
	return slices.DeleteFunc(List[corev1.PodList](ctx, w.Namespace).Items,
		func(pod corev1.Pod) bool { return pod.DeletionTimestamp != nil })
}

// ReadyPods returns the pods that are ready.
func (w World) ReadyPods(ctx context.Context) []corev1.Pod {
	GinkgoHelper()
	return slices.DeleteFunc(w.Pods(ctx), func(pod corev1.Pod) bool { return !IsReady(pod) })
}

// IsReady reports whether the pod is ready.
func IsReady(pod corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// Endpoints returns how many ready pods the Service has for each port number.
func (w World) Endpoints(ctx context.Context, service string) map[int32]int {
	GinkgoHelper()
	var slicesOf discoveryv1.EndpointSliceList
	Expect(Kube.List(ctx, &slicesOf, client.InNamespace(w.Namespace),
		client.MatchingLabels{discoveryv1.LabelServiceName: service})).To(Succeed())
	addresses := map[int32]sets.Set[string]{}
	for _, slice := range slicesOf.Items {
		for _, endpoint := range slice.Endpoints {
			for _, port := range slice.Ports {
				if ptr.Deref(endpoint.Conditions.Ready, false) && port.Port != nil {
					if addresses[*port.Port] == nil {
						addresses[*port.Port] = sets.New[string]()
					}
					addresses[*port.Port].Insert(endpoint.Addresses...)
				}
			}
		}
	}
	ready := map[int32]int{}
	for port, all := range addresses {
		ready[port] = all.Len()
	}
	return ready
}

// IsHalfWayTo waits until some but not all pods run the image.
func (w World) IsHalfWayTo(ctx context.Context, image string) {
	GinkgoHelper()
	Eventually(ctx, func() (int, error) {
		updated := 0
		for _, pod := range w.Pods(ctx) {
			if pod.Spec.Containers[0].Image == image {
				updated++
			}
		}
		if wanted := int(ptr.Deref(w.Deployment(ctx, App).Spec.Replicas, 1)); updated >= wanted {
			return updated, StopTrying("the rollout is over already")
		}
		return updated, nil
	}).Should(BeNumerically(">", 0))
}

// BecomesReady waits until the stack is Ready in its newest generation.
func (w World) BecomesReady(ctx context.Context) *v1alpha1.AppStack {
	GinkgoHelper()
	return w.Becomes(ctx, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
}

// Becomes waits until a condition of the stack has the status and reason in its newest generation.
func (w World) Becomes(ctx context.Context, conditionType string, status metav1.ConditionStatus, reason string) *v1alpha1.AppStack {
	GinkgoHelper()
	var stack *v1alpha1.AppStack
	Eventually(ctx, func(g Gomega) {
		var err error
		stack, err = w.Stack(ctx)
		g.Expect(err).NotTo(HaveOccurred())
		condition := meta.FindStatusCondition(stack.Status.Conditions, conditionType)
		g.Expect(condition).NotTo(BeNil())
		g.Expect(*condition).To(And(
			HaveField("ObservedGeneration", stack.Generation), HaveField("Status", status), HaveField("Reason", reason)))
	}).Should(Succeed())
	return stack
}

// Stalls waits until the stack is Stalled with the reason, and returns the condition's message.
func (w World) Stalls(ctx context.Context, reason string) string {
	GinkgoHelper()
	stack := w.Becomes(ctx, v1alpha1.ConditionStalled, metav1.ConditionTrue, reason)
	return meta.FindStatusCondition(stack.Status.Conditions, v1alpha1.ConditionStalled).Message
}

// History returns the stack's history, newest first, a line for each rollout.
func History(stack *v1alpha1.AppStack) []string {
	var lines []string
	for _, rollout := range stack.Status.History {
		lines = append(lines, fmt.Sprintf("%d %s %s", rollout.Revision, rollout.Trigger, rollout.Outcome))
	}
	return lines
}

// named is the common interface of objects.
type named[T any] interface {
	*T
	metav1.Object
}

// Names returns the names of the objects.
func Names[T any, P named[T]](items []T) []string {
	all := make([]string, 0, len(items))
	for i := range items {
		all = append(all, P(&items[i]).GetName())
	}
	return all
}

// UIDs returns the UIDs of the objects.
func UIDs[T any, P named[T]](items []T) []types.UID {
	all := make([]types.UID, 0, len(items))
	for i := range items {
		all = append(all, P(&items[i]).GetUID())
	}
	return all
}
