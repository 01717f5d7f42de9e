// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package oracle describes the state of a namespace with a stack, so that two of them can be
// compared, and reports what is wrong with it.
package oracle

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/revision"
)

// Namespace has the stacks of a namespace and their objects, as stored in the API server.
type Namespace struct {
	Name        string
	Stacks      []v1alpha1.AppStack
	Revisions   []appsv1.ControllerRevision
	Deployments []appsv1.Deployment
	ReplicaSets []appsv1.ReplicaSet
	Services    []corev1.Service
	Autoscalers []autoscalingv2.HorizontalPodAutoscaler
	Budgets     []policyv1.PodDisruptionBudget
	// Copies are the operator's copies of ConfigMaps.
	Copies []corev1.ConfigMap
}

// Read reads the namespace without a cache.
func Read(ctx context.Context, kube client.Reader, namespace string) (Namespace, error) {
	n := Namespace{Name: namespace}
	var (
		stacks      v1alpha1.AppStackList
		revisions   appsv1.ControllerRevisionList
		deployments appsv1.DeploymentList
		replicaSets appsv1.ReplicaSetList
		services    corev1.ServiceList
		autoscalers autoscalingv2.HorizontalPodAutoscalerList
		budgets     policyv1.PodDisruptionBudgetList
		configMaps  corev1.ConfigMapList
	)
	for _, list := range []client.ObjectList{
		&stacks, &revisions, &deployments, &replicaSets, &services, &autoscalers, &budgets, &configMaps,
	} {
		if err := kube.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return Namespace{}, fmt.Errorf("reading namespace %s: %w", namespace, err)
		}
	}
	n.Stacks, n.Revisions, n.Deployments, n.ReplicaSets = stacks.Items, revisions.Items, deployments.Items, replicaSets.Items
	n.Services, n.Autoscalers, n.Budgets = services.Items, autoscalers.Items, budgets.Items
	n.Copies = slices.DeleteFunc(configMaps.Items, func(config corev1.ConfigMap) bool {
		_, copied := config.Annotations[naming.AnnotationConfigSource]
		return !copied
	})
	return n, nil
}

// children returns all objects of the operator: not the stacks, and not the objects of other
// controllers.
func (n Namespace) children() []client.Object {
	var all []client.Object
	for i := range n.Revisions {
		all = append(all, &n.Revisions[i])
	}
	for i := range n.Deployments {
		all = append(all, &n.Deployments[i])
	}
	for i := range n.Services {
		all = append(all, &n.Services[i])
	}
	for i := range n.Autoscalers {
		all = append(all, &n.Autoscalers[i])
	}
	for i := range n.Budgets {
		all = append(all, &n.Budgets[i])
	}
	for i := range n.Copies {
		all = append(all, &n.Copies[i])
	}
	return all
}

// Versions returns the resource versions of all objects that the operator writes. They do not change
// while it writes nothing.
func (n Namespace) Versions() string {
	var lines []string
	for i := range n.Stacks {
		lines = append(lines, "AppStack "+n.Stacks[i].Name+" "+n.Stacks[i].ResourceVersion)
	}
	for _, child := range n.children() {
		lines = append(lines, fmt.Sprintf("%T %s %s", child, child.GetName(), child.GetResourceVersion()))
	}
	return strings.Join(lines, "\n")
}

// State returns the whole state as text, without times and identities: two runs with the same end
// have the same text.
func (n Namespace) State() (string, error) {
	var text strings.Builder
	for i := range n.Stacks {
		stack := n.Stacks[i].DeepCopy()
		stack.Generation = 0
		err := write(&text, "AppStack", stack, func() {
			for j := range stack.Status.Conditions { // those of a generation each
				stack.Status.Conditions[j].ObservedGeneration = 0
			}
			stack.Status.ObservedGeneration = 0
		})
		if err != nil {
			return "", err
		}
	}
	for i := range n.Revisions {
		decoded, err := revision.Decode(&n.Revisions[i])
		if err != nil {
			return "", fmt.Errorf("reading revision %s: %w", n.Revisions[i].Name, err)
		}
		decoded.UID, decoded.ResourceVersion = "", ""
		for name := range decoded.Record.ConfigVersions { // the identity of the ConfigMap is part of it
			decoded.Record.ConfigVersions[name] = "VERSION"
		}
		for j := range decoded.Record.Rollouts { // which component was seen to be first
			decoded.Record.Rollouts[j].Arrived, decoded.Record.Rollouts[j].ResumedAt = nil, nil
		}
		if err := dump(&text, "ControllerRevision "+n.Revisions[i].Name, decoded); err != nil {
			return "", err
		}
	}
	for _, child := range n.children() {
		if _, ok := child.(*appsv1.ControllerRevision); ok {
			continue
		}
		copied := child.DeepCopyObject().(client.Object) //nolint:forcetypeassert // of a client.Object
		if err := write(&text, fmt.Sprintf("%T", child), copied, nil); err != nil {
			return "", err
		}
	}
	for i := range n.ReplicaSets { // how often pods were made anew
		set := n.ReplicaSets[i]
		fmt.Fprintf(&text, "--- ReplicaSet %s\n%d of %d pods ready\n", set.Name, set.Status.ReadyReplicas, set.Status.Replicas)
	}
	return plain(text.String(), n.Name), nil
}

