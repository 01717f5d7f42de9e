// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gcustom"
	"github.com/onsi/gomega/types"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/revision"
	"github.com/appstack-dev/appstack/test/fixture"
)

const (
	// app is the name of every spec's stack.
	app = "my-app"
	// worker is the name of the Deployment of the component "worker".
	worker = "my-app-worker"
	// user is the field manager of the specs' writes.
	user = "user"
)

type option = fixture.Option

func key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: namespace, Name: name}
}

// create creates the stack: image my-app:1, three replicas, port 80, changed by the options.
func create(options ...option) *v1alpha1.AppStack {
	GinkgoHelper()
	stack := fixture.Stack(app, append([]option{fixture.InNamespace(namespace)}, options...)...)
	Expect(k8s.Create(ctx, stack, client.FieldOwner(user))).To(Succeed())
	return stack
}

// created creates the stack and waits until it is Ready.
func created(options ...option) *v1alpha1.AppStack {
	GinkgoHelper()
	create(options...)
	return ready()
}

// change applies the options to the stack.
func change(options ...option) *v1alpha1.AppStack {
	GinkgoHelper()
	stack := &v1alpha1.AppStack{}
	Expect(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		stack = current()
		return k8s.Update(ctx, fixture.With(stack, options...), client.FieldOwner(user))
	})).To(Succeed())
	return stack
}

// edit changes an object as a user would.
func edit[T client.Object](object T, by func(T)) {
	GinkgoHelper()
	name := object.GetName()
	Expect(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		by(find(Default, object, name))
		return k8s.Update(ctx, object, client.FieldOwner(user))
	})).To(Succeed())
}

// touch triggers a reconcile of the stack.
func touch() { change(fixture.Annotation("example.com/touched", time.Now().Format(time.RFC3339Nano))) }

// find reads an object of the spec's namespace.
func find[T client.Object](g Gomega, object T, name string) T {
	reflect.ValueOf(object).Elem().SetZero() // else removed fields would keep their old values
	g.Expect(k8s.Get(ctx, key(name), object)).To(Succeed())
	return object
}

func deployment(name string) *appsv1.Deployment {
	GinkgoHelper()
	return find(Default, &appsv1.Deployment{}, name)
}

func service(name string) *corev1.Service {
	GinkgoHelper()
	return find(Default, &corev1.Service{}, name)
}

func autoscaler(name string) *autoscalingv2.HorizontalPodAutoscaler {
	GinkgoHelper()
	return find(Default, &autoscalingv2.HorizontalPodAutoscaler{}, name)
}

func budget(name string) *policyv1.PodDisruptionBudget {
	GinkgoHelper()
	return find(Default, &policyv1.PodDisruptionBudget{}, name)
}

// current returns the live stack.
func current() *v1alpha1.AppStack {
	GinkgoHelper()
	return find(Default, &v1alpha1.AppStack{}, app)
}

// observed returns the stack and requires that its status has observed the newest generation.
func observed(g Gomega) *v1alpha1.AppStack {
	stack := find(g, &v1alpha1.AppStack{}, app)
	g.Expect(stack.Status.ObservedGeneration).To(Equal(stack.Generation), "status.observedGeneration")
	return stack
}

// moved waits until the stack has observed its newest generation and runs or rolls out the revision.
func moved(to int64) *v1alpha1.AppStack {
	GinkgoHelper()
	var stack *v1alpha1.AppStack
	Eventually(func(g Gomega) {
		stack = observed(g)
		g.Expect(stack.Status.Revision).To(Equal(to), "status.revision")
		live := find(g, &appsv1.Deployment{}, app)
		g.Expect(live.Annotations).To(HaveKeyWithValue(naming.AnnotationRevision, fmt.Sprint(to)))
	}).Should(Succeed())
	return stack
}

