// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import (
	"slices"
	"time"
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
	// Source is the name of the copied ConfigMap.
	Source string `json:"source"`
	// Name is the name of the copy.
	Name string `json:"name"`
	// Hash is the hash of the content. AbsentHash means that the ConfigMap is optional and did not
	// exist, so there is no copy.
	Hash string `json:"hash"`
}

// ObservedConfig is what is known of a ConfigMap that a stack names.
type ObservedConfig struct {
	// Hash is the hash of the content; AbsentHash if the ConfigMap does not exist.
	Hash string
	// Version identifies the state of the object that has the content, by UID and resource
	// version; empty if the ConfigMap does not exist.
	Version string
	// ChangedAt is when the operator last observed a change of the object; zero if it has observed
	// none.
	ChangedAt time.Time
}

// ConfigState is the observed state of the ConfigMaps of a stack.
type ConfigState struct {
	// Live are the ConfigMaps that are never copied, because the spec says so.
	Live []string
	// Observed is what is known of the ConfigMaps that the stack names, by name; nil until they
	// have been observed.
	Observed map[string]ObservedConfig
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
	// Orphan says that the copy has no controller.
	Orphan bool
}

// IsLive reports whether pod templates reference the ConfigMap itself, not a copy.
func (c *ConfigState) IsLive(name string) bool {
	return name == clusterCA || slices.Contains(c.Live, name)
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
