// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package rollout judges how a rollout stands from the state of its
// Deployments. It is pure.
package rollout

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/utils/ptr"
)

// Progress is how far a Deployment has come with its template.
type Progress struct {
	// Complete says that all pods run the template and are available (R6). A pod
	// is available once it has been ready for minReadySeconds on end, so none of
	// its containers restarted in that time.
	Complete bool
	// Message says in words what is waited for.
	Message string
}

// Of is how far the Deployment has come.
func Of(deployment *appsv1.Deployment) Progress {
	status := deployment.Status
	desired := ptr.Deref(deployment.Spec.Replicas, 1)
	waiting := func(format string, args ...any) Progress {
		return Progress{Message: deployment.Name + ": " + fmt.Sprintf(format, args...)}
	}
	switch {
	case status.ObservedGeneration < deployment.Generation:
		return waiting("the change is not taken up yet")
	case status.UpdatedReplicas < desired:
		return waiting("%d of %d new pods created", status.UpdatedReplicas, desired)
	case status.Replicas > status.UpdatedReplicas:
		return waiting("pods of earlier revisions still to end: %d", status.Replicas-status.UpdatedReplicas)
	case status.AvailableReplicas < desired:
		return waiting("%d of %d new pods available", status.AvailableReplicas, desired)
	}
	return Progress{Complete: true, Message: fmt.Sprintf("%s: %d of %d pods available", deployment.Name, desired, desired)}
}
