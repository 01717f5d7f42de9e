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

// NarrowClaim is a claim that not every pod can mount, and whose component starts new pods beside old ones.
type NarrowClaim struct {
	Component, Claim string
	// Mode is ReadWriteOnce or ReadWriteOncePod.
	Mode corev1.PersistentVolumeAccessMode
}

// ReadNarrowClaims lists the stack's claims that an update may wait for. What may not be read is left out: they
// are a warning, and the release is no worse without it.
func (r Release) ReadNarrowClaims(ctx context.Context, reader client.Reader) []NarrowClaim {
	var narrow []NarrowClaim
	oneNode := func() bool {
		nodes := &metav1.PartialObjectMetadataList{}
		nodes.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NodeList"))
		return reader.List(ctx, nodes, client.Limit(2)) == nil && len(nodes.Items) == 1
	}
	for _, component := range r.Components {
		for _, name := range mountedBesideOld(component.Deployment) {
			claim := &corev1.PersistentVolumeClaim{}
			if reader.Get(ctx, client.ObjectKey{Namespace: r.Stack.Namespace, Name: name}, claim) != nil {
				continue
			}
			mode := narrowest(claim.Spec.AccessModes)
			if mode == corev1.ReadWriteOncePod || mode == corev1.ReadWriteOnce && !oneNode() {
				narrow = append(narrow, NarrowClaim{Component: component.Name, Claim: name, Mode: mode})
			}
		}
	}
	return narrow
}

// mountedBesideOld are the claims that new pods of the Deployment mount while old ones do.
func mountedBesideOld(deployment *appsv1.Deployment) []string {
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

// narrowest is how the volume of a claim can be mounted, where that is not everywhere; else empty.
func narrowest(modes []corev1.PersistentVolumeAccessMode) corev1.PersistentVolumeAccessMode {
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
