// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package packedcache

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// kind is a cached kind of object.
type kind struct {
	// name is the name of the kind; empty for stacks.
	name model.Kind
	// resource identifies the kind in the API.
	resource schema.GroupVersionResource
	// fresh returns an empty object of the kind.
	fresh func() client.Object
	// selector selects the objects to cache.
	selector labels.Selector
	// metadata reports whether only the metadata of the objects is read.
	metadata bool
	// optional reports whether the cluster may lack the API.
	optional bool
	*packer
}

// samples are typical objects of each kind, used as compression dictionaries: parts of an object
// that are also in the sample take almost no space.
//
//go:embed samples/*.json
var samples embed.FS

// stackResource identifies stacks in the API.
var stackResource = v1alpha1.GroupVersion.WithResource("appstacks")

// newKinds returns the stack kind and the kinds of the objects that belong to stacks, selected by a
// label.
func newKinds() ([]*kind, error) {
	ofStacks, err := labels.NewRequirement(naming.LabelStack, selection.Exists, nil)
	if err != nil {
		return nil, fmt.Errorf("building the selector: %w", err)
	}
	belonging := labels.NewSelector().Add(*ofStacks)
	kept := []*kind{
		{resource: stackResource, fresh: func() client.Object { return &v1alpha1.AppStack{} }, selector: labels.Everything()},
	}
	for _, k := range append([]*kinds.Kind{kinds.Revisions, kinds.Copies}, kinds.All...) {
		kept = append(kept, ofTable(k, belonging))
	}
	for _, k := range kept {
		if err := k.prepare(); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// ofTable returns the cached kind for an entry of the table of kinds.
func ofTable(k *kinds.Kind, selector labels.Selector) *kind {
	fresh := func() client.Object { return k.New() }
	if k.MetadataOnly {
		fresh = func() client.Object { return &metav1.PartialObjectMetadata{} }
	}
	return &kind{
		name: k.Name, resource: k.Resource, fresh: fresh, selector: selector, metadata: k.MetadataOnly, optional: k.Optional,
	}
}

// prepare reads the sample of the kind.
func (k *kind) prepare() error {
	sample, err := k.sample()
	if err != nil {
		return err
	}
	k.packer = newPacker(sample)
	return nil
}

// sample returns the sample of the kind, encoded like the objects to compress.
func (k *kind) sample() ([]byte, error) {
	raw, err := samples.ReadFile("samples/" + k.resource.Resource + ".json")
	if err != nil {
		return nil, fmt.Errorf("reading the sample of %s: %w", k.resource.Resource, err)
	}
	var compact bytes.Buffer // like the JSON that the operator stores in revisions
	if err := json.Compact(&compact, raw); err != nil {
		return nil, fmt.Errorf("reading the sample of %s: %w", k.resource.Resource, err)
	}
	object := k.fresh()
	if err := json.Unmarshal(compact.Bytes(), object); err != nil {
		return nil, fmt.Errorf("reading the sample of %s: %w", k.resource.Resource, err)
	}
	return encode(object)
}

// pack returns the object compressed, without its managed fields. It modifies the object, so the
// caller must not use it afterwards.
func (k *kind) pack(object client.Object) (string, error) {
	object.SetManagedFields(nil)
	raw, err := encode(object)
	if err != nil {
		return "", err
	}
	return k.deflate(raw)
}

// unpack returns the object that pack compressed.
func (k *kind) unpack(packed string) (client.Object, error) {
	object := k.fresh()
	if err := k.inflate(packed, func(raw []byte) error { return decode(raw, object) }); err != nil {
		return nil, fmt.Errorf("unpacking one of the %s: %w", k.resource.Resource, err)
	}
	return object, nil
}