// Running returns the running objects and the conditions of the stack as text, without revision
// numbers and history.
func (n Namespace) Running() (string, error) {
	var text strings.Builder
	for i := range n.Stacks {
		stack := &n.Stacks[i]
		fmt.Fprintf(&text, "--- AppStack %s\n%s, %s pods ready\n", stack.Name, stack.Status.Image, stack.Status.ReadySummary)
		for _, condition := range stack.Status.Conditions {
			fmt.Fprintf(&text, "%s=%s %s\n", condition.Type, condition.Status, condition.Reason)
		}
	}
	for _, child := range n.children() {
		switch child.(type) {
		case *appsv1.ControllerRevision, *corev1.ConfigMap: // earlier revisions have theirs
			continue
		}
		plainly := child.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy
		annotations := plainly.GetAnnotations()
		delete(annotations, naming.AnnotationRevision)
		plainly.SetAnnotations(annotations)
		if err := write(&text, fmt.Sprintf("%T", child), plainly, nil); err != nil {
			return "", err
		}
	}
	for i := range n.ReplicaSets {
		if set := n.ReplicaSets[i]; set.Status.Replicas > 0 {
			// without its name: a recreated Deployment names its ReplicaSet differently while the old one still exists
			fmt.Fprintf(&text, "--- ReplicaSet\n%d of %d pods ready\n", set.Status.ReadyReplicas, set.Status.Replicas)
		}
	}
	return plain(text.String(), n.Name), nil
}

// write adds an object to the text, without the fields that differ from run to run.
func write(text *strings.Builder, kind string, object client.Object, more func()) error {
	name := object.GetName()
	object.SetUID("")
	object.SetResourceVersion("")
	object.SetGeneration(0)
	object.SetManagedFields(nil)
	owners := object.GetOwnerReferences()
	for i := range owners {
		owners[i].UID = ""
	}
	object.SetOwnerReferences(owners)
	annotations := object.GetAnnotations()
	delete(annotations, "kubectl.kubernetes.io/last-applied-configuration")
	delete(annotations, "deployment.kubernetes.io/revision") // numbered by ReplicaSets, as Kubernetes reuses them
	if _, found := annotations[naming.AnnotationConfigHash]; found {
		annotations[naming.AnnotationConfigHash] = "HASH" // the owner's identity is part of it
	}
	object.SetAnnotations(annotations)
	switch typed := object.(type) {
	case *appsv1.Deployment:
		typed.Status.Conditions, typed.Status.ObservedGeneration, typed.Status.CollisionCount = nil, 0, nil
	case *corev1.Service:
		typed.Spec.ClusterIP, typed.Spec.ClusterIPs = "", nil
	case *policyv1.PodDisruptionBudget:
		typed.Status = policyv1.PodDisruptionBudgetStatus{}
	case *autoscalingv2.HorizontalPodAutoscaler:
		typed.Status = autoscalingv2.HorizontalPodAutoscalerStatus{}
	}
	if more != nil {
		more()
	}
	return dump(text, kind+" "+name, object)
}

func dump(text *strings.Builder, title string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("writing %s: %w", title, err)
	}
	lines, err := yaml.JSONToYAML(raw)
	if err != nil {
		return fmt.Errorf("writing %s: %w", title, err)
	}
	fmt.Fprintf(text, "--- %s\n%s", title, lines)
	return nil
}

var (
	moment = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	// podName matches the name of a Deployment's pod: the hash of its template is kept, its suffix is not.
	podName = regexp.MustCompile(`(-[0-9a-f]{7,10})-[bcdfghjklmnpqrstvwxz2456789]{5}\b`)
)

// plain removes times and the namespace from the text.
func plain(text, namespace string) string {
	text = moment.ReplaceAllString(text, "TIME")
	text = podName.ReplaceAllString(text, "$1-POD")
	return strings.ReplaceAll(text, namespace, "NAMESPACE")
}

// Diff returns the lines that differ between two states; empty if none do.
func Diff(want, got string) string {
	if want == got {
		return ""
	}
	wanted, gotten := count(want), count(got)
	var lines []string
	for line := range strings.SplitSeq(want, "\n") {
		if gotten[line] < wanted[line] {
			lines = append(lines, "- "+line)
			gotten[line]++
		}
	}
	gotten = count(got)
	for line := range strings.SplitSeq(got, "\n") {
		if wanted[line] < gotten[line] {
			lines = append(lines, "+ "+line)
			wanted[line]++
		}
	}
	if len(lines) == 0 {
		return "the same lines in another order"
	}
	return strings.Join(lines, "\n")
}

func count(text string) map[string]int {
	lines := map[string]int{}
	for line := range strings.SplitSeq(text, "\n") {
		lines[line]++
	}
	return lines
}
