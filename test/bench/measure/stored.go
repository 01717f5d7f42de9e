// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package measure

import (
	"context"
	"fmt"
	"strings"

	"github.com/appstack-dev/appstack/test/bench/cluster"
	"github.com/appstack-dev/appstack/test/bench/contender"
	"github.com/appstack-dev/appstack/test/bench/result"
)

var stored = Measure{
	Name: "stored",
	Doc:  "the bytes in etcd of a stack that was updated again and again",
	Plan: func(Scale) []result.Key { return alone("stored", 1, 1) },
	Run:  runStored,
}

func runStored(ctx context.Context, scale Scale, on *cluster.Cluster, sample *result.Sample) error {
	who := contender.AppStack{}
	apps, program, err := begin(ctx, on, who)
	if err != nil {
		return err
	}
	app := names(1)
	image := func(n int) string { return fmt.Sprintf("my-app:%d", n) }
	if err := who.Create(ctx, apps.kube, app[0], image(0)); err != nil {
		return err
	}
	mark, err := on.Mark()
	if err != nil {
		return err
	}
	for n := range scale.Updates + 1 {
		if n > 0 {
			if err := who.Update(ctx, apps.kube, app[0], image(n)); err != nil {
				return err
			}
		}
		if err := apps.runs(ctx, app, image(n)); err != nil {
			return err
		}
		if _, err := on.Settle(ctx, mark, who.Agent()); err != nil {
			return err
		}
	}
	own := map[string]bool{"appstacks": true, "controllerrevisions": true, "deployments": true, "services": true}
	sizes, err := on.Stored(ctx, func(resource, name string) bool {
		return own[resource] && (name == app[0] || strings.HasPrefix(name, app[0]+"-"))
	})
	if err != nil {
		return err
	}
	var total int64
	for resource, size := range sizes {
		sample.Values["stored."+resource+".bytes"] = float64(size)
		total += size
	}
	sample.Values["stored.bytes"] = float64(total)
	// the largest revision, with content and record
	one, err := on.Stored(ctx, func(resource, name string) bool {
		return resource == "controllerrevisions" && name == fmt.Sprintf("%s-%d", app[0], scale.Updates+1)
	})
	if err != nil {
		return err
	}
	sample.Values["revision.bytes"] = float64(one["controllerrevisions"])
	return program.Stop()
}
