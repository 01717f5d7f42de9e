// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package measure

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"slices"
	"syscall"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/bench/cluster"
	"github.com/appstack-dev/appstack/test/bench/contender"
	"github.com/appstack-dev/appstack/test/bench/result"
)

var memory = Measure{
	Name: "memory",
	Doc: "what leader and standby hold with so many stacks, each with a history, after changes and a garbage collection; " +
		"how much while all are released at once; and with the most of them how soon one takes over from the other",
	Plan: func(scale Scale) []result.Key { return alone("memory", slices.Max(scale.Memory), 1) },
	Run:  runMemory,
}

// churned is how many stacks change before the memory is measured.
const churned = 200

func runMemory(ctx context.Context, scale Scale, on *cluster.Cluster, sample *result.Sample) error {
	apps, err := watch(ctx, on)
	if err != nil {
		return err
	}
	pair := &pair{managers: managers{on: on}}
	var seed *history
	known := 0
	for _, size := range scale.Memory {
		if size > 0 && seed == nil {
			if err := pair.start(ctx); err != nil {
				return err
			}
			if seed, err = recordHistory(ctx, on, apps, scale.Revisions); err != nil {
				return err
			}
			if err := pair.stop(); err != nil {
				return err
			}
		}
		if fresh := names(size)[known:]; len(fresh) > 0 {
			began := time.Now()
			if err := each(ctx, fresh, func(ctx context.Context, name string) error { return seed.clone(ctx, apps.kube, name) }); err != nil {
				return err
			}
			log.Printf("memory: %d stacks with a history are made after %.0f s", size, time.Since(began).Seconds())
			if err := pair.start(ctx); err != nil {
				return err
			}
			if err := apps.runs(ctx, fresh, seed.image); err != nil {
				return err
			}
			if err := pair.settle(ctx); err != nil {
				return err
			}
			held, err := pair.leader.Memory()
			if err != nil {
				return err
			}
			sample.Values[fmt.Sprintf("%d.released.peak.bytes", size)] = float64(held.Peak)
			log.Printf("memory: %d stacks run after %.0f s, and took %.1f MB at most", size, time.Since(began).Seconds(), float64(held.Peak)/1e6)
			if err := pair.stop(); err != nil {
				return err
			}
		}
		known = size
		for range scale.Restarts {
			if err := measureMemory(ctx, apps, pair, size, sample); err != nil {
				return err
			}
		}
	}
	if known == 0 {
		return nil
	}
	return failover(ctx, apps, pair, scale.Restarts, sample)
}

// measureMemory restarts both managers, changes stacks, and measures the memory.
func measureMemory(ctx context.Context, apps *fleet, pair *pair, size int, sample *result.Sample) error {
	if err := pair.start(ctx); err != nil {
		return err
	}
	churn := names(min(size, churned))
	for _, image := range []string{"my-app:churn-a", "my-app:churn-b"} {
		err := each(ctx, churn, func(ctx context.Context, name string) error {
			return contender.AppStack{}.Update(ctx, apps.kube, name, image)
		})
		if err != nil {
			return err
		}
		if err := apps.runs(ctx, churn, image); err != nil {
			return err
		}
		if err := pair.settle(ctx); err != nil {
			return err
		}
	}
	for role, one := range map[string]manager{"leader": pair.leader, "standby": pair.standby} {
		held, err := one.memory(ctx)
		if err != nil {
			return err
		}
		for part, bytes := range map[string]int64{"resident": held.Resident, "anonymous": held.Anonymous} {
			sample.Repeat(fmt.Sprintf("%d.%s.%s.bytes", size, role, part), float64(bytes))
		}
		log.Printf("memory: %d stacks, %s: %.1f MB resident", size, role, float64(held.Resident)/1e6)
	}
	return pair.stop()
}

// failover terminates the leader at the moment of a change of a spec, and measures the
// time until the new leader has written the Deployment.
func failover(ctx context.Context, apps *fleet, pair *pair, times int, sample *result.Sample) error {
	if err := pair.start(ctx); err != nil {
		return err
	}
	for trial := range 2 * times {
		signal, label := syscall.SIGTERM, "terminated"
		if trial%2 == 1 {
			signal, label = syscall.SIGKILL, "killed"
		}
		name := fmt.Sprintf("app-%05d", trial)
		image := fmt.Sprintf("my-app:failover-%d", trial)
		mark, err := pair.on.Mark()
		if err != nil {
			return err
		}
		ended := time.Now()
		if err := pair.leader.Signal(signal); err != nil {
			return err
		}
		if err := (contender.AppStack{}).Update(ctx, apps.kube, name, image); err != nil {
			return err
		}
		if err := apps.runs(ctx, []string{name}, image); err != nil {
			return err
		}
		requests, err := pair.on.Requests(mark, contender.AppStack{}.Agent())
		if err != nil {
			return err
		}
		at := slices.IndexFunc(requests, func(r cluster.Request) bool {
			return r.ObjectRef.Resource == "deployments" && r.ObjectRef.Name == name && r.Write() && !r.Failed() && r.StageTimestamp.After(ended)
		})
		if at < 0 {
			return fmt.Errorf("the Deployment of %s was written by nobody", name)
		}
		took := requests[at].StageTimestamp.Sub(ended).Seconds()
		sample.Repeat("failover."+label+".seconds", took)
		log.Printf("memory: the leader was %s, a change was served after %.2f s", label, took)
		pair.leader = pair.standby
		if err := pair.leader.leads(ctx); err != nil {
			return err
		}
		if pair.standby, err = pair.managers.start(ctx); err != nil {
			return err
		}
		if err := pair.settle(ctx); err != nil {
			return err
		}
	}
	return pair.stop()
}

