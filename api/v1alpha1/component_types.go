// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Component is a further part of a stack with a Deployment of its own.
type Component struct {
	// Name of the component; its Deployment and Service are named
	// <stack>-<name>. "main" is the component that the top of the spec describes.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=60
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:XValidation:rule="self != 'main'",message="the component name main is taken by the fields at the top of the spec: choose another name"
	Name string `json:"name,omitempty"`

	// Image that the component runs. Defaults to the image of the main component.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.matches('\\\\s|://')",message="image must be an image reference such as registry.example.com/team/app:1.4.2: remove spaces and the scheme (https://)"
	// +kubebuilder:validation:XValidation:rule="self.matches('^(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\\\\[[a-fA-F0-9:]+\\\\])(?::[0-9]+)?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*(?::[^/@]*)?(?:@.*)?$') && !self.matches('^[a-f0-9]{64}$')",message="image must name a repository in lower case, such as my-app or registry.example.com/team/app (the registry's host may have upper case letters): correct what stands before the tag"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[^@]*:[^/@]*(@|$)') || self.matches('^([^@]*/)?[^/:@]*:\\\\w[\\\\w.-]{0,127}(@|$)')",message="image must have a tag of 1 to 128 letters, digits, '_', '.' and '-' after the ':', such as my-app:1.4.2: complete the tag, or remove the ':'"
	// +kubebuilder:validation:XValidation:rule="!self.contains('@') || self.matches('^[^@]*@(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})$') || (!self.matches('@sha(?:256|384|512):') && self.matches('^[^@]*@[a-z][a-z0-9]*(?:[-_+.][a-z][a-z0-9]*)*:[a-fA-F0-9]{32,}$'))",message="image must have a whole digest after the '@', such as sha256: and 64 lower case hexadecimal digits: copy all of the digest, or remove the '@'"
	Image string `json:"image,omitempty"`

	ComponentSpec `json:",inline"`
}

