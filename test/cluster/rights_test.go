// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"context"
	"maps"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/hack/rights/granted"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/world"
)

// notAsked holds permissions that no request of the operator needs in this suite, and why
// the operator has them.
var notAsked = map[string]string{
	"update appstacks.apps.appstack.dev/finalizers": "clusters that restrict blockOwnerDeletion check it when they admit a child " +
		"(OwnerReferencesPermissionEnforcement), as the API server of the integration tests does",
	"get controllerrevisions.apps": "read only when a revision with the number of a new revision exists already",
}

var _ = Describe("The operator's rights", func() {
	It("are those that a stack's whole life takes, and no others", Serial, func(ctx SpecContext) {
		withoutOperator()
		home, w := newScene(ctx), newScene(ctx)
		account := home.operatorAccount(ctx)
		program := buildManager()
		start := world.MarkNow()
		manager := home.startManager(program, account)
		w.isAdopted(ctx)
		manager.stop()
		// as with an API server that does not support streaming lists
		manager = home.startManager(program, account, "KUBE_FEATURE_WatchListClient=false")
		w.liveAWholeLife(ctx)
		home.readMetrics(ctx, manager)
		manager.stop()

		var asked requests
		words := func(right granted.Right) string { return strings.ReplaceAll(right.String(), home.Namespace, "HOME") }
		// the API server logs a request after answering it
		Eventually(ctx, func(g Gomega) {
			asked = requestsSince(start, account)
			for _, right := range account.rights {
				if _, excused := notAsked[words(right)]; !excused {
					g.Expect(asked.counts(right)).NotTo(BeZero(), "%s is not used, and notAsked has no reason for it", words(right))
				}
			}
		}).Should(Succeed())
		AddReportEntry("what the operator may do, and how often it did", asked.table(account.rights))
		Expect(asked.refused).To(BeEmpty(), "requests that were forbidden")
		excuses := maps.Clone(notAsked)
		for _, right := range account.rights {
			if _, excused := notAsked[words(right)]; excused {
				Expect(asked.counts(right)).To(BeZero(), "%s is used, but notAsked has a reason why it is not", words(right))
			}
			delete(excuses, words(right))
		}
		Expect(excuses).To(BeEmpty(), "notAsked has permissions that the operator does not have")
	}, SpecTimeout(3*time.Minute))

	It("are what the API server says, too", func(ctx SpecContext) {
		home := newScene(ctx)
		account, stranger := home.operatorAccount(ctx), home.as(ctx, "stranger")
		for _, namespace := range []string{home.Namespace, "default"} {
			said := rightsOf(ctx, account.config, namespace)
			Expect(said).NotTo(BeEmpty())
			want := rightsOf(ctx, stranger, namespace)
			for _, right := range account.rights {
				if right.Namespace == "" || right.Namespace == namespace {
					right.Namespace = ""
					want = append(want, right)
				}
			}
			Expect(sets.New(said...).Difference(sets.New(want...)).UnsortedList()).To(BeEmpty(), "in %s", namespace)
			Expect(sets.New(want...).Difference(sets.New(said...)).UnsortedList()).To(BeEmpty(), "in %s", namespace)
		}
	})
})

// adopting returns a stack with a worker that adopts existing objects.
func adopting() *v1alpha1.AppStack {
	return fixture.Stack(app, fixture.Annotation(v1alpha1.AnnotationAdopt, "true"), withoutProbeDelay,
		fixture.Component("worker", 2, func(c *v1alpha1.Component) { c.Ports = []v1alpha1.Port{{ContainerPort: 9000}} }, "work"))
}

// isAdopted makes a stack adopt a Deployment and a Service.
func (w scene) isAdopted(ctx context.Context) {
	GinkgoHelper()
	By("adopting a Deployment and a Service")
	w.KubectlApply(legacy)
	w.Apply(adopting())
	w.BecomesReady(ctx)
}

