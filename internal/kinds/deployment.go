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
	// a new Deployment waits for the end of a pause (R16a)
	deferred: func(state model.State, live metav1.Object) bool { return live == nil && state.Stopped() },
	conflict: selectsByExpressions,
	lost:     func(model.Component) string { return "its pods may be new ones" },
}

// Field paths of a Deployment's pod template and replica count.
const (
	TemplatePath = "spec.template"
	ReplicasPath = "spec.replicas"
)

// deployment returns the Deployment of the component. A write replaces the whole pod template,
// which removes what others added to it (R28).
func deployment(in In) *Child {
	want := render.Deployment(in.State.Stack, *in.Component)
	want.Spec.Paused = in.State.Stopped()
	live := in.State.Children.Deployment(want.Name)
	if in.Rollout.Outcome == v1alpha1.OutcomeSucceeded && (live == nil || live.Status.ObservedGeneration == 0) {
		want.Spec.Paused = false // a Deployment that is created paused would get no pods
	}
	if live != nil && in.Component.Autoscaling != nil && ptr.Deref(live.Spec.Replicas, 1) == 0 {
		want.Spec.Replicas = ptr.To(in.Component.Floor()) // an autoscaler does not scale up from zero
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

// selectsByExpressions returns a conflict for a Deployment that selects its pods by
// matchExpressions, because no pod labels can be derived from them.
func selectsByExpressions(object metav1.Object) *model.Problem {
	live, ok := object.(*appsv1.Deployment)
	if !ok || len(live.Spec.Selector.MatchExpressions) == 0 {
		return nil
	}
	return &model.Problem{
		Reason: v1alpha1.ReasonNameConflict,
		Message: fmt.Sprintf("Deployment %q selects its pods by matchExpressions, which cannot be adopted: "+
			"delete it with --cascade=orphan, or rename the stack", live.Name),
	}
}

// deploymentDrift returns the path of the first field of the Deployment that differs from its
// desired state; empty if none does. The whole template is compared; of the rest only the
// fields that the operator sets.
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

// templateDrift returns the path of the first field in which two pod templates differ: an image
// first, then the rest of the pod spec, then the metadata.
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

// templateFields returns the fields of a pod template, with empty annotations and labels if it
// has none, so that their keys are compared one by one.
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
