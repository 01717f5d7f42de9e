// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package show

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"
)

// brief returns the template without the defaults of core/v1 that the API server fills in, which
// users did not write.
func brief(template corev1.PodTemplateSpec) corev1.PodTemplateSpec {
	template = *template.DeepCopy()
	spec := &template.Spec
	drop(&spec.RestartPolicy, corev1.RestartPolicyAlways)
	drop(&spec.DNSPolicy, corev1.DNSClusterFirst)
	drop(&spec.SchedulerName, corev1.DefaultSchedulerName)
	drop(&spec.DeprecatedServiceAccount, spec.ServiceAccountName)
	dropEmpty(&spec.SecurityContext)
	if spec.TerminationGracePeriodSeconds != nil && *spec.TerminationGracePeriodSeconds == corev1.DefaultTerminationGracePeriodSeconds {
		spec.TerminationGracePeriodSeconds = nil
	}
	for i := range spec.InitContainers {
		briefContainer(&spec.InitContainers[i])
	}
	for i := range spec.Containers {
		briefContainer(&spec.Containers[i])
	}
	for i := range spec.Volumes {
		briefVolume(&spec.Volumes[i])
	}
	return template
}

// drop clears a field that has its default.
func drop[T comparable](field *T, standard T) {
	if *field == standard {
		var zero T
		*field = zero
	}
}

// dropEmpty clears a pointer to an empty value.
func dropEmpty[T any](field **T) {
	var zero T
	if *field != nil && equality.Semantic.DeepEqual(**field, zero) {
		*field = nil
	}
}

// dropPointer clears a pointer to the default.
func dropPointer[T comparable](field **T, standard T) {
	if ptr.Deref(*field, standard) == standard {
		*field = nil
	}
}

func briefContainer(c *corev1.Container) {
	drop(&c.TerminationMessagePath, corev1.TerminationMessagePathDefault)
	drop(&c.TerminationMessagePolicy, corev1.TerminationMessageReadFile)
	drop(&c.ImagePullPolicy, pullPolicy(c.Image))
	dropEmpty(&c.SecurityContext)
	for i := range c.Ports {
		drop(&c.Ports[i].Protocol, corev1.ProtocolTCP)
	}
	for i := range c.Env {
		if source := c.Env[i].ValueFrom; source != nil && source.FieldRef != nil {
			drop(&source.FieldRef.APIVersion, "v1")
		}
	}
	for name, request := range c.Resources.Requests {
		if limit, found := c.Resources.Limits[name]; found && limit.Cmp(request) == 0 {
			delete(c.Resources.Requests, name)
		}
	}
	for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		if probe != nil {
			briefProbe(probe)
		}
	}
	if c.Lifecycle != nil {
		for _, handler := range []*corev1.LifecycleHandler{c.Lifecycle.PostStart, c.Lifecycle.PreStop} {
			if handler != nil && handler.HTTPGet != nil {
				briefHTTP(handler.HTTPGet)
			}
		}
	}
}

// pullPolicy returns the default pull policy of an image.
func pullPolicy(image string) corev1.PullPolicy {
	name, _, pinned := strings.Cut(image, "@")
	tag := name[strings.LastIndexByte(name, '/')+1:]
	_, tag, tagged := strings.Cut(tag, ":")
	if tag == "latest" || !tagged && !pinned {
		return corev1.PullAlways
	}
	return corev1.PullIfNotPresent
}

func briefProbe(probe *corev1.Probe) {
	drop(&probe.TimeoutSeconds, 1)
	drop(&probe.PeriodSeconds, 10)
	drop(&probe.SuccessThreshold, 1)
	drop(&probe.FailureThreshold, 3)
	if probe.HTTPGet != nil {
		briefHTTP(probe.HTTPGet)
	}
	if probe.GRPC != nil {
		dropPointer(&probe.GRPC.Service, "")
	}
}

func briefHTTP(get *corev1.HTTPGetAction) {
	drop(&get.Scheme, corev1.URISchemeHTTP)
	drop(&get.Path, "/")
}

func briefVolume(volume *corev1.Volume) {
	switch {
	case volume.ConfigMap != nil:
		dropPointer(&volume.ConfigMap.DefaultMode, corev1.ConfigMapVolumeSourceDefaultMode)
	case volume.Secret != nil:
		dropPointer(&volume.Secret.DefaultMode, corev1.SecretVolumeSourceDefaultMode)
	case volume.DownwardAPI != nil:
		dropPointer(&volume.DownwardAPI.DefaultMode, corev1.DownwardAPIVolumeSourceDefaultMode)
		for i := range volume.DownwardAPI.Items {
			briefField(volume.DownwardAPI.Items[i].FieldRef)
		}
	case volume.Projected != nil:
		dropPointer(&volume.Projected.DefaultMode, corev1.ProjectedVolumeSourceDefaultMode)
		for i := range volume.Projected.Sources {
			source := &volume.Projected.Sources[i]
			if source.ServiceAccountToken != nil {
				dropPointer(&source.ServiceAccountToken.ExpirationSeconds, 60*60)
			}
			if source.DownwardAPI != nil {
				for j := range source.DownwardAPI.Items {
					briefField(source.DownwardAPI.Items[j].FieldRef)
				}
			}
		}
	case volume.HostPath != nil:
		dropPointer(&volume.HostPath.Type, corev1.HostPathUnset)
	case volume.Ephemeral != nil && volume.Ephemeral.VolumeClaimTemplate != nil:
		dropPointer(&volume.Ephemeral.VolumeClaimTemplate.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
	case volume.Image != nil:
		drop(&volume.Image.PullPolicy, pullPolicy(volume.Image.Reference))
	case volume.EmptyDir != nil: // the default of a volume without a source
		dropEmpty(&volume.EmptyDir)
	default:
		briefLegacy(volume)
	}
}

// briefLegacy clears the defaults of the in-tree volume types that CSI drivers have replaced.
func briefLegacy(volume *corev1.Volume) {
	switch {
	case volume.ISCSI != nil:
		drop(&volume.ISCSI.ISCSIInterface, "default")
	case volume.RBD != nil:
		drop(&volume.RBD.RBDPool, "rbd")
		drop(&volume.RBD.RadosUser, "admin")
		drop(&volume.RBD.Keyring, "/etc/ceph/keyring")
	case volume.AzureDisk != nil:
		dropPointer(&volume.AzureDisk.CachingMode, corev1.AzureDataDiskCachingReadWrite)
		dropPointer(&volume.AzureDisk.FSType, "ext4")
		dropPointer(&volume.AzureDisk.ReadOnly, false)
		dropPointer(&volume.AzureDisk.Kind, corev1.AzureSharedBlobDisk)
	case volume.ScaleIO != nil:
		drop(&volume.ScaleIO.StorageMode, "ThinProvisioned")
		drop(&volume.ScaleIO.FSType, "xfs")
	}
}

func briefField(field *corev1.ObjectFieldSelector) {
	if field != nil {
		drop(&field.APIVersion, "v1")
	}
}