// pair is a leader and a standby.
type pair struct {
	managers
	leader, standby manager
}

// start starts both, and waits until their caches are synced and they have nothing to do.
func (p *pair) start(ctx context.Context) (err error) {
	if p.leader, err = p.managers.start(ctx); err != nil {
		return err
	}
	if err := p.leader.leads(ctx); err != nil {
		return err
	}
	if p.standby, err = p.managers.start(ctx); err != nil {
		return err
	}
	return p.settle(ctx)
}

func (p *pair) settle(ctx context.Context) error {
	mark, err := p.on.Mark()
	if err != nil {
		return err
	}
	_, err = p.on.Settle(ctx, mark, contender.AppStack{}.Agent())
	return err
}

func (p *pair) stop() error {
	if err := p.standby.Stop(); err != nil {
		return err
	}
	return p.leader.Stop()
}

// history is a stack with its revisions, as the operator created them.
type history struct {
	stack     *v1alpha1.AppStack
	image     string
	revisions [][]byte
}

// recordHistory releases that many revisions of a stack, returns them, and deletes the stack.
func recordHistory(ctx context.Context, on *cluster.Cluster, apps *fleet, revisions int) (*history, error) {
	const name = "the-seed"
	h := &history{}
	for number := 1; number <= revisions; number++ {
		h.image = fmt.Sprintf("my-app:%d", number)
		mark, err := on.Mark()
		if err != nil {
			return nil, err
		}
		if number == 1 {
			err = contender.AppStack{}.Create(ctx, apps.kube, name, h.image)
		} else {
			err = contender.AppStack{}.Update(ctx, apps.kube, name, h.image)
		}
		if err != nil {
			return nil, err
		}
		if err := apps.runs(ctx, []string{name}, h.image); err != nil {
			return nil, err
		}
		if _, err := on.Settle(ctx, mark, contender.AppStack{}.Agent()); err != nil {
			return nil, err
		}
	}
	h.stack = contender.Stack(name, h.image)
	if err := apps.kube.Get(ctx, client.ObjectKeyFromObject(h.stack), h.stack); err != nil {
		return nil, fmt.Errorf("reading stack %s: %w", name, err)
	}
	list := &appsv1.ControllerRevisionList{}
	if err := apps.kube.List(ctx, list, client.InNamespace(h.stack.Namespace)); err != nil {
		return nil, fmt.Errorf("listing revisions: %w", err)
	}
	for _, revision := range list.Items {
		bare := revision.DeepCopy()
		bare.ObjectMeta = metav1.ObjectMeta{
			Name: revision.Name, Labels: revision.Labels,
			Annotations: revision.Annotations, OwnerReferences: revision.OwnerReferences,
		}
		raw, err := json.Marshal(bare)
		if err != nil {
			return nil, fmt.Errorf("encoding revision %s: %w", revision.Name, err)
		}
		h.revisions = append(h.revisions, raw)
	}
	if len(h.revisions) != revisions {
		return nil, fmt.Errorf("stack %s has %d revisions, and was given %d", name, len(h.revisions), revisions)
	}
	if err := apps.kube.Delete(ctx, h.stack.DeepCopy(), client.PropagationPolicy(metav1.DeletePropagationForeground)); err != nil {
		return nil, fmt.Errorf("deleting stack %s: %w", name, err)
	}
	return h, nil
}

// clone creates a stack of that name with the same history. The operator creates the other children.
func (h *history) clone(ctx context.Context, kube client.Client, name string) error {
	stack := contender.Stack(name, h.image)
	if err := kube.Create(ctx, stack); err != nil {
		return fmt.Errorf("creating stack %s: %w", name, err)
	}
	for _, raw := range h.revisions {
		raw = bytes.ReplaceAll(raw, []byte(h.stack.Name), []byte(name))
		raw = bytes.ReplaceAll(raw, []byte(h.stack.UID), []byte(stack.UID))
		revision := &appsv1.ControllerRevision{}
		if err := json.Unmarshal(raw, revision); err != nil {
			return fmt.Errorf("decoding a revision of %s: %w", name, err)
		}
		revision.Namespace = stack.Namespace
		if err := kube.Create(ctx, revision); err != nil {
			return fmt.Errorf("creating revision %s: %w", revision.Name, err)
		}
	}
	return nil
}
