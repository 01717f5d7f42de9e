// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package render

import (
	"cmp"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
)

// podTemplate returns the generated template, before the user's podTemplate is merged over it.
func podTemplate(in Input, component v1alpha1.Component, brought inherited, selector map[string]string) corev1.PodTemplateSpec {
	spec := in.Stack.Spec
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: naming.Labels(in.Stack.Name, component.Name)},
		Spec: corev1.PodSpec{
			Containers:                    []corev1.Container{appContainer(in.Defaults, component, brought)},
			Volumes:                       append(volumes(component.Volumes), fileVolumes(component)...),
			ImagePullSecrets:              spec.ImagePullSecrets,
			ServiceAccountName:            spec.ServiceAccountName,
			EnableServiceLinks:            ptr.To(false),
			TerminationGracePeriodSeconds: ptr.To(in.Defaults.TerminationGraceSeconds),
			SecurityContext: &corev1.PodSecurityContext{
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
				MaxSkew:           1,
				TopologyKey:       corev1.LabelHostname,
				WhenUnsatisfiable: corev1.ScheduleAnyway,
				LabelSelector:     &metav1.LabelSelector{MatchLabels: selector},
				MatchLabelKeys:    []string{appsv1.DefaultDeploymentUniqueLabelKey}, // spreads the pods of each revision separately
			}},
		},
	}
	if brought.windows {
		template.Spec.OS = &corev1.PodOS{Name: corev1.Windows}
		template.Spec.SecurityContext = nil // the API server rejects seccomp on Windows
	}
	if spec.ServiceAccountName == "" {
		template.Spec.AutomountServiceAccountToken = ptr.To(false)
	}
	if len(component.Ports) > 0 {
		// the grace period includes the time of preStop
		template.Spec.TerminationGracePeriodSeconds = ptr.To(in.Defaults.TerminationGraceSeconds + in.Defaults.PreStopSeconds)
	}
	if in.Restart != nil {
		template.Annotations = map[string]string{naming.AnnotationRestartedAt: in.Restart.UTC().Format(time.RFC3339)}
	}
	return template
}

func appContainer(defaults Defaults, component v1alpha1.Component, brought inherited) corev1.Container {
	container := corev1.Container{
		Name:                     naming.AppContainer,
		Image:                    component.Image,
		ImagePullPolicy:          component.ImagePullPolicy,
		Command:                  component.Command,
		Args:                     component.Args,
		WorkingDir:               component.WorkingDir,
		Env:                      component.Env,
		EnvFrom:                  component.EnvFrom,
		Ports:                    containerPorts(component.Ports),
		Resources:                ptr.Deref(component.Resources, corev1.ResourceRequirements{}),
		ReadinessProbe:           cmp.Or(component.ReadinessProbe, brought.readiness),
		LivenessProbe:            component.LivenessProbe,
		StartupProbe:             component.StartupProbe,
		VolumeMounts:             append(mounts(component.Volumes), fileMounts(component.Files)...),
		SecurityContext:          brought.securityContext(),
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
	}
	given := overridesOf(component.PodTemplate)
	if pause := preStopSeconds(defaults, given); len(component.Ports) > 0 && !given.PreStop && pause > 0 {
		container.Lifecycle = &corev1.Lifecycle{
			PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: pause}},
		}
	}
	if port := probed(component, brought); port != nil {
		container.ReadinessProbe = &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromString(port.Name)}},
			PeriodSeconds: 5,
		}
	}
	return container
}

// probed returns the port for a generated readiness probe, or nil if no such probe is generated.
func probed(component v1alpha1.Component, brought inherited) *v1alpha1.Port {
	if component.ReadinessProbe != nil || brought.readiness != nil || overridesOf(component.PodTemplate).Readiness {
		return nil
	}
	return firstTCP(component.Ports)
}

// preStopSeconds returns how long a deleted pod with ports keeps serving. If podTemplate sets a
// grace period shorter than the default pause, the pause is half of it: the API server rejects one
// that is longer than the grace period.
func preStopSeconds(defaults Defaults, given overrides) int64 {
	if given.Grace != nil && *given.Grace < defaults.PreStopSeconds {
		return *given.Grace / 2
	}
	return defaults.PreStopSeconds
}

func containerPorts(ports []v1alpha1.Port) []corev1.ContainerPort {
	var out []corev1.ContainerPort
	for _, port := range ports {
		out = append(out, corev1.ContainerPort{
			Name:          port.Name,
			ContainerPort: port.ContainerPort,
			Protocol:      port.Protocol,
		})
	}
	return out
}

func volumes(specs []v1alpha1.Volume) []corev1.Volume {
	var out []corev1.Volume
	for _, spec := range specs {
		out = append(out, corev1.Volume{Name: spec.Name, VolumeSource: corev1.VolumeSource{
			ConfigMap:             spec.ConfigMap,
			Secret:                spec.Secret,
			EmptyDir:              spec.EmptyDir,
			PersistentVolumeClaim: spec.PersistentVolumeClaim,
		}})
	}
	return out
}

func mounts(specs []v1alpha1.Volume) []corev1.VolumeMount {
	var out []corev1.VolumeMount
	for _, spec := range specs {
		out = append(out, corev1.VolumeMount{
			Name:      spec.Name,
			MountPath: spec.MountPath,
			SubPath:   spec.SubPath,
			ReadOnly:  spec.ReadOnly,
		})
	}
	return out
}
