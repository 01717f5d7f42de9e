// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package status

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
)

// available returns the condition Available: whether every component that should run has an
// available pod.
func available(in Input) verdict {
	if len(in.Plan.Components) == 0 {
		return verdict{metav1.ConditionFalse, v1alpha1.ReasonNotStarted, "nothing runs yet"}
	}
	var missing []string
	for _, component := range in.Plan.Components {
		if component.Joining {
			continue // does not affect the existing components
		}
		name := naming.Object(in.State.Stack.Name, component.Name)
		deployment := in.State.Children.Deployment(name)
		if deployment == nil {
			missing = append(missing, name+": its Deployment is missing")
			continue
		}
		wanted := ptr.Deref(deployment.Spec.Replicas, 1)
		if wanted > 0 && deployment.Status.AvailableReplicas == 0 {
			missing = append(missing, fmt.Sprintf("%s: none of %d pods is available", name, wanted))
		}
	}
	if len(missing) > 0 {
		return verdict{metav1.ConditionFalse, v1alpha1.ReasonPodsUnavailable, sentences(missing)}
	}
	return verdict{metav1.ConditionTrue, v1alpha1.ReasonPodsAvailable, "every component has a pod that serves"}
}
