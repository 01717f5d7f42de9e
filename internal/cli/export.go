// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/manifest"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/render"
)

func (p *Plugin) export() *cobra.Command {
	return &cobra.Command{
		Use:   "export NAME",
		Short: "Print the objects of a stack as plain Deployments and Services, to stop using AppStack",
		Long: `Print the objects of a stack as plain Deployments, Services, autoscalers and disruption
budgets, and the copies of ConfigMaps that they use. If you apply them after deleting the stack with --cascade=orphan, no pod is
replaced: the selectors and pod templates stay the same. The comment at the top of the
output lists the steps and what to check.`,
		Example: `  kubectl appstack export my-app > my-app.yaml
  kubectl delete appstack my-app --cascade=orphan
  kubectl apply -f my-app.yaml`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.connect()
			if err != nil {
				return err
			}
			return c.export(cmd.Context(), stackName(args[0]))
		},
	}
}

func (c *connection) export(ctx context.Context, name string) error {
	stack, err := c.stack(ctx, name)
	if err != nil {
		return err
	}
	objects, err := c.children(ctx, stack)
	if err != nil {
		return err
	}
	if len(objects) == 0 {
		return fmt.Errorf("%s has no objects yet: see kubectl appstack why %s%s", name, name, c.plugin.scope())
	}
	var out strings.Builder
	out.WriteString(header(stack))
	for _, object := range objects {
		text, err := manifest.Text(object)
		if err != nil {
			return err
		}
		out.WriteString("---\n" + string(text))
	}
	fmt.Fprint(c.plugin.Out, out.String())
	return nil
}

// children returns the stack's objects as plain manifests, without traces of AppStack.
func (c *connection) children(ctx context.Context, stack *v1alpha1.AppStack) ([]client.Object, error) {
	var (
		deployments appsv1.DeploymentList
		services    corev1.ServiceList
		autoscalers autoscalingv2.HorizontalPodAutoscalerList
		budgets     policyv1.PodDisruptionBudgetList
	)
	for _, list := range []client.ObjectList{&deployments, &services, &autoscalers, &budgets} {
		own := client.MatchingLabels{naming.LabelStack: stack.Name}
		if err := c.List(ctx, list, client.InNamespace(stack.Namespace), own); err != nil {
			return nil, err
		}
	}
	var objects []client.Object
	add := func(object client.Object, kind schema.GroupVersionKind, plain client.Object) {
		if !metav1.IsControlledBy(object, stack) {
			return
		}
		plain.GetObjectKind().SetGroupVersionKind(kind)
		plain.SetName(object.GetName())
		plain.SetNamespace(object.GetNamespace())
		plain.SetLabels(userDefined(object.GetLabels()))
		plain.SetAnnotations(userDefined(object.GetAnnotations()))
		objects = append(objects, plain)
	}
	for i := range deployments.Items {
		deployment := &deployments.Items[i]
		add(deployment, appsv1.SchemeGroupVersion.WithKind("Deployment"), &appsv1.Deployment{Spec: deployment.Spec})
	}
	for i := range services.Items {
		service := &services.Items[i]
		add(service, corev1.SchemeGroupVersion.WithKind("Service"), &corev1.Service{Spec: plainService(service.Spec)})
	}
	for i := range autoscalers.Items {
		autoscaler := &autoscalers.Items[i]
		plain := &autoscalingv2.HorizontalPodAutoscaler{Spec: autoscaler.Spec}
		add(autoscaler, autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"), plain)
		for _, object := range objects { // the autoscaler sets the number of pods
			if deployment, ok := object.(*appsv1.Deployment); ok && deployment.Name == autoscaler.Spec.ScaleTargetRef.Name {
				deployment.Spec.Replicas = nil
			}
		}
	}
	for i := range budgets.Items {
		budget := &budgets.Items[i]
		add(budget, policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"), &policyv1.PodDisruptionBudget{Spec: budget.Spec})
	}
	copies, err := c.copiesOf(ctx, stack, deployments.Items)
	if err != nil {
		return nil, err
	}
	for i := range copies {
		copied := &copies[i]
		plain := &corev1.ConfigMap{Immutable: copied.Immutable, Data: copied.Data, BinaryData: copied.BinaryData}
		add(copied, corev1.SchemeGroupVersion.WithKind("ConfigMap"), plain)
	}
	return objects, nil
}

// copiesOf returns the copies of ConfigMaps that the Deployments use.
func (c *connection) copiesOf(
	ctx context.Context, stack *v1alpha1.AppStack, deployments []appsv1.Deployment,
) ([]corev1.ConfigMap, error) {
	var content model.Content
	for _, deployment := range deployments {
		content.Components = append(content.Components, model.Component{Template: deployment.Spec.Template})
	}
	var copies []corev1.ConfigMap
	read := map[string]bool{}
	for _, ref := range render.ConfigRefs(content) {
		if read[ref.Name] || !strings.HasPrefix(ref.Name, stack.Name+"-") { // the names of copies begin so
			continue
		}
		read[ref.Name] = true
		found := corev1.ConfigMap{}
		switch err := c.Get(ctx, c.key(ref.Name), &found); {
		case apierrors.IsNotFound(err):
		case err != nil:
			return nil, err
		default:
			copies = append(copies, found)
		}
	}
	return copies, nil
}

// header returns the comment at the top, with the steps to leave AppStack and what to check.
func header(stack *v1alpha1.AppStack) string {
	text := fmt.Sprintf("# The objects of AppStack %s, without AppStack. To stop using AppStack:\n"+
		"#   kubectl delete appstack %s --cascade=orphan -n %s\n"+
		"#   kubectl apply -f THIS-FILE\n"+
		"# The revisions are not needed afterwards. As long as they and the labels of %s exist, a new stack of this name\n"+
		"# adopts all objects again. To delete the revisions:\n"+
		"#   kubectl delete controllerrevisions -l %s=%s -n %s\n",
		stack.Name, stack.Name, stack.Namespace, v1alpha1.GroupName, naming.LabelStack, stack.Name, stack.Namespace)
	if stack.Spec.Paused {
		text += "# The stack is paused, and so are these Deployments: remove paused to let them roll out.\n"
	}
	if stack.Spec.Replicas != nil || stack.Spec.Autoscaling != nil {
		return text
	}
	return text + "# The stack does not manage its number of pods: remove replicas if an autoscaler sets it.\n"
}

// plainService returns the Service without the fields that the cluster assigns.
func plainService(spec corev1.ServiceSpec) corev1.ServiceSpec {
	plain := *spec.DeepCopy()
	if plain.ClusterIP != corev1.ClusterIPNone {
		plain.ClusterIP, plain.ClusterIPs = "", nil
	}
	plain.IPFamilies, plain.HealthCheckNodePort = nil, 0
	return plain
}

// managedBy is the label that names the tool that manages an object (kubernetes.io/docs,
// "Recommended Labels").
const managedBy = "app.kubernetes.io/managed-by"

// userDefined returns the labels or annotations without those of AppStack and of controllers.
func userDefined(all map[string]string) map[string]string {
	own := maps.Clone(all)
	maps.DeleteFunc(own, func(key, value string) bool {
		return strings.HasPrefix(key, v1alpha1.GroupName+"/") || strings.HasPrefix(key, "deployment.kubernetes.io/") ||
			key == corev1.LastAppliedConfigAnnotation || key == managedBy && value == naming.FieldOwner
	})
	if len(own) == 0 {
		return nil
	}
	return own
}
