// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package plan

import (
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
)

// child is an object that a component is to have.
type child struct {
	component *model.Desired
	// step writes it.
	step model.Step
	// live is the object as it is; nil where there is none.
	live metav1.Object
	// drift is the path of a field in which it differs; empty where none does.
	drift string
}

// contentDrift says whether what differs decides what pods run, or who gets their requests.
func (c child) contentDrift() bool {
	switch c.step.Kind {
	case model.KindDeployment:
		return strings.HasPrefix(c.drift, templatePath+".spec")
	case model.KindService:
		return strings.HasPrefix(c.drift, "spec")
	default:
		return false
	}
}

// children are the objects that the components are to have during the rollout.
func children(state model.State, components []model.Desired, rollout model.Rollout) []child {
	stack := state.Stack
	var all []child
	for i := range components {
		component := &components[i]
		all = append(all, deployment(state, component, rollout))
		all = appendApplied(all, stack, model.KindService, component,
			render.Service(stack, component.Component), state.Services)
		all = appendApplied(all, stack, model.KindAutoscaler, component,
			render.Autoscaler(stack, *component), state.Autoscalers)
		all = appendApplied(all, stack, model.KindBudget, component,
			render.Budget(stack, *component), state.Budgets)
	}
	return all
}

// deployment is written whole where it is the stack's, so that what others
// added to its pod template goes (R28).
func deployment(state model.State, component *model.Desired, rollout model.Rollout) child {
	want := render.Deployment(state.Stack, *component)
	want.Spec.Paused = state.Stopped()
	live, found := state.Deployments[want.Name]
	if rollout.Outcome == v1alpha1.OutcomeSucceeded && (!found || live.Status.ObservedGeneration == 0) {
		want.Spec.Paused = false // a Deployment that is paused from the start would get no pods
	}
	if found && component.Autoscaling != nil && ptr.Deref(live.Spec.Replicas, 1) == 0 {
		want.Spec.Replicas = ptr.To(component.Floor()) // an autoscaler leaves alone what has no pods
	}
	hash := model.Hash(want)
	want.Annotations[naming.AnnotationConfigHash] = hash
	step := model.Step{Verb: model.VerbCreate, Kind: model.KindDeployment, Name: want.Name, Deployment: want, Hash: hash}
	if !found {
		step.Initial = ptr.To(component.Floor())
		return child{component: component, step: step}
	}
	step.Verb, step.UID, step.ResourceVersion = model.VerbUpdate, live.UID, live.ResourceVersion
	step.Basis = string(live.UID)
	return child{component: component, step: step, live: live, drift: deploymentDrift(want, live)}
}

// configuration is what the generated apply configurations have in common.
type configuration[T any] interface {
	comparable
	runtime.ApplyConfiguration
	WithAnnotations(map[string]string) T
	WithUID(types.UID) T
}

// appendApplied adds a child that is written by server-side apply, if there is
// to be one: what others own in it stays (R28).
func appendApplied[T configuration[T], L metav1.Object](
	all []child, stack *v1alpha1.AppStack, kind model.Kind, component *model.Desired, config T, live map[string]L,
) []child {
	var none T
	if config == none {
		return all
	}
	name := naming.Object(stack.Name, component.Name)
	step := model.Step{Verb: model.VerbCreate, Kind: kind, Name: name, Config: config, Hash: model.Hash(config)}
	config.WithAnnotations(map[string]string{naming.AnnotationConfigHash: step.Hash})
	object, found := live[name]
	if !found {
		return append(all, child{component: component, step: step})
	}
	drift := appliedDrift(config, object)
	step.Verb, step.UID, step.ResourceVersion = model.VerbUpdate, object.GetUID(), object.GetResourceVersion()
	step.Basis = string(step.UID)
	step.TakesPorts = model.OwnershipOf(stack, object) == model.Unclaimed || inTheWay(config, object)
	config.WithUID(step.UID)
	return append(all, child{component: component, step: step, live: object, drift: drift})
}

// inTheWay says whether a Service has a port under a name of the stack's that is
// another one. Server-side apply tells ports apart by number and protocol, and
// would put the stack's beside it.
func inTheWay(config, live any) bool {
	wanted, ok := config.(*corev1ac.ServiceApplyConfiguration)
	if !ok {
		return false
	}
	service, ok := live.(*corev1.Service)
	if !ok {
		return false
	}
	for _, want := range wanted.Spec.Ports {
		for _, port := range service.Spec.Ports {
			same := port.Port == ptr.Deref(want.Port, 0) && port.Protocol == ptr.Deref(want.Protocol, corev1.ProtocolTCP)
			if port.Name == ptr.Deref(want.Name, "") && !same {
				return true
			}
		}
	}
	return false
}

// writes are the steps that make the children what they are to be; none where
// they are. Those of contested children have to wait for their turn.
func writes(state model.State, children []child, rollout model.Rollout, now time.Time) (steps []model.Step, wait time.Duration) {
	for _, child := range children {
		if deferred(state, child, rollout) || settled(state, child) {
			continue
		}
		if child.live != nil {
			pause := state.Accepted[child.live.GetUID()].Wait(child.step.Hash, child.contentDrift(), now)
			if pause > 0 {
				wait = model.Sooner(wait, pause)
				continue
			}
		}
		steps = append(steps, explained(state, child, rollout))
	}
	return steps, wait
}

// outstanding says whether content is not as it is to be: a Deployment or a
// Service of a component that stays. How components are operated does not hold
// up their rollout (R1, R6).
func outstanding(state model.State, children []child, rollout model.Rollout) bool {
	return slices.ContainsFunc(children, func(child child) bool {
		if !child.step.Kind.Content() || child.component.Retiring {
			return false
		}
		return conflictOf(state.Stack, child) != nil || !deferred(state, child, rollout) && !settled(state, child)
	})
}

// deferred says whether a child is to be written later, when the rollout has
// ended: a Service that was there before the stack, and sends to ports by
// number, goes on serving the pods that were there (R26); and a new Deployment
// waits for the end of a pause (R16a).
func deferred(state model.State, child child, rollout model.Rollout) bool {
	if rollout.Outcome != v1alpha1.OutcomeProgressing {
		return false
	}
	switch child.step.Kind {
	case model.KindService:
		return child.live != nil && model.OwnershipOf(state.Stack, child.live) == model.Unclaimed
	case model.KindDeployment:
		return child.live == nil && state.Stopped()
	default:
		return false
	}
}

// admit notes the images that the cluster's admission has components run in place of
// their revision's: those of Deployments that are settled though they differ.
func admit(state model.State, children []child) {
	for _, child := range children {
		deployment, ok := child.live.(*appsv1.Deployment)
		if !ok || child.drift == "" || !settled(state, child) {
			continue
		}
		live := model.Component{Template: deployment.Spec.Template}
		if image := live.App().Image; image != child.component.App().Image {
			child.component.Admitted = image
		}
	}
}

// settled says whether the child is as it is to be, or as the API server would have it.
func settled(state model.State, child child) bool {
	if child.live == nil {
		return false
	}
	if child.drift == "" {
		return true
	}
	accepted, ok := state.Accepted[child.live.GetUID()]
	return ok && accepted.Asked == child.step.Hash && accepted.Answered == model.Fingerprint(child.live)
}
