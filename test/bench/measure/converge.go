// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package measure

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/appstack-dev/appstack/test/bench/cluster"
	"github.com/appstack-dev/appstack/test/bench/contender"
	"github.com/appstack-dev/appstack/test/bench/result"
)

var converge = Measure{
	Name: "converge",
	Doc: "how long it takes until so many apps run, then run another image, then the first again; " +
		"the requests, the processor time and the memory for that",
	Plan: planConverge,
	Run:  runConverge,
}

// planConverge alternates between the contenders, and starts each trial with a different one.
func planConverge(scale Scale) []result.Key {
	var keys []result.Key
	contenders := contender.All()
	for trial, more := 1, true; more; trial++ {
		more = false
		for _, group := range scale.Converged {
			if trial > group.Trials {
				continue
			}
			more = true
			for i := range contenders {
				keys = append(keys, result.Key{
					Measure: "converge", Setting: group.Setting, Size: group.Stacks, Trial: trial,
					Contender: contenders[(i+trial)%len(contenders)].Name(),
				})
			}
		}
	}
	return keys
}

const (
	firstImage  = "my-app:1"
	secondImage = "my-app:2"
)

func runConverge(ctx context.Context, scale Scale, on *cluster.Cluster, sample *result.Sample) error {
	who, err := contenderOf(sample.Contender)
	if err != nil {
		return err
	}
	apps, program, err := begin(ctx, on, who)
	if err != nil {
		return err
	}
	phases := []phase{
		{"create", firstImage, func(ctx context.Context, name string) error {
			return who.Create(ctx, apps.kube, name, firstImage)
		}},
		{"update", secondImage, func(ctx context.Context, name string) error {
			return who.Update(ctx, apps.kube, name, secondImage)
		}},
	}
	if who.Name() == (contender.AppStack{}).Name() {
		phases = append(phases, phase{"rollback", firstImage, func(ctx context.Context, name string) error {
			return contender.Change(ctx, apps.kube, name, `{"spec":{"rollback":{"toRevision":1}}}`)
		}})
	}
	if slices.ContainsFunc(scale.Converged, func(c Converged) bool {
		return c.CreateOnly && c.Setting == sample.Setting && c.Stacks == sample.Size
	}) {
		phases = phases[:1]
	}
	for _, phase := range phases {
		if err := phase.run(ctx, on, apps, who, program, sample); err != nil {
			return err
		}
	}
	if program == nil {
		return nil
	}
	held, err := program.Memory()
	if err != nil {
		return err
	}
	sample.Values["peak.bytes"] = float64(held.Peak)
	return program.Stop()
}

// begin watches the apps of the cluster, and starts the contender.
func begin(ctx context.Context, on *cluster.Cluster, who contender.Contender) (*fleet, *contender.Program, error) {
	apps, err := watch(ctx, on)
	if err != nil {
		return nil, nil, err
	}
	program, err := startReady(ctx, on, who)
	return apps, program, err
}

// startReady starts the contender, and waits until it has listed the existing objects.
func startReady(ctx context.Context, on *cluster.Cluster, who contender.Contender) (*contender.Program, error) {
	mark, err := on.Mark()
	if err != nil {
		return nil, err
	}
	program, err := who.Start(ctx, on)
	if err != nil || program == nil {
		return nil, err
	}
	for {
		requests, err := on.Settle(ctx, mark, who.Agent())
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(requests, cluster.Request.Lists) {
			return program, nil
		}
	}
}

// phase is a change of all apps.
type phase struct {
	name string
	// image is the image at the end of the phase.
	image string
	ask   func(ctx context.Context, name string) error
}

func (p phase) run(
	ctx context.Context, on *cluster.Cluster, apps *fleet, who contender.Contender, program *contender.Program, sample *result.Sample,
) error {
	all := names(sample.Size)
	mark, err := on.Mark()
	if err != nil {
		return err
	}
	before, err := processorTimes(on, program)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := each(ctx, all, p.ask); err != nil {
		return err
	}
	sample.Values[p.name+".asked.seconds"] = time.Since(began).Seconds()
	if err := apps.runs(ctx, all, p.image); err != nil {
		return err
	}
	sample.Values[p.name+".seconds"] = time.Since(began).Seconds()
	requests, err := on.Settle(ctx, mark, who.Agent())
	if err != nil {
		return err
	}
	after, err := processorTimes(on, program)
	if err != nil {
		return err
	}
	for name, time := range after {
		sample.Values[p.name+".cpu."+name+".seconds"] = (time - before[name]).Seconds()
	}
	count(sample, p.name, requests)
	return nil
}

// count counts requests: writes including rejected ones, dry runs, events and reads, and also each
// verb and resource.
func count(sample *result.Sample, prefix string, requests []cluster.Request) {
	counts := map[string]int{}
	var writes, trials, events, reads, children, failed float64
	for _, request := range requests {
		switch {
		case request.Lease():
			continue
		case request.Event():
			events++
		case request.Trial():
			trials++
		case request.Write():
			writes++
		case request.Verb == "watch":
			if !request.Lists() {
				continue
			}
			reads++
		default:
			reads++
			if slices.Contains([]string{"deployments", "services"}, request.ObjectRef.Resource) {
				children++
			}
		}
		if request.Failed() && request.Write() {
			failed++
		}
		counts[request.What()]++
	}
	sample.Values[prefix+".writes"], sample.Values[prefix+".trials"], sample.Values[prefix+".events"] = writes, trials, events
	sample.Values[prefix+".reads"], sample.Values[prefix+".reads.children"] = reads, children
	sample.Values[prefix+".refused"] = failed
	sample.Counts[prefix] = counts
}

// processorTimes returns the CPU times of the control plane's programs and of the contender, by name.
func processorTimes(on *cluster.Cluster, program *contender.Program) (map[string]time.Duration, error) {
	processes := map[string]cluster.Process{}
	for _, name := range []string{cluster.Etcd, cluster.APIServer, cluster.ControllerManager} {
		process, err := on.Process(name)
		if err != nil {
			return nil, err
		}
		processes[name] = process
	}
	if program != nil {
		processes["contender"] = program.Process
	}
	times := map[string]time.Duration{}
	for name, process := range processes {
		used, err := process.CPU()
		if err != nil {
			return nil, err
		}
		times[name] = used
	}
	return times, nil
}

func contenderOf(name string) (contender.Contender, error) {
	for _, who := range contender.All() {
		if who.Name() == name {
			return who, nil
		}
	}
	return nil, fmt.Errorf("there is no contender %q", name)
}
