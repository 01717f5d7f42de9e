// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package configwatch_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/internal/configwatch"
	"github.com/appstack-dev/appstack/internal/model"
)

// newVault returns a cluster whose objects are read as Secrets.
func newVault(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t)
	c.Watcher = configwatch.NewSecrets(api{cluster: c}, reader{cluster: c}, c.clock)
	c.Start(t.Context(), func(stack types.NamespacedName) { c.changed <- stack })
	return c
}

// observed returns what is observed of Secret db.
func (c *cluster) observed() model.ObservedConfig {
	c.t.Helper()
	seen, err := c.Observe(c.t.Context(), shop, names("db"))
	if err != nil {
		c.t.Fatal(err)
	}
	return seen["db"]
}

// TestSecrets shows that the hash of a Secret tells whether its data has changed, and only to this process.
func TestSecrets(t *testing.T) {
	c := newVault(t)
	plain := c.set("db", "password")
	c.begin(shop, names("db"))
	first := c.observed()
	if first.Version != "uid-of-db/1" || first.Hash == plain || strings.Contains(first.Hash, "password") {
		t.Errorf("R36 observed %+v", first)
	}
	if *c.namespace != "default" {
		t.Errorf("R36 namespace %q is watched", *c.namespace)
	}
	c.set("db", "password")
	c.awaits(shop)
	if touched := c.observed(); touched.Version == first.Version || touched.Hash != first.Hash {
		t.Errorf("R36 after a change of other fields: %+v, before: %+v", touched, first)
	}
	c.set("db", "other")
	c.awaits(shop)
	if changed := c.observed(); changed.Hash == first.Hash {
		t.Errorf("R36 after a change of the data: %+v", changed)
	}

	another := newVault(t)
	another.set("db", "password")
	another.begin(shop, names("db"))
	if other := another.observed(); other.Hash == first.Hash || other.Version != first.Version {
		t.Errorf("R36 another process observes %+v, this one %+v", other, first)
	}
}

// TestWatchEnds shows that a namespace is watched only as long as a stack there names a Secret.
func TestWatchEnds(t *testing.T) {
	c := newVault(t)
	c.set("db", "password")
	c.begin(shop, names("db"))
	c.observed()
	if _, err := c.Observe(t.Context(), blog, names("db")); err != nil {
		t.Fatal(err)
	}
	c.Forget(shop)
	c.set("db", "other")
	c.awaits(blog) // it is still watched
	c.Forget(blog)
	select {
	case <-c.ended:
	case <-time.After(patience):
		t.Error("R36 the watch does not end")
	}
}

// TestDenied shows that stacks get to know that the API server denies the watch, and when it no longer does.
func TestDenied(t *testing.T) {
	c := newVault(t)
	c.listError = apierrors.NewForbidden(configMaps.GroupResource(), "", errors.New("no right"))
	if err := c.Denied("default"); err != nil {
		t.Errorf("R36 denied before anything is watched: %v", err)
	}
	if seen := c.observed(); seen.Version != "" {
		t.Errorf("R36 observed %+v before the list", seen)
	}
	close(c.list)
	c.awaits(shop)
	if err := c.Denied("default"); !apierrors.IsForbidden(err) {
		t.Errorf("R36 denied: %v", err)
	}
	c.mu.Lock()
	c.listError = errors.New("the API server is busy")
	c.mu.Unlock()
	for range 2 { // the first may have been answered before
		select {
		case <-c.lists:
		case <-time.After(patience):
			t.Fatal("R36 the list is not tried again")
		}
	}
	if err := c.Denied("default"); !apierrors.IsForbidden(err) {
		t.Errorf("R36 denied after another error: %v", err)
	}
	c.mu.Lock()
	c.listError = nil
	c.mu.Unlock()
	c.awaits(shop, shop) // the end of the denial, and the list
	if err := c.Denied("default"); err != nil {
		t.Errorf("R36 still denied: %v", err)
	}
}
