// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package measure

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/test/bench/cluster"
	"github.com/appstack-dev/appstack/test/bench/contender"
	"github.com/appstack-dev/appstack/test/bench/result"
)

var config = Measure{
	Name: "config",
	Doc: "what two ConfigMaps for each of so many stacks cost: memory, requests for a release, requests while nothing changes; " +
		"and what ConfigMaps cost that no stack uses",
	Plan: func(scale Scale) []result.Key { return alone("config", scale.Settled, 1) },
	Run:  runConfig,
}

// released is how many stacks are released to count the requests of a release.
const released = 50

func runConfig(ctx context.Context, scale Scale, on *cluster.Cluster, sample *result.Sample) error {
	apps, err := watch(ctx, on)
	if err != nil {
		return err
	}
	c := &configured{fleet: apps, managers: managers{on: on}, sample: sample, names: names(scale.Settled)}
	if err := c.begin(ctx); err != nil {
		return err
	}
	if err := apps.create(ctx, on, c.names); err != nil {
		return err
	}
	for _, phase := range []struct {
		name string
		// prepare leads to the phase.
		prepare func(context.Context) error
		// change is what is released.
		change func(ctx context.Context, name, value string) error
	}{
		{"without", nil, c.changeSpec},
		{"with", c.useConfig, c.changeConfig},
		{"foreign", func(ctx context.Context) error {
			return spends(c.manager.Program, sample, "foreign.made", func() error {
				return each(ctx, names(scale.Foreign), func(ctx context.Context, name string) error {
					return putConfig(ctx, apps.kube, "foreign-"+name, contender.NamespaceOf(name), "a")
				})
			})
		}, nil},
	} {
		if phase.prepare != nil {
			if err := phase.prepare(ctx); err != nil {
				return fmt.Errorf("%s: %w", phase.name, err)
			}
		}
		if err := c.measure(ctx, scale, phase.name, phase.change); err != nil {
			return fmt.Errorf("%s: %w", phase.name, err)
		}
	}
	return c.manager.Stop()
}

// configured are stacks without and with ConfigMaps.
type configured struct {
	*fleet
	managers managers
	manager  manager
	sample   *result.Sample
	names    []string
}

// begin starts the operator.
func (c *configured) begin(ctx context.Context) error {
	var err error
	if c.manager, err = c.managers.start(ctx); err != nil {
		return err
	}
	return c.manager.leads(ctx)
}

// useConfig makes each stack use two ConfigMaps.
func (c *configured) useConfig(ctx context.Context) error {
	err := each(ctx, c.names, func(ctx context.Context, name string) error {
		for _, suffix := range []string{"-env", "-web"} {
			if err := putConfig(ctx, c.kube, name+suffix, contender.NamespaceOf(name), "a"); err != nil {
				return err
			}
		}
		return contender.Change(ctx, c.kube, name,
			fmt.Sprintf(`{"spec":{"envFrom":[{"configMapRef":{"name":"%[1]s-env"}},{"configMapRef":{"name":"%[1]s-web"}}]}}`, name))
	})
	if err != nil {
		return err
	}
	return c.settles(ctx)
}

// changeSpec changes the spec of a stack.
func (c *configured) changeSpec(ctx context.Context, name, value string) error {
	return contender.Change(ctx, c.kube, name, fmt.Sprintf(`{"spec":{"env":[{"name":"VALUE","value":%q}]}}`, value))
}

// changeConfig changes both ConfigMaps of a stack.
func (c *configured) changeConfig(ctx context.Context, name, value string) error {
	for _, suffix := range []string{"-env", "-web"} {
		if err := putConfig(ctx, c.kube, name+suffix, contender.NamespaceOf(name), value); err != nil {
			return err
		}
	}
	return nil
}

// settles waits until the operator has nothing more to do, and the stacks are ready.
func (c *configured) settles(ctx context.Context) error {
	mark, err := c.managers.on.Mark()
	if err != nil {
		return err
	}
	if _, err := c.managers.on.Settle(ctx, mark, contender.AppStack{}.Agent()); err != nil {
		return err
	}
	return c.ready(ctx, c.names)
}

// measure counts the requests of releases and of a time without changes, and measures the memory of a
// manager that starts.
func (c *configured) measure(
	ctx context.Context, scale Scale, phase string, change func(ctx context.Context, name, value string) error,
) error {
	on, agent := c.managers.on, contender.AppStack{}.Agent()
	if change != nil {
		mark, err := on.Mark()
		if err != nil {
			return err
		}
		some := c.names[:min(released, len(c.names))]
		if err := each(ctx, some, func(ctx context.Context, name string) error { return change(ctx, name, "b") }); err != nil {
			return err
		}
		// the release of a changed ConfigMap begins when there was no change for a while
		if err := wait(ctx, gathering); err != nil {
			return err
		}
		requests, err := on.Settle(ctx, mark, agent)
		if err != nil {
			return err
		}
		count(c.sample, phase, requests)
		c.sample.Values[phase+".releases"] = float64(len(some))
	}
	if err := c.manager.Stop(); err != nil {
		return err
	}
	for range scale.Restarts {
		if err := c.begin(ctx); err != nil {
			return err
		}
		if err := c.settles(ctx); err != nil {
			return err
		}
		held, err := c.manager.memory(ctx)
		if err != nil {
			return err
		}
		c.sample.Repeat(phase+".resident.bytes", float64(held.Resident))
		c.sample.Repeat(phase+".anonymous.bytes", float64(held.Anonymous))
		if err := c.manager.Stop(); err != nil {
			return err
		}
	}
	if err := c.begin(ctx); err != nil {
		return err
	}
	if err := c.settles(ctx); err != nil {
		return err
	}
	mark, err := on.Mark()
	if err != nil {
		return err
	}
	if err := spends(c.manager.Program, c.sample, phase+".idle", func() error { return wait(ctx, scale.Idle) }); err != nil {
		return err
	}
	requests, err := on.Requests(mark, agent)
	if err != nil {
		return err
	}
	count(c.sample, phase+".idle", requests)
	return nil
}

// gathering is longer than changes of ConfigMaps are gathered.
const gathering = 6 * time.Second

// putConfig creates or changes a ConfigMap of a kilobyte.
func putConfig(ctx context.Context, kube client.Client, name, namespace, value string) error {
	data := map[string]string{"VALUE": value, "text": strings.Repeat("x", 1024)}
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data}
	err := kube.Create(ctx, object)
	if apierrors.IsAlreadyExists(err) {
		err = kube.Update(ctx, object)
	}
	if err != nil {
		return fmt.Errorf("writing ConfigMap %s: %w", name, err)
	}
	return nil
}
