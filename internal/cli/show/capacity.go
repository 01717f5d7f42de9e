// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package show

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/internal/cli/release"
	"github.com/appstack-dev/appstack/internal/rollout"
)

// exceeded is part of the API server's message about an exhausted quota.
const exceeded = "exceeded quota"

// capacityRemedies returns the remedies if new pods cannot run beside old ones, because a quota is
// exhausted or because old pods hold a claim.
func (v View) capacityRemedies(r release.Release) []remedy {
	var remedies []remedy
	switch component := rejectedByQuota(r); {
	case component == nil:
	case component.Deployment == nil || rollout.Surges(component.Deployment):
		remedies = append(remedies, remedy{
			"The quota does not allow new pods in addition to old pods: raise it, or stop old pods first:",
			[]string{v.patchRollout(r, `"maxSurge":0,"maxUnavailable":1`)},
		})
	default:
		remedies = append(remedies, remedy{
			"The quota does not allow this many pods: raise it, or scale down:", []string{v.command(r, "scale", component.Name+"=N")},
		})
	}
	if len(r.SingleNodeClaims) > 0 {
		remedies = append(remedies, remedy{
			"If new pods wait for a claim that old pods use, stop old pods first:",
			[]string{v.patchRollout(r, `"strategy":"Recreate","maxSurge":null,"maxUnavailable":null`)},
		})
	}
	return remedies
}

// patchRollout returns the command that changes the stack's rollout policy.
func (v View) patchRollout(r release.Release, fields string) string {
	return "kubectl patch appstack/" + r.Stack.Name + " --type=merge -p '{\"spec\":{\"rollout\":{" + fields + "}}}'" + v.Scope
}

// rejectedByQuota returns the first component whose pods are rejected because of a quota, now or in
// the failure report; nil if there is none.
func rejectedByQuota(r release.Release) *release.Component {
	for i, component := range r.Components {
		failure := r.Stack.Status.Failure
		if failure != nil && failure.Component == component.Name && strings.Contains(failure.Message, exceeded) {
			return &r.Components[i]
		}
		if component.Deployment != nil && slices.ContainsFunc(component.Deployment.Status.Conditions, func(c appsv1.DeploymentCondition) bool {
			return c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue && strings.Contains(c.Message, exceeded)
		}) {
			return &r.Components[i]
		}
	}
	return nil
}

// warnings returns what may block an update of the stack.
func warnings(r release.Release) []string {
	var words []string
	for _, claim := range r.SingleNodeClaims {
		mounter := "only one node"
		if claim.Mode == corev1.ReadWriteOncePod {
			mounter = "only one pod"
		}
		words = append(words, fmt.Sprintf("Component %s mounts the claim %s, which %s can mount (%s), and starts new pods before old pods stop: "+
			"an update may never complete. Set spec.rollout.strategy: Recreate.", claim.Component, claim.Claim, mounter, claim.Mode))
	}
	return words
}
