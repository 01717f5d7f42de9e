// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package release

import (
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/internal/rollout"
)

// SingleNodeClaim is a PersistentVolumeClaim that cannot be mounted on every node or by every pod,
// of a component that starts new pods beside old ones.
type SingleNodeClaim struct {
	Component, Claim string
	// Mode is ReadWriteOnce or ReadWriteOncePod.
	Mode corev1.PersistentVolumeAccessMode
}

// ReadSingleNodeClaims returns the stack's claims that may block an update. It omits claims that
// cannot be read, because they only serve a warning.
func (r Release) ReadSingleNodeClaims(ctx context.Context, reader client.Reader) []SingleNodeClaim {
	var claims []SingleNodeClaim
	oneNode := func() bool {
		nodes := &metav1.PartialObjectMetadataList{}
		nodes.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NodeList"))
		return reader.List(ctx, nodes, client.Limit(2)) == nil && len(nodes.Items) == 1
	}
	for _, component := range r.Components {
		for _, name := range surgeClaims(component.Deployment) {
			claim := &corev1.PersistentVolumeClaim{}
			if reader.Get(ctx, client.ObjectKey{Namespace: r.Stack.Namespace, Name: name}, claim) != nil {
				continue
			}
			mode := singleNodeMode(claim.Spec.AccessModes)
			if mode == corev1.ReadWriteOncePod || mode == corev1.ReadWriteOnce && !oneNode() {
				claims = append(claims, SingleNodeClaim{Component: component.Name, Claim: name, Mode: mode})
			}
		}
	}
	return claims
}

// surgeClaims returns the claims that new pods of the Deployment mount while old pods still
// do.
func surgeClaims(deployment *appsv1.Deployment) []string {
	if deployment == nil || !rollout.Surges(deployment) {
		return nil
	}
	var names []string
	for _, volume := range deployment.Spec.Template.Spec.Volumes {
		if source := volume.PersistentVolumeClaim; source != nil {
			names = append(names, source.ClaimName)
		}
	}
	return names
}

// singleNodeMode returns the access mode that limits where the claim can be mounted; empty if pods
// on several nodes can mount it.
func singleNodeMode(modes []corev1.PersistentVolumeAccessMode) corev1.PersistentVolumeAccessMode {
	switch {
	case slices.Contains(modes, corev1.ReadWriteMany), slices.Contains(modes, corev1.ReadOnlyMany):
		return ""
	case slices.Contains(modes, corev1.ReadWriteOnce):
		return corev1.ReadWriteOnce
	case slices.Contains(modes, corev1.ReadWriteOncePod):
		return corev1.ReadWriteOncePod
	}
	return ""
}