// ComponentSpec has the fields that the main component and all other components have.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.replicas) && has(self.autoscaling))",message="replicas and autoscaling exclude each other: remove replicas to let the autoscaler own the number, or remove autoscaling"
type ComponentSpec struct {
	// When the nodes pull the image: Always, IfNotPresent or Never. Defaults to
	// IfNotPresent, and to Always for the tag latest if it is not pinned to a
	// digest. With Never the image is not resolved in a registry either.
	// +optional
	// +kubebuilder:validation:Enum=Always;IfNotPresent;Never
	ImagePullPolicy corev1.PullPolicy `json:"imagePullPolicy,omitempty"`

	// Program to run instead of the image's ENTRYPOINT. If it is set, the image's
	// CMD is ignored too. $(NAME) is replaced by the variable's value.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=131072
	Command []string `json:"command,omitempty"`

	// Arguments to use instead of the image's CMD. $(NAME) is replaced by the variable's value.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=131072
	Args []string `json:"args,omitempty"`

	// Working directory, instead of the image's WORKDIR.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	WorkingDir string `json:"workingDir,omitempty"`

	// Environment variables: values, or references to ConfigMaps, Secrets and pod fields.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=512
	Env []corev1.EnvVar `json:"env,omitempty"`

	// ConfigMaps and Secrets whose entries all become environment variables. A
	// variable of the same name in env takes precedence.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	EnvFrom []corev1.EnvFromSource `json:"envFrom,omitempty"`

	// Ports that the container listens on. A component with ports gets a Service
	// and, unless readinessProbe is set, a check that the first TCP port is open.
	// Defaults to the ports that the image EXPOSEs, unless command or args is set. An
	// empty list means no ports, whatever the image declares. Clients use a port by its
	// number and protocol on the Service: while a change of its other fields is rolled
	// out, the port reaches old and new pods.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:XValidation:rule="self.all(p, !has(p.name) || self.exists_one(q, has(q.name) && q.name == p.name))",message="two ports have the same name: give each entry of ports a name of its own"
	// +kubebuilder:validation:XValidation:rule="self.all(p, self.exists_one(q, (has(q.servicePort) ? q.servicePort : q.containerPort) == (has(p.servicePort) ? p.servicePort : p.containerPort) && (has(q.protocol) ? q.protocol : 'TCP') == (has(p.protocol) ? p.protocol : 'TCP')))",message="two ports are the same on the Service: give each entry of ports another servicePort (it defaults to containerPort) or protocol"
	Ports []Port `json:"ports,omitzero"`

	// How the component's Service is exposed. It has no effect on a component without ports.
	// +optional
	Service *ServiceSpec `json:"service,omitempty"`

	// Number of pods. If it is not set, the operator does not manage the number: an
	// external autoscaler or kubectl scale of the Deployment does, starting at 1.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Replicas *int32 `json:"replicas,omitempty"`

	// Lets a HorizontalPodAutoscaler choose the number of pods. It cannot be set
	// together with replicas.
	// +optional
	Autoscaling *Autoscaling `json:"autoscaling,omitempty"`

	// Requests and limits of CPU, memory and other resources of a pod.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// Decides whether a pod gets requests. Defaults to the image's HEALTHCHECK, unless
	// command or args is set; without one, a component with TCP ports is ready once
	// the first of them is open.
	// +optional
	ReadinessProbe *corev1.Probe `json:"readinessProbe,omitempty"`

	// Decides whether a container is restarted. If it is not set, a container is
	// restarted only when its process exits.
	// +optional
	LivenessProbe *corev1.Probe `json:"livenessProbe,omitempty"`

	// Decides whether a container has started. The other probes wait for it.
	// +optional
	StartupProbe *corev1.Probe `json:"startupProbe,omitempty"`

	// Volumes, each with its mount path in the container.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(v, self.exists_one(w, w.mountPath == v.mountPath))",message="two volumes have the same mountPath: give each entry of volumes a mountPath of its own"
	Volumes []Volume `json:"volumes,omitempty"`

	// Files that the container gets, read-only, each at its path. They are part of the
	// revision: a change is released, and a rollback restores them. At most 32, and
	// 131072 characters in all files of a stack.
	// +optional
	// +listType=map
	// +listMapKey=path
	// +kubebuilder:validation:MaxItems=32
	Files []File `json:"files,omitempty"`

	// How many pods may be unavailable while nodes are drained. If it is not set, one
	// pod may, for a component with two or more pods.
	// +optional
	DisruptionBudget *DisruptionBudget `json:"disruptionBudget,omitempty"`

	// Any other settings of pods: a partial PodTemplateSpec that is merged over the
	// generated one as kubectl patch would (strategic merge), with container ports
	// identified by number and protocol. The container that runs the
	// image is named "app". For affinity, tolerations, init containers, sidecars, pod
	// annotations and so on.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	PodTemplate *runtime.RawExtension `json:"podTemplate,omitempty"`
}

// Port is a port that a container listens on and its Service offers.
type Port struct {
	// Name of the port, for probes and NetworkPolicies. Defaults to a name made of its
	// port on the Service: port-80, port-53-udp. A port that an earlier version of the
	// operator named by its position in the list, such as port-0, keeps that name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=15
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:XValidation:rule="self.matches('[a-z]') && !self.matches('--')",message="a port's name must hold a letter and no two '-' in a row: choose a name such as http"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^port-[0-9]+$')",message="names such as port-80 are given to ports that have none: choose another name, or leave it out"
	Name string `json:"name,omitempty"`

	// Port that the container listens on, 1 to 65535.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	ContainerPort int32 `json:"containerPort,omitempty"`

	// Port that the Service offers, 1 to 65535. Defaults to containerPort.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	ServicePort *int32 `json:"servicePort,omitempty"`

	// Transport: TCP (the default), UDP or SCTP.
	// +optional
	// +kubebuilder:validation:Enum=TCP;UDP;SCTP
	Protocol corev1.Protocol `json:"protocol,omitempty"`

	// Application protocol, such as http, https, kubernetes.io/h2c or
	// kubernetes.io/ws: a hint for gateways and load balancers.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	AppProtocol string `json:"appProtocol,omitempty"`
}

// ServiceSpec says how a component's Service is exposed.
//
// +kubebuilder:validation:XValidation:rule="!has(self.loadBalancerClass) || (has(self.type) && self.type == 'LoadBalancer')",message="service.loadBalancerClass belongs to type LoadBalancer: set service.type to LoadBalancer, or remove loadBalancerClass"
type ServiceSpec struct {
	// ClusterIP (the default) reaches the Service inside the cluster, NodePort on
	// a port of every node, LoadBalancer through the cloud's load balancer.
	// +optional
	// +kubebuilder:validation:Enum=ClusterIP;NodePort;LoadBalancer
	Type corev1.ServiceType `json:"type,omitempty"`

	// Annotations of the Service, as load balancers and meshes read them.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Annotations map[string]string `json:"annotations,omitempty"`

	// Load balancer implementation, such as service.k8s.aws/nlb. Only with type
	// LoadBalancer; defaults to the cluster's. It cannot be changed once set.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=316
	LoadBalancerClass string `json:"loadBalancerClass,omitempty"`
}

