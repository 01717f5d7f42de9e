// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package model

import "time"

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
	// Hash is the hash of the content. With AbsentHash the ConfigMap is optional, did not exist,
	// and neither does the copy.
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
