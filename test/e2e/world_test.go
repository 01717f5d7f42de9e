// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/kubectl"
)

const (
	// app is the name of the stack in the specs.
	app = "shop"
	// images is the repository of the test image with all its versions.
	images = "appstack-registry:5000/app:"
	// port is the port that the test image listens on and EXPOSEs.
	port = "8080"
	// longSpec is the timeout of a spec with several rollouts.
	longSpec = 20 * time.Minute
)

// world is the namespace of one spec.
type world struct{ namespace string }

// newWorld creates a namespace with the labels, and deletes it after the spec.
func newWorld(ctx context.Context, labels map[string]string) world {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "appstack-e2e-", Labels: labels}}
	Expect(kube.Create(ctx, namespace)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		if CurrentSpecReport().Failed() {
			for _, args := range [][]string{
				{"describe", "aps"},
				{"get", "aps,all,controllerrevisions,endpointslices,events", "-o", "wide"},
				{"-n", operatorNamespace, "logs", "deployment/" + operatorDeployment, "--tail=40", "--all-pods"},
			} {
				_, _, _ = kubectl.Attempt("", append([]string{"--namespace", namespace.Name}, args...)...)
			}
		}
		Expect(client.IgnoreNotFound(kube.Delete(ctx, namespace))).To(Succeed())
	})
	return world{namespace: namespace.Name}
}

func get[T any, P interface {
	*T
	client.Object
}](ctx context.Context, namespace, name string) (P, error) {
	object := P(new(T))
	err := kube.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object)
	return object, err
}

// kubectl runs it in the namespace of the spec.
func (w world) kubectl(args ...string) string {
	GinkgoHelper()
	return kubectl.Run(append([]string{"--namespace", w.namespace}, args...)...)
}

// apply applies the objects with kubectl, in the namespace of the spec.
func (w world) apply(objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		object.SetNamespace(w.namespace)
		kinds, _, err := kube.Scheme().ObjectKinds(object)
		Expect(err).NotTo(HaveOccurred())
		object.GetObjectKind().SetGroupVersionKind(kinds[0])
		text, err := yaml.Marshal(object)
		Expect(err).NotTo(HaveOccurred())
		_, stderr, err := kubectl.Attempt(string(text), "--namespace", w.namespace, "apply", "-f", "-")
		Expect(err).NotTo(HaveOccurred(), stderr)
	}
}

// patch changes the spec's stack, as `kubectl patch` does.
func (w world) patch(format string, args ...any) {
	GinkgoHelper()
	w.kubectl("patch", "aps", app, "--type=merge", "-p", fmt.Sprintf(format, args...))
}

// stack returns the stack of the spec.
func (w world) stack(ctx context.Context) *v1alpha1.AppStack {
	GinkgoHelper()
	stack, err := get[v1alpha1.AppStack](ctx, w.namespace, app)
	Expect(err).NotTo(HaveOccurred())
	return stack
}

// becomesReady waits until the stack is Ready at its current generation.
func (w world) becomesReady(ctx context.Context) *v1alpha1.AppStack {
	GinkgoHelper()
	return w.becomes(ctx, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
}

// becomes waits until a condition of the stack has this status and reason at its current generation.
func (w world) becomes(ctx context.Context, conditionType string, status metav1.ConditionStatus, reason string) *v1alpha1.AppStack {
	GinkgoHelper()
	var stack *v1alpha1.AppStack
	Eventually(ctx, func(g Gomega) {
		stack = w.stack(ctx)
		condition := meta.FindStatusCondition(stack.Status.Conditions, conditionType)
		g.Expect(condition).NotTo(BeNil())
		g.Expect(*condition).To(And(
			HaveField("ObservedGeneration", stack.Generation), HaveField("Status", status), HaveField("Reason", reason)))
	}).Should(Succeed())
	return stack
}

// url returns the URL of a Service's port 8080, by its DNS name.
func (w world) url(service string) string {
	return fmt.Sprintf("http://%s.%s.svc.cluster.local:%s/", service, w.namespace, port)
}

// pods returns the pods of the component's Deployment that are not being deleted.
func (w world) pods(ctx context.Context, component string) []corev1.Pod {
	GinkgoHelper()
	return podsOf(ctx, w.namespace, client.MatchingLabels{naming.LabelStack: app, naming.LabelComponent: component})
}

func podsOf(ctx context.Context, namespace string, labels client.MatchingLabels) []corev1.Pod {
	GinkgoHelper()
	var pods corev1.PodList
	Expect(kube.List(ctx, &pods, client.InNamespace(namespace), labels)).To(Succeed())
	return slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool { return pod.DeletionTimestamp != nil })
}

// life identifies a start of a pod.
type life struct {
	Name     string
	UID      types.UID
	Restarts int32
}

// lives returns the starts of all pods of the namespace, by name.
func (w world) lives(ctx context.Context) []life {
	GinkgoHelper()
	var pods corev1.PodList
	Expect(kube.List(ctx, &pods, client.InNamespace(w.namespace))).To(Succeed())
	all := make([]life, 0, len(pods.Items))
	for _, pod := range pods.Items {
		one := life{Name: pod.Name, UID: pod.UID}
		for _, status := range pod.Status.ContainerStatuses {
			one.Restarts += status.RestartCount
		}
		all = append(all, one)
	}
	return all
}

// settled waits until only ready pods are left, and returns their starts.
func (w world) settled(ctx context.Context) []life {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		var pods corev1.PodList
		g.Expect(kube.List(ctx, &pods, client.InNamespace(w.namespace))).To(Succeed())
		for _, pod := range pods.Items {
			g.Expect(isReady(pod)).To(BeTrue(), pod.Name)
		}
	}).Should(Succeed())
	return w.lives(ctx)
}

func isReady(pod corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// hasBegunTo reports whether there are pods of the version.
func (w world) hasBegunTo(ctx context.Context, tag string) bool {
	GinkgoHelper()
	return slices.ContainsFunc(w.pods(ctx, naming.Main), func(pod corev1.Pod) bool {
		return strings.HasPrefix(pod.Spec.Containers[0].Image, images+tag+"@")
	})
}

// history returns the stack's history, newest first, a line for each rollout.
func history(stack *v1alpha1.AppStack) []string {
	var lines []string
	for _, rollout := range stack.Status.History {
		lines = append(lines, fmt.Sprintf("%d %s %s", rollout.Revision, rollout.Trigger, rollout.Outcome))
	}
	return lines
}

func names(pods []corev1.Pod) []string {
	var all []string
	for _, pod := range pods {
		all = append(all, pod.Name)
	}
	return all
}

// oneLine is the smallest stack: only an image.
func oneLine(version string, edits ...func(*v1alpha1.AppStack)) *v1alpha1.AppStack {
	stack := &v1alpha1.AppStack{
		ObjectMeta: metav1.ObjectMeta{Name: app},
		Spec:       v1alpha1.AppStackSpec{Image: images + version},
	}
	for _, edit := range edits {
		edit(stack)
	}
	return stack
}

func replicas(n int32) func(*v1alpha1.AppStack) {
	return func(s *v1alpha1.AppStack) { s.Spec.Replicas = ptr.To(n) }
}
