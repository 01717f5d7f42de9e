// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package kinds

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

// configuration is the common interface of the generated apply configurations.
type configuration[T any] interface {
	comparable
	runtime.ApplyConfiguration
	WithAnnotations(map[string]string) T
	WithUID(types.UID) T
}

// appliedChild returns a child that is written by server-side apply, which preserves what
// others own in it (R28); nil if the component needs none. takesPorts reports whether ports of
// others are in the way; it is nil for kinds without ports.
func appliedChild[T configuration[T]](
	in In, kind model.Kind, config T, takesPorts func(in In, config T, live metav1.Object) bool,
) *Child {
	var none T
	if config == none {
		return nil
	}
	name, hash := naming.Object(in.State.Stack.Name, in.Component.Name), model.Hash(config)
	config.WithAnnotations(map[string]string{naming.AnnotationConfigHash: hash})
	write := model.WriteChild{ObjectID: model.ObjectID{Kind: kind, Name: name}, Hash: hash}
	form := model.Applied{Config: config}
	live := in.State.Children.Find(kind, name)
	if live == nil {
		write.Form = form
		return &Child{Write: write}
	}
	drift := appliedDrift(config, live)
	form.TakesPorts = takesPorts != nil && takesPorts(in, config, live)
	write.UID, write.ResourceVersion, write.Form = live.GetUID(), live.GetResourceVersion(), form
	config.WithUID(write.UID)
	return &Child{Write: write, Live: live, Drift: drift}
}

// specOf returns a function that returns the spec of an object of type T, and nil for other
// types.
func specOf[T metav1.Object](spec func(T) any) func(metav1.Object) any {
	return func(object metav1.Object) any {
		if typed, ok := object.(T); ok {
			return spec(typed)
		}
		return nil
	}
}
