// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package status

import (
	"cmp"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/imageconfig"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

func componentStatuses(in Input) []v1alpha1.ComponentStatus {
	var statuses []v1alpha1.ComponentStatus
	for _, component := range in.Plan.Components {
		name := naming.Object(in.State.Stack.Name, component.Name)
		status := v1alpha1.ComponentStatus{
			Name: component.Name, Image: running(component), ImageValues: component.Provenance.Values,
		}
		if deployment := in.State.Children.Deployment(name); deployment != nil {
			status.DesiredReplicas = ptr.To(ptr.Deref(deployment.Spec.Replicas, 1))
			status.Replicas = &deployment.Status.Replicas
			status.UpdatedReplicas = &deployment.Status.UpdatedReplicas
			status.ReadyReplicas = &deployment.Status.ReadyReplicas
			status.AvailableReplicas = &deployment.Status.AvailableReplicas
		} else {
			status.DesiredReplicas, status.Replicas = ptr.To(component.Floor()), ptr.To[int32](0)
		}
		if service := in.State.Children.Service(name); service != nil {
			status.Address = address(service)
		}
		statuses = append(statuses, status)
	}
	return statuses
}

// running returns the image of the component's pods, which differs from the revision's if the
// cluster's admission control changed it.
func running(component model.Desired) string {
	return cmp.Or(component.Admitted, component.App().Image)
}

// admitted describes the images that the cluster's admission control changed; empty if there are
// none.
func admitted(components []model.Desired) string {
	var parts []string
	for _, component := range components {
		runs, asked := running(component), cmp.Or(component.Provenance.Asked, component.App().Image)
		if runs != asked {
			parts = append(parts, fmt.Sprintf("component %s: %s in place of %s", component.Name, runs, asked))
		}
	}
	return sentences(parts)
}

// short returns an image for display, without its digest if it has a tag.
func short(reference string) string {
	name, digest, pinned := strings.Cut(reference, "@")
	if pinned && imageconfig.Pin(name, digest) == reference {
		return name
	}
	return reference
}

// address returns where a Service is reachable: at its load balancer if it has one, otherwise at
// its DNS name in the cluster. It is empty if the Service has no ports.
func address(service *corev1.Service) string {
	if len(service.Spec.Ports) == 0 {
		return ""
	}
	host := naming.ServiceHost(service.Namespace, service.Name)
	for _, ingress := range service.Status.LoadBalancer.Ingress {
		host = cmp.Or(ingress.Hostname, ingress.IP)
		break
	}
	return fmt.Sprintf("%s:%d", host, service.Spec.Ports[0].Port)
}