// Autoscaling lets a HorizontalPodAutoscaler (autoscaling/v2) choose the number of pods.
//
// +kubebuilder:validation:XValidation:rule="!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",message="autoscaling.minReplicas must not be greater than maxReplicas: lower minReplicas or raise maxReplicas"
type Autoscaling struct {
	// Smallest number of pods. Defaults to 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	MinReplicas *int32 `json:"minReplicas,omitempty"`

	// Largest number of pods.
	// +required
	// +kubebuilder:validation:Minimum=1
	MaxReplicas int32 `json:"maxReplicas,omitempty"`

	// Target for the average CPU use, in percent of resources.requests.
	// Defaults to 80 if targetMemoryUtilization is not set either.
	// +optional
	// +kubebuilder:validation:Minimum=1
	TargetCPUUtilization *int32 `json:"targetCPUUtilization,omitempty"`

	// Target for the average memory use, in percent of what resources.requests asks
	// for. If it is not set, memory is not considered.
	// +optional
	// +kubebuilder:validation:Minimum=1
	TargetMemoryUtilization *int32 `json:"targetMemoryUtilization,omitempty"`
}

// Volume is a volume and its mount in one.
//
// +kubebuilder:validation:XValidation:rule="[has(self.configMap), has(self.secret), has(self.emptyDir), has(self.persistentVolumeClaim)].exists_one(x, x)",message="a volume has exactly one source: set one of configMap, secret, emptyDir and persistentVolumeClaim"
type Volume struct {
	// Name of the volume, a DNS label.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name,omitempty"`

	// Path in the container at which the volume is mounted.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="!self.contains(':')",message="volumes[].mountPath must not hold a ':': choose another path"
	MountPath string `json:"mountPath,omitempty"`

	// Path inside the volume to mount instead of its root.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	SubPath string `json:"subPath,omitempty"`

	// Mounts the volume read-only. Defaults to false.
	// +optional
	ReadOnly bool `json:"readOnly,omitempty"` //nolint:kubeapilinter // as in core/v1 VolumeMount

	// Files from a ConfigMap.
	// +optional
	ConfigMap *corev1.ConfigMapVolumeSource `json:"configMap,omitempty"`

	// Files from a Secret.
	// +optional
	Secret *corev1.SecretVolumeSource `json:"secret,omitempty"`

	// A folder that is empty at first and exists as long as the pod.
	// +optional
	EmptyDir *corev1.EmptyDirVolumeSource `json:"emptyDir,omitempty"`

	// A PersistentVolumeClaim in this namespace.
	// +optional
	PersistentVolumeClaim *corev1.PersistentVolumeClaimVolumeSource `json:"persistentVolumeClaim,omitempty"`
}

// DisruptionBudget limits how many pods may be unavailable while nodes are drained.
//
// +kubebuilder:validation:XValidation:rule="[has(self.maxUnavailable), has(self.minAvailable), has(self.disabled) && self.disabled].filter(x, x).size() <= 1",message="disruptionBudget takes one of maxUnavailable, minAvailable and disabled: remove the others"
type DisruptionBudget struct {
	// Pods that may be unavailable: a number or a percentage. Defaults to 1.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:XValidation:rule="type(self) == string ? self.matches('^(100|[0-9]{1,2})%$') : self >= 0",message="disruptionBudget.maxUnavailable must be a number of pods, such as 1, or a percentage up to 100%"
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`

	// Pods that must stay available: a number or a percentage.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:XValidation:rule="type(self) == string ? self.matches('^(100|[0-9]{1,2})%$') : self >= 0",message="disruptionBudget.minAvailable must be a number of pods, such as 1, or a percentage up to 100%"
	MinAvailable *intstr.IntOrString `json:"minAvailable,omitempty"`

	// Creates no PodDisruptionBudget. Defaults to false.
	// +optional
	Disabled bool `json:"disabled,omitempty"` //nolint:kubeapilinter // a switch
}
