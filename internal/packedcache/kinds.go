// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package packedcache

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/kinds"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// kind is a kind of object that is kept.
type kind struct {
	// name is that of the kind; empty for stacks.
	name model.Kind
	// resource is what the API calls it.
	resource schema.GroupVersionResource
	// fresh makes an empty object of the kind.
	fresh func() client.Object
	// selector chooses the objects that are kept.
	selector labels.Selector
	// optional says that the API may be missing.
	optional bool
	*packer
}

// samples show what objects of each kind look like. Much of any other is in them
// too, word for word, and takes next to no room then.
//
//go:embed samples/*.json
var samples embed.FS

// stackResource is what the API calls stacks.
var stackResource = v1alpha1.GroupVersion.WithResource("appstacks")

// newKinds are stacks, and the kinds of what belongs to them, which is told by a label.
func newKinds() ([]*kind, error) {
	ofStacks, err := labels.NewRequirement(naming.LabelStack, selection.Exists, nil)
	if err != nil {
		return nil, fmt.Errorf("building the selector: %w", err)
	}
	belonging := labels.NewSelector().Add(*ofStacks)
	kept := []*kind{
		{resource: stackResource, fresh: func() client.Object { return &v1alpha1.AppStack{} }, selector: labels.Everything()},
	}
	for _, k := range append([]*kinds.Kind{kinds.Revisions}, kinds.All...) {
		kept = append(kept, &kind{
			name: k.Name, resource: k.Resource, fresh: func() client.Object { return k.New() }, selector: belonging, optional: k.Optional,
		})
	}
	for _, k := range kept {
		sample, err := k.sample()
		if err != nil {
			return nil, err
		}
		k.packer = newPacker(sample)
	}
	return kept, nil
}

// sample is that of the kind, in the form in which objects of it are packed.
func (k *kind) sample() ([]byte, error) {
	raw, err := samples.ReadFile("samples/" + k.resource.Resource + ".json")
	if err != nil {
		return nil, fmt.Errorf("reading the sample of %s: %w", k.resource.Resource, err)
	}
	var compact bytes.Buffer // as the operator writes what a revision holds
	if err := json.Compact(&compact, raw); err != nil {
		return nil, fmt.Errorf("reading the sample of %s: %w", k.resource.Resource, err)
	}
	object := k.fresh()
	if err := json.Unmarshal(compact.Bytes(), object); err != nil {
		return nil, fmt.Errorf("reading the sample of %s: %w", k.resource.Resource, err)
	}
	return encode(object)
}

// pack is the object, packed, without what nobody reads. It must not be used any more.
func (k *kind) pack(object client.Object) (string, error) {
	object.SetManagedFields(nil)
	raw, err := encode(object)
	if err != nil {
		return "", err
	}
	return k.deflate(raw)
}

// unpack is an object as it was packed.
func (k *kind) unpack(packed string) (client.Object, error) {
	object := k.fresh()
	if err := k.inflate(packed, func(raw []byte) error { return decode(raw, object) }); err != nil {
		return nil, fmt.Errorf("unpacking one of the %s: %w", k.resource.Resource, err)
	}
	return object, nil
}
