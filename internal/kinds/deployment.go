// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package kinds

import (
	"cmp"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
)

// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch;delete

// deployments run the pods of components.
var deployments = &Kind{
	Name:      model.KindDeployment,
	Resource:  appsv1.SchemeGroupVersion.WithResource("deployments"),
	New:       func() Object { return &appsv1.Deployment{} },
	Content:   true,
	Adoptable: true,
	child:     deployment,
	spec:      specOf(func(d *appsv1.Deployment) any { return d.Spec }),
	serving:   TemplatePath + ".spec",
	part:      func(model.Component) bool { return true },
	// a new one waits for the end of a pause (R16a)
	deferred: func(state model.State, live metav1.Object) bool { return live == nil && state.Stopped() },
	conflict: selectsByExpressions,
	lost:     func(model.Component) string { return "its pods may be new ones" },
}

// Where a Deployment has its pod template, and its number of pods.
const (
	TemplatePath = "spec.template"
	ReplicasPath = "spec.replicas"
)

// deployment is written whole where it is the stack's, so that what others
// added to its pod template goes (R28).
func deployment(in In) *Child {
	want := render.Deployment(in.State.Stack, *in.Component)
	want.Spec.Paused = in.State.Stopped()
	live := in.State.Children.Deployment(want.Name)
	if in.Rollout.Outcome == v1alpha1.OutcomeSucceeded && (live == nil || live.Status.ObservedGeneration == 0) {
		want.Spec.Paused = false // a Deployment that is paused from the start would get no pods
	}
	if live != nil && in.Component.Autoscaling != nil && ptr.Deref(live.Spec.Replicas, 1) == 0 {
		want.Spec.Replicas = ptr.To(in.Component.Floor()) // an autoscaler leaves alone what has no pods
	}
	hash := model.Hash(want)
	want.Annotations[naming.AnnotationConfigHash] = hash
	form := model.Replaced{Deployment: want}
	write := model.WriteChild{ObjectID: model.ObjectID{Kind: model.KindDeployment, Name: want.Name}, Hash: hash}
	if live == nil {
		form.Initial = ptr.To(in.Component.Floor())
		write.Form = form
		return &Child{Write: write}
	}
	write.UID, write.ResourceVersion, write.Form = live.UID, live.ResourceVersion, form
	return &Child{Write: write, Live: live, Drift: deploymentDrift(want, live)}
}

// selectsByExpressions is a conflict where the pod template cannot carry the labels that
// are selected.
func selectsByExpressions(object metav1.Object) *model.Problem {
	live, ok := object.(*appsv1.Deployment)
	if !ok || len(live.Spec.Selector.MatchExpressions) == 0 {
		return nil
	}
	return &model.Problem{
		Reason: v1alpha1.ReasonNameConflict,
		Message: fmt.Sprintf("Deployment %q selects its pods by matchExpressions, which cannot be taken over: "+
			"delete it with --cascade=orphan, or rename the stack", live.Name),
	}
}

// deploymentDrift is the path of the first field of the Deployment that is not
// as it is to be, or empty. The template has to be the same in all; of the rest
// only what the operator sets counts.
func deploymentDrift(want, live *appsv1.Deployment) string {
	same := equality.Semantic.DeepEqual
	switch {
	case !same(want.Spec.Template, live.Spec.Template):
		return templateDrift(want.Spec.Template, live.Spec.Template)
	case want.Spec.Replicas != nil && !same(want.Spec.Replicas, live.Spec.Replicas):
		return ReplicasPath
	case !same(want.Spec.Strategy, live.Spec.Strategy):
		return "spec.strategy"
	case want.Spec.MinReadySeconds != live.Spec.MinReadySeconds:
		return "spec.minReadySeconds"
	case !same(want.Spec.ProgressDeadlineSeconds, live.Spec.ProgressDeadlineSeconds):
		return "spec.progressDeadlineSeconds"
	case !same(want.Spec.RevisionHistoryLimit, live.Spec.RevisionHistoryLimit):
		return "spec.revisionHistoryLimit"
	case want.Spec.Paused != live.Spec.Paused:
		return "spec.paused"
	}
	return metadataDrift(want, live)
}

// templateDrift is the path of the first field in which two pod templates differ. What
// matters most comes first: an image, then what else pods run.
func templateDrift(want, live corev1.PodTemplateSpec) string {
	for i, container := range want.Spec.Containers {
		if i < len(live.Spec.Containers) && live.Spec.Containers[i].Name == container.Name &&
			live.Spec.Containers[i].Image != container.Image {
			return fmt.Sprintf("%s.spec.containers[%s].image", TemplatePath, container.Name)
		}
	}
	wanted, found := templateFields(want), templateFields(live)
	return cmp.Or(
		difference(TemplatePath+".spec", wanted["spec"], found["spec"]), difference(TemplatePath, wanted, found), TemplatePath,
	)
}

// templateFields are those of a pod template, with annotations and labels even
// where it has none: each of them is a field of its own.
func templateFields(template corev1.PodTemplateSpec) map[string]any {
	all := fields(&template)
	if metadata, ok := all["metadata"].(map[string]any); ok {
		for _, key := range []string{"annotations", "labels"} {
			if metadata[key] == nil {
				metadata[key] = map[string]any{}
			}
		}
	}
	return all
}
