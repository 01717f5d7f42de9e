// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ConfigMap is the content of a ConfigMap.
type ConfigMap struct {
	Data       map[string]string `json:"data,omitempty"`
	BinaryData map[string][]byte `json:"binaryData,omitempty"`
}

// Has reports whether the ConfigMap has the key.
func (c ConfigMap) Has(key string) bool {
	if _, found := c.Data[key]; found {
		return true
	}
	_, found := c.BinaryData[key]
	return found
}

// AbsentHash stands for the content of a ConfigMap that does not exist.
const AbsentHash = "absent"

// Hash returns the hash of the content, or AbsentHash if there is none.
func (c *ConfigMap) Hash() string {
	if c == nil {
		return AbsentHash
	}
	return Hash(c)
}

// ConfigCopy is a ConfigMap as a revision stores it: the pod templates name an immutable copy of
// it (R31). Its JSON form is stored, so fields are only ever added.
type ConfigCopy struct {
	// Source is the name of the copied ConfigMap, or stands for files: see FilesSource.
	Source string `json:"source"`
	// Name is the name of the copy.
	Name string `json:"name"`
	// Hash is the hash of the content. AbsentHash means that the ConfigMap is optional and did not
	// exist, so there is no copy.
	Hash string `json:"hash"`
}

// From describes the source, for messages.
func (c ConfigCopy) From() string {
	if component, files := strings.CutPrefix(c.Source, filesPrefix); files {
		return "the files of component " + component
	}
	return "ConfigMap " + c.Source
}

// filesPrefix marks a source that stands for the files of a component. No ConfigMap has such a name.
const filesPrefix = "files/"

// FilesSource returns the source of a component's files (R35): they are stored like the copy of a
// ConfigMap, but their content is in the spec.
func FilesSource(component string) string { return filesPrefix + component }

// IsFiles reports whether the source stands for the files of a component.
func IsFiles(source string) bool { return strings.HasPrefix(source, filesPrefix) }

// ObservedConfig is what is known of a ConfigMap that a stack names.
type ObservedConfig struct {
	// Hash is the hash of the content; AbsentHash if the ConfigMap does not exist.
	Hash string
	// Version identifies the state of the object that has the content, by UID and resource
	// version; empty if the ConfigMap does not exist.
	Version string
	// Writer is the field manager that last changed the object; empty if it is not known.
	Writer string
	// ChangedAt is when the operator last observed a change of the object; zero if it has observed
	// none.
	ChangedAt time.Time
}

// VersionOf identifies the state of an object, by UID and resource version: another object of the same name
// has another version.
func VersionOf(object metav1.Object) string {
	return string(object.GetUID()) + "/" + object.GetResourceVersion()
}

// ConfigState is the observed state of the ConfigMaps of a stack.
type ConfigState struct {
	// AllLive says that no ConfigMap is copied, because the spec says so, and Live are those that
	// are not if it is false.
	AllLive bool
	Live    []string
	// Observed is what is known of the ConfigMaps that the stack names, by name; nil until they
	// have been observed.
	Observed map[string]ObservedConfig
	// Unread says that ConfigMaps could not be read, so Observed is nil. They are read again soon.
	Unread bool
	// Deferred says that a change of them is not released by itself.
	Deferred bool
	// SpecSince is when the operator first observed the current spec.
	SpecSince time.Time
	// ChangedSince is when the operator first observed the current difference between them and the
	// stack's revision; zero if there is none.
	ChangedSince time.Time
	// Copies are the existing copies of ConfigMaps, by name.
	Copies map[string]ExistingCopy
}

// ExistingCopy is an existing copy of a ConfigMap. Its content is not read, because it is
// immutable.
type ExistingCopy struct {
	ObjectID
	CreatedAt time.Time
	// Orphan says that the copy has no controller.
	Orphan bool
}

// Note updates Observed with ConfigMaps that were read since. It reports whether this changed
// anything.
func (c *ConfigState) Note(answers Answers) (changed bool) {
	if c == nil || c.Observed == nil {
		return false
	}
	for name, config := range answers.Config {
		if known, found := c.Observed[name]; found && known.Hash != config.Hash() {
			known.Hash, known.Version = config.Hash(), answers.ConfigVersions[name]
			c.Observed[name], changed = known, true
		}
	}
	return changed
}

// IsLive reports whether pod templates reference the ConfigMap itself, not a copy.
func (c *ConfigState) IsLive(name string) bool {
	return c.AllLive || name == clusterCA || slices.Contains(c.Live, name)
}

// Releasable returns what is observed of the ConfigMaps whose changes are released; nil if that is
// not known, or if none are.
func (c *ConfigState) Releasable() map[string]ObservedConfig {
	if c == nil || c.Deferred || c.Observed == nil {
		return nil
	}
	observed := maps.Clone(c.Observed)
	maps.DeleteFunc(observed, func(name string, _ ObservedConfig) bool { return c.IsLive(name) })
	return observed
}

// clusterCA is the ConfigMap that Kubernetes puts into every namespace, with the certificate of the
// API server. Pods need the current one.
const clusterCA = "kube-root-ca.crt"

// ConfigTimes are when releases for changed ConfigMaps started, oldest first.
type ConfigTimes []time.Time

// Within returns those of the times that are less than the duration ago.
func (t ConfigTimes) Within(d time.Duration, now time.Time) ConfigTimes {
	return slices.DeleteFunc(slices.Clone(t), func(at time.Time) bool { return now.Sub(at) >= d })
}
