// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package configwatch

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/tools/cache"

	"github.com/appstack-dev/appstack/internal/model"
)

// store keeps the version of every object of the kind, and what is known of those that a stack names.
// A reflector fills it.
type store struct {
	now     func() time.Time
	changed func(types.NamespacedName)
	// stop ends the watch.
	stop context.CancelFunc

	mu     sync.Mutex
	listed bool
	// denied is the error with which the API server denies the list or the watch; nil if it does not.
	denied   error
	versions map[types.NamespacedName]string
	entries  map[types.NamespacedName]*entry
}

// entry is an object that stacks name.
type entry struct {
	stacks []types.NamespacedName
	// known is what was last read of it; nil if that may be outdated.
	known *model.ObservedConfig
	// version is that of known, also after known is outdated.
	version string
	// events counts the changes that were observed, and changedAt is when the last one was.
	events    int
	changedAt time.Time
}

var _ cache.TransformingStore = &store{}

func newStore(now func() time.Time, changed func(types.NamespacedName)) *store {
	return &store{
		now: now, changed: changed,
		versions: map[types.NamespacedName]string{}, entries: map[types.NamespacedName]*entry{},
	}
}

func (s *store) isListed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listed
}

// answered records whether the API server denies the watch. A change of that is news to all stacks.
func (s *store) answered(err error) {
	if err != nil && !apierrors.IsForbidden(err) {
		return // a retry may get another answer
	}
	s.mu.Lock()
	news := sets.New[types.NamespacedName]()
	if (s.denied == nil) != (err == nil) {
		for _, one := range s.entries {
			news.Insert(one.stacks...)
		}
	}
	s.denied = err
	s.mu.Unlock()
	s.report(news.UnsortedList())
}

func (s *store) denial() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.denied
}

// follow changes which objects the stack names. It reports whether no stack names any now.
func (s *store) follow(stack types.NamespacedName, before, names []string) (unused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range before {
		key := types.NamespacedName{Namespace: stack.Namespace, Name: name}
		if slices.Contains(names, name) {
			continue
		}
		one := s.entries[key]
		one.stacks = slices.DeleteFunc(one.stacks, func(other types.NamespacedName) bool { return other == stack })
		if len(one.stacks) == 0 {
			delete(s.entries, key)
		}
	}
	for _, name := range names {
		key := types.NamespacedName{Namespace: stack.Namespace, Name: name}
		if slices.Contains(before, name) {
			continue
		}
		if s.entries[key] == nil {
			s.entries[key] = &entry{}
		}
		s.entries[key].stacks = append(s.entries[key].stacks, stack)
	}
	return len(s.entries) == 0
}

// get returns what is known of the object, or nil if it has to be read, with the number of
// changes so far. recorded is what it was at an earlier time.
func (s *store) get(key types.NamespacedName, recorded model.ObservedConfig) (known *model.ObservedConfig, events int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.entries[key]
	version := s.versions[key]
	switch {
	case one.known != nil:
	case version == "":
		one.know(model.ObservedConfig{Hash: model.AbsentHash})
	case version == recorded.Version:
		one.know(model.ObservedConfig{Hash: recorded.Hash, Version: version})
	}
	return one.known, one.events
}

// eventsOf returns the number of changes of the object so far; found is false if no stack names it.
func (s *store) eventsOf(key types.NamespacedName) (events int, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.entries[key]
	if one == nil {
		return 0, false
	}
	return one.events, true
}

// put stores what was read of the object, and returns it. It stays outdated if the object has
// changed since there were that many events.
func (s *store) put(key types.NamespacedName, events int, read model.ObservedConfig) *model.ObservedConfig {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.entries[key]
	if one == nil {
		return &read // no stack names it any more
	}
	one.know(read)
	known := one.known
	if one.events != events {
		one.known = nil
	}
	return known
}

func (e *entry) know(observed model.ObservedConfig) {
	observed.ChangedAt = e.changedAt
	e.known, e.version = &observed, observed.Version
}

// observe records the version of an object; empty if it does not exist. It returns the stacks to
// which that is news. The caller holds the lock.
func (s *store) observe(key types.NamespacedName, version string) []types.NamespacedName {
	one := s.entries[key]
	if one == nil || one.version == version {
		return nil
	}
	one.known, one.version = nil, version
	one.events, one.changedAt = one.events+1, s.now()
	return slices.Clone(one.stacks)
}

func (s *store) report(stacks []types.NamespacedName) {
	for _, stack := range stacks {
		s.changed(stack)
	}
}

// Add implements cache.ReflectorStore.
func (s *store) Add(object any) error { return s.Update(object) }

// Update implements cache.ReflectorStore.
func (s *store) Update(object any) error {
	key, version, err := keyOf(object)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.versions[key] = version
	news := s.observe(key, version)
	s.mu.Unlock()
	s.report(news)
	return nil
}

// Delete implements cache.ReflectorStore.
func (s *store) Delete(object any) error {
	key, _, err := keyOf(object)
	if err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.versions, key)
	news := s.observe(key, "")
	s.mu.Unlock()
	s.report(news)
	return nil
}

// Replace implements cache.ReflectorStore: the objects are the complete list.
func (s *store) Replace(objects []any, _ string) error {
	versions := make(map[types.NamespacedName]string, len(objects))
	for _, object := range objects {
		key, version, err := keyOf(object)
		if err != nil {
			return err
		}
		versions[key] = version
	}
	s.mu.Lock()
	first := !s.listed
	s.versions, s.listed = versions, true
	news := sets.New[types.NamespacedName]()
	for key, one := range s.entries {
		if first {
			news.Insert(one.stacks...)
		} else {
			news.Insert(s.observe(key, versions[key])...)
		}
	}
	s.mu.Unlock()
	s.report(news.UnsortedList())
	return nil
}

// Resync implements cache.ReflectorStore. It does nothing.
func (s *store) Resync() error { return nil }

// Transformer implements cache.TransformingStore. It drops all but the name and the version of each
// object as it arrives, so that the initial ones are never all in memory in full.
func (s *store) Transformer() cache.TransformFunc {
	return func(object any) (any, error) {
		if about, ok := object.(*metav1.PartialObjectMetadata); ok {
			return reduce(about)
		}
		return object, nil
	}
}

// reduce returns the object with nothing but its name and its version.
func reduce(object runtime.Object) (runtime.Object, error) {
	about, ok := object.(*metav1.PartialObjectMetadata)
	if !ok {
		return nil, unexpected(object)
	}
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: about.Namespace, Name: about.Name, UID: about.UID, ResourceVersion: about.ResourceVersion,
	}}, nil
}

func keyOf(object any) (types.NamespacedName, string, error) {
	about, ok := object.(*metav1.PartialObjectMetadata)
	if !ok {
		return types.NamespacedName{}, "", unexpected(object)
	}
	return types.NamespacedName{Namespace: about.Namespace, Name: about.Name}, model.VersionOf(about), nil
}

func unexpected(object any) error { return fmt.Errorf("a %T among the metadata of objects", object) }
