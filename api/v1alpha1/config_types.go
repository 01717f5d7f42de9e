// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package v1alpha1

// File is a file that a container gets.
type File struct {
	// Absolute path of the file in the container, without ':', '.' and '..'. Other
	// files of its folder stay.
	// +required
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^(/([^/:.][^/:]*|\.[^/:.][^/:]*|\.\.[^/:]+))+$`
	Path string `json:"path,omitempty"`

	// Content of the file, at most 32768 characters. Defaults to an empty file.
	// +optional
	// +kubebuilder:validation:MaxLength=32768
	Content string `json:"content,omitempty"`

	// Permissions of the file, 0 to 511 (0777 in YAML). Defaults to 420 (0644).
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=511
	Mode *int32 `json:"mode,omitempty"`
}

// ConfigPolicy is how the ConfigMaps that pods use are released. It is not part of a
// revision: changing it affects the next revision only, and replaces no pod.
type ConfigPolicy struct {
	// What a change of a ConfigMap does. Release (the default) releases it as a new
	// revision, with all that a release has: a changed ConfigMap can fail, and is rolled
	// back. NextRelease lets it wait for the next release. Live copies no ConfigMap from
	// the next revision on: pods use the ConfigMap itself, and a rollback does not
	// restore it.
	// +optional
	OnChange ConfigChange `json:"onChange,omitempty"`

	// Names of ConfigMaps that stay live, for example because the app writes them
	// itself. kube-root-ca.crt always does. At most 50.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Live []string `json:"live,omitempty"`
}

// ConfigChange is what a change of a ConfigMap does.
//
// +kubebuilder:validation:Enum=Release;NextRelease;Live
type ConfigChange string

// What a change of a ConfigMap does.
const (
	ConfigChangeRelease     ConfigChange = "Release"
	ConfigChangeNextRelease ConfigChange = "NextRelease"
	ConfigChangeLive        ConfigChange = "Live"
)
