// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/world"
)

// leafChildren contains a stack's children as text, by kind and name, without the fields that differ between equal writes.
type leafChildren map[string]string

// leafWritten contains the UID and the generation of each Deployment. Both are unchanged if nobody changed it.
type leafWritten map[string]string

// readChildren reads the children of a stack. It returns an error if the stack does not own one of them.
func readChildren(ctx context.Context, stack *unstructured.Unstructured, unmanaged bool) (leafChildren, leafWritten, error) {
	children, written := leafChildren{}, leafWritten{}
	for kind, list := range map[string]client.ObjectList{
		"Deployment": &appsv1.DeploymentList{}, "Service": &corev1.ServiceList{},
		"HorizontalPodAutoscaler": &autoscalingv2.HorizontalPodAutoscalerList{},
		"PodDisruptionBudget":     &policyv1.PodDisruptionBudgetList{},
		"ControllerRevision":      &appsv1.ControllerRevisionList{},
	} {
		objects, err := ofStack(ctx, stack, list)
		if err != nil {
			return nil, nil, err
		}
		for _, object := range objects {
			name := kind + " " + object.GetName()
			if owner := metav1.GetControllerOf(object); owner == nil || owner.UID != stack.GetUID() {
				return nil, nil, fmt.Errorf("%s has the stack's label, but is not owned by the stack: %v", name, owner)
			}
			if kind == "ControllerRevision" {
				continue // the other children show the content of the newest one
			}
			if children[name], err = normalized(object, unmanaged); err != nil {
				return nil, nil, err
			}
			if kind == "Deployment" {
				written[name] = fmt.Sprintf("%s, generation %d", object.GetUID(), object.GetGeneration())
			}
		}
	}
	return children, written, nil
}

// ofStack lists the objects with the stack's label.
func ofStack(ctx context.Context, stack *unstructured.Unstructured, list client.ObjectList) ([]client.Object, error) {
	err := world.Kube.List(ctx, list, client.InNamespace(stack.GetNamespace()),
		client.MatchingLabels{naming.LabelStack: stack.GetName()})
	if err != nil {
		return nil, fmt.Errorf("listing children: %w", err)
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return nil, fmt.Errorf("listing children: %w", err)
	}
	var objects []client.Object
	for _, item := range items {
		objects = append(objects, item.(client.Object))
	}
	return objects, nil
}

// normalized returns an object as text, without its identity, its status, and the
// number of replicas if the spec leaves that unset.
func normalized(object client.Object, unmanaged bool) (string, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", object.GetName(), err)
	}
	delete(fields, "status")
	metadata := fields["metadata"].(map[string]any)
	fields["metadata"] = map[string]any{"labels": metadata["labels"], "annotations": metadata["annotations"]}
	for _, annotation := range []string{
		naming.AnnotationConfigHash, naming.AnnotationRevision, "deployment.kubernetes.io/revision",
	} {
		unstructured.RemoveNestedField(fields, "metadata", "annotations", annotation)
	}
	spec := fields["spec"].(map[string]any)
	if unmanaged {
		delete(spec, "replicas")
	}
	ports, _ := spec["ports"].([]any)
	for _, port := range ports {
		if _, given := port.(map[string]any)["nodePort"]; given {
			port.(map[string]any)["nodePort"] = "given"
		}
	}
	for _, given := range []string{"clusterIP", "clusterIPs", "healthCheckNodePort"} {
		delete(spec, given)
	}
	text, err := yaml.Marshal(fields)
	return string(text), err
}

// of returns the children with the component's name.
func (c leafChildren) of(component string) leafChildren {
	mine := maps.Clone(c)
	maps.DeleteFunc(mine, func(name, _ string) bool { return !strings.HasSuffix(name, " "+component) })
	return mine
}

// differsFrom describes the differences; empty if there are none.
func (c leafChildren) differsFrom(other leafChildren) string {
	var differences []string
	names := maps.Clone(c)
	maps.Copy(names, other)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		mine, mineThere := c[name]
		theirs, theirsThere := other[name]
		switch {
		case !mineThere:
			differences = append(differences, name+" is gone")
		case !theirsThere:
			differences = append(differences, name+" is new")
		case mine != theirs:
			differences = append(differences, name+":\n"+cmp.Diff(theirs, mine))
		}
	}
	return strings.Join(differences, "\n")
}

// leafPods maps the UIDs of a stack's pods to the hashes of their pod templates.
type leafPods map[types.UID]string

func readPods(ctx context.Context, stack *unstructured.Unstructured) (leafPods, error) {
	objects, err := ofStack(ctx, stack, &corev1.PodList{})
	if err != nil {
		return nil, err
	}
	pods := leafPods{}
	for _, pod := range objects {
		if pod.GetDeletionTimestamp() == nil {
			pods[pod.GetUID()] = pod.GetLabels()[appsv1.DefaultDeploymentUniqueLabelKey]
		}
	}
	return pods, nil
}

// keptOf reports whether all earlier pods still exist, with the same template.
func (p leafPods) keptOf(before leafPods) bool {
	for uid, hash := range before {
		if p[uid] != hash {
			return false
		}
	}
	return true
}