// liveAWholeLife takes the stack through every operation.
func (w scene) liveAWholeLife(ctx context.Context) {
	GinkgoHelper()
	stack := adopting()
	By("copying a ConfigMap")
	w.Kubectl("create", "configmap", "web", "--from-literal=color=blue")
	w.Apply(fixture.With(stack.DeepCopy(), fixture.EnvFrom("web")))
	w.BecomesReady(ctx)
	Expect(w.Copies(ctx)).To(HaveLen(1))

	By("updating, scaling, and autoscaling")
	w.Apply(fixture.With(stack, fixture.Image("my-app:2"), fixture.Replicas(4)))
	w.BecomesReady(ctx)
	w.Apply(fixture.With(stack, scaledByItself(2, 5)))
	w.BecomesReady(ctx)
	Eventually(ctx, func() (*autoscalingv2.HorizontalPodAutoscaler, error) {
		return world.Get[autoscalingv2.HorizontalPodAutoscaler](ctx, w.Namespace, app)
	}).Should(HaveField("Spec.MaxReplicas", BeEquivalentTo(5)))
	w.Apply(fixture.With(stack, notScaled))
	w.isGone(ctx, &autoscalingv2.HorizontalPodAutoscaler{}, app)

	By("failing and rolling back")
	w.Apply(fixture.With(stack, fixture.Image("my-app:waits-InvalidImageName")))
	w.Stalls(ctx, v1alpha1.ReasonRolledBack)
	w.Apply(fixture.With(stack, fixture.RollbackTo(1, 0)))
	Expect(w.BecomesReady(ctx).Status.Revision).To(BeEquivalentTo(1))

	By("reverting drift until its event becomes a series")
	Eventually(ctx, func(g Gomega) []string {
		w.Kubectl("patch", "pdb/"+app, "--type=merge", `--patch={"spec":{"maxUnavailable":2}}`)
		g.Eventually(ctx, func() (*policyv1.PodDisruptionBudget, error) {
			return world.Get[policyv1.PodDisruptionBudget](ctx, w.Namespace, app)
		}).Should(HaveField("Spec.MaxUnavailable.IntVal", BeEquivalentTo(1)))
		return w.series(ctx)
	}).Should(ContainElement(v1alpha1.EventDriftRepaired))

	By("pruning, and deleting objects that are no longer needed")
	w.Apply(fixture.With(stack, fixture.NoRollback(), fixture.Image("my-app:3"), fixture.HistoryLimit(1), fixture.WithoutComponents(),
		fixture.Ports(), func(s *v1alpha1.AppStack) { s.Spec.DisruptionBudget = &v1alpha1.DisruptionBudget{Disabled: true} }))
	w.BecomesReady(ctx)
	w.isGone(ctx, &corev1.Service{}, app)
	w.isGone(ctx, &appsv1.Deployment{}, "my-app-worker")
	w.isGone(ctx, &policyv1.PodDisruptionBudget{}, app)
	Eventually(ctx, func() []string { return w.Revisions(ctx) }).Should(HaveLen(1))
	Eventually(ctx, func() []string { return w.Copies(ctx) }).Should(BeEmpty())

	By("orphaning the objects, adopting them again, and restoring a removed label")
	w.Apply(fixture.With(stack, fixture.EnvFrom("web")))
	w.BecomesReady(ctx)
	w.Kubectl("delete", "aps/"+app, "--cascade=orphan")
	Expect(w.Deployment(ctx, app).OwnerReferences).To(BeEmpty())
	stack.Annotations = nil
	w.Apply(stack)
	w.BecomesReady(ctx)
	Eventually(ctx, func() []metav1.OwnerReference { return w.Deployment(ctx, app).OwnerReferences }).ShouldNot(BeEmpty())
	Eventually(ctx, func() ([]metav1.OwnerReference, error) {
		copied, err := world.Get[corev1.ConfigMap](ctx, w.Namespace, w.Copies(ctx)[0])
		return copied.OwnerReferences, err
	}).ShouldNot(BeEmpty())
	w.Kubectl("label", "deployment/"+app, naming.LabelStack+"-")
	Eventually(func() map[string]string { return w.Deployment(ctx, app).Labels }).Should(HaveKey(naming.LabelStack))

	By("being deleted")
	w.Kubectl("delete", "aps/"+app)
	w.isGone(ctx, &appsv1.Deployment{}, app)
}

// series returns the reasons of events that occurred more than once.
func (w scene) series(ctx context.Context) []string {
	GinkgoHelper()
	var reasons []string
	for _, event := range world.List[eventsv1.EventList](ctx, w.Namespace).Items {
		if event.Series != nil {
			reasons = append(reasons, event.Reason)
		}
	}
	return reasons
}

// isGone waits until the object does not exist.
func (w scene) isGone(ctx context.Context, object client.Object, name string) {
	GinkgoHelper()
	Eventually(ctx, func() error {
		return world.Kube.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: name}, object)
	}).Should(Satisfy(apierrors.IsNotFound), "%T %s", object, name)
}

// legacy are objects that exist before the stack.
const legacy = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: my-app}
spec:
  replicas: 2
  selector: {matchLabels: {run: legacy}}
  template:
    metadata: {labels: {run: legacy}}
    spec: {containers: [{name: web, image: "legacy:1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: my-app}
spec:
  selector: {run: legacy}
  ports: [{port: 80, targetPort: 8080}]
`
