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

// configuration is what the generated apply configurations have in common.
type configuration[T any] interface {
	comparable
	runtime.ApplyConfiguration
	WithAnnotations(map[string]string) T
	WithUID(types.UID) T
}

// appliedChild is a child that is written by server-side apply, if there is to be one:
// what others own in it stays (R28). The function takesPorts is nil where no ports can
// be in the way.
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

// specOf reads the spec of objects of one type.
func specOf[T metav1.Object](spec func(T) any) func(metav1.Object) any {
	return func(object metav1.Object) any {
		if typed, ok := object.(T); ok {
			return spec(typed)
		}
		return nil
	}
}