// stalled waits until the stack has observed its newest generation and is Stalled with the reason.
func stalled(reason string, message ...string) *v1alpha1.AppStack {
	GinkgoHelper()
	var stack *v1alpha1.AppStack
	Eventually(func(g Gomega) {
		stack = observed(g)
		g.Expect(stack).To(haveCondition(v1alpha1.ConditionStalled, metav1.ConditionTrue, reason))
	}).Should(Succeed())
	told := condition(stack, v1alpha1.ConditionStalled).Message
	for _, part := range message {
		Expect(told).To(ContainSubstring(part))
	}
	Expect(stack).To(haveCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason))
	Expect(stack).NotTo(haveType(v1alpha1.ConditionReconciling))
	return stack
}

func condition(stack *v1alpha1.AppStack, conditionType string) *metav1.Condition {
	return meta.FindStatusCondition(stack.Status.Conditions, conditionType)
}

func haveCondition(conditionType string, status metav1.ConditionStatus, reason string) types.GomegaMatcher {
	return gcustom.MakeMatcher(func(stack *v1alpha1.AppStack) (bool, error) {
		found := condition(stack, conditionType)
		return found != nil && found.Status == status && found.Reason == reason &&
			found.ObservedGeneration == stack.Generation, nil
	}).WithTemplate("Expected {{.To}} have condition {{.Data}}, but it has\n{{format .Actual.Status.Conditions 1}}",
		fmt.Sprintf("%s=%s (%s)", conditionType, status, reason))
}

func haveType(conditionType string) types.GomegaMatcher {
	return gcustom.MakeMatcher(func(stack *v1alpha1.AppStack) (bool, error) {
		return condition(stack, conditionType) != nil, nil
	}).WithTemplate("Expected {{.To}} have condition {{.Data}}, but it has\n{{format .Actual.Status.Conditions 1}}", conditionType)
}

// gone matches the error of reading an object that does not exist.
func gone(object client.Object, name string) func() bool {
	return func() bool { return apierrors.IsNotFound(k8s.Get(ctx, key(name), object)) }
}

// revisions returns the stack's revisions by number.
func revisions() []model.Revision {
	GinkgoHelper()
	var list appsv1.ControllerRevisionList
	Expect(k8s.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels{naming.LabelStack: app})).To(Succeed())
	var all []model.Revision
	for i := range list.Items {
		rev, err := revision.Decode(&list.Items[i])
		Expect(err).NotTo(HaveOccurred())
		all = append(all, rev)
	}
	slices.SortFunc(all, func(a, b model.Revision) int { return cmp.Compare(a.Number, b.Number) })
	return all
}

// numbers returns the numbers of the existing revisions.
func numbers() []int64 {
	GinkgoHelper()
	numbers := []int64{}
	for _, rev := range revisions() {
		numbers = append(numbers, rev.Number)
	}
	return numbers
}

// content returns the content of the revision with the number.
func content(number int64) model.Content {
	GinkgoHelper()
	rev := revision.Find(revisions(), number)
	Expect(rev).NotTo(BeNil(), "revision %d", number)
	return rev.Content
}

// bytesOf returns the value as JSON.
func bytesOf(value any) string {
	GinkgoHelper()
	raw, err := json.Marshal(value)
	Expect(err).NotTo(HaveOccurred())
	return string(raw)
}

// owned returns all objects with the stack's label.
func owned() []client.Object {
	GinkgoHelper()
	var objects []client.Object
	for _, list := range []client.ObjectList{
		&appsv1.DeploymentList{}, &corev1.ServiceList{}, &autoscalingv2.HorizontalPodAutoscalerList{},
		&policyv1.PodDisruptionBudgetList{}, &appsv1.ControllerRevisionList{}, &corev1.ConfigMapList{},
	} {
		Expect(k8s.List(ctx, list, client.InNamespace(namespace), client.MatchingLabels{naming.LabelStack: app})).To(Succeed())
		Expect(meta.EachListItem(list, func(item runtime.Object) error {
			objects = append(objects, item.(client.Object))
			return nil
		})).To(Succeed())
	}
	return objects
}

// rollouts returns the history, newest first, as "revision trigger outcome".
func rollouts(stack *v1alpha1.AppStack) []string {
	var all []string
	for _, rollout := range stack.Status.History {
		all = append(all, fmt.Sprintf("%d %s %s", rollout.Revision, rollout.Trigger, rollout.Outcome))
	}
	return all
}
