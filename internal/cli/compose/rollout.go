// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"math"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// defaultDeadline is AppStack's default of progressDeadlineSeconds.
const defaultDeadline = 600

// replicas returns the number of replicas. It is always set, because otherwise AppStack would not
// manage the number.
func (c *converter) replicas(s *service) *int32 {
	if s.Deploy != nil {
		switch s.Deploy.Mode {
		case "", "replicated":
		case "global":
			c.note(s, "deploy.mode", "global is not carried over: AppStack makes no DaemonSet; set replicas, or write a DaemonSet")
		default:
			c.note(s, "deploy.mode", "%s is not carried over: it is a task that ends; make it a Job", s.Deploy.Mode)
		}
	}
	return ptr.To(int32(min(max(s.GetScale(), 0), math.MaxInt32)))
}

// rollout returns the stack's rollout policy, or nil. All components are released together, so the
// first one with an update_config decides.
func (c *converter) rollout(st *stack) *v1alpha1.RolloutPolicy {
	var out v1alpha1.RolloutPolicy
	var from *service
	for _, s := range st.services {
		if len(s.DependsOn) > 0 {
			out.FailureDetection = v1alpha1.FailureDetectionDeadlineOnly
		}
		if s.Deploy == nil || s.Deploy.UpdateConfig == nil {
			continue
		}
		if from != nil {
			c.note(s, "deploy.update_config", "%s is released together with it: update_config is taken from there", from.Name)
			continue
		}
		from = s
		c.update(s, &out)
	}
	c.recreate(st, &out)
	if out == (v1alpha1.RolloutPolicy{}) {
		return nil
	}
	return &out
}

// update converts deploy.update_config to the rollout policy.
func (c *converter) update(s *service, out *v1alpha1.RolloutPolicy) {
	config := s.Deploy.UpdateConfig
	switch {
	case config.Parallelism == nil:
	case *config.Parallelism == 0: // all at once
		out.MaxSurge = ptr.To(intstr.FromString("100%"))
	default:
		out.MaxSurge = ptr.To(intstr.FromInt32(int32(min(*config.Parallelism, math.MaxInt32))))
	}
	if config.Order == "stop-first" {
		c.note(s, "deploy.update_config.order", "stop-first is not carried over: AppStack starts new pods first, and ends an old one "+
			"when a new one is ready; rollout.strategy: Recreate stops all of them first")
	}
	switch config.FailureAction {
	case "", "rollback":
	case "pause":
		out.OnFailure = v1alpha1.FailurePolicyHold
	default:
		c.note(s, "deploy.update_config.failure_action", "%s is not carried over: a release that fails is rolled back, or held with "+
			"rollout.onFailure: Hold", config.FailureAction)
	}
	if monitor := min(seconds(time.Duration(config.Monitor)), 86400-defaultDeadline); monitor > 0 {
		out.MinReadySeconds = ptr.To(int32(monitor))
		if monitor >= defaultDeadline { // the deadline must be later
			out.ProgressDeadlineSeconds = ptr.To(int32(monitor + defaultDeadline))
		}
	}
}

// recreate sets the strategy Recreate if a service mounts a claim: often only one node at a time
// can mount it, and few programs can share their data.
func (c *converter) recreate(st *stack, out *v1alpha1.RolloutPolicy) {
	var holders []*service
	onlyExternal := true
	for _, s := range st.services {
		holds, holdsOwn := c.holdsClaim(s)
		if holds {
			holders = append(holders, s)
		}
		if !holdsOwn {
			continue
		}
		onlyExternal = false
		if s.GetScale() > 1 {
			c.note(s, "volumes", "its %d pods mount the same claim, of access mode ReadWriteOnce: they can only run on one node; "+
				"use a claim of ReadWriteMany, or one replica", s.GetScale())
		}
	}
	if len(holders) == 0 {
		return
	}
	out.Strategy = v1alpha1.RolloutStrategyRecreate
	if out.MaxSurge != nil {
		out.MaxSurge = nil // only valid for RollingUpdate
		c.note(st.main(), "deploy.update_config.parallelism", "it is not carried over: with a claim, all pods are replaced at once")
	}
	if len(st.services) > 1 {
		c.note(holders[0], "volumes", "as it holds a claim, the whole stack has rollout.strategy: Recreate: "+
			"a release stops all components before it starts them again")
	}
	if onlyExternal {
		c.note(holders[0], "volumes", "rollout.strategy is Recreate, as two pods should not share a claim: "+
			"if it is of access mode ReadWriteMany, the strategy may be RollingUpdate")
	}
}

// holdsClaim reports whether a service mounts any claim (holds), and whether it mounts one that the
// conversion creates (holdsOwn).
func (c *converter) holdsClaim(s *service) (holds, holdsOwn bool) {
	for _, mount := range s.Volumes {
		if mount.Type == types.VolumeTypeVolume && mount.Source != "" {
			holds = true
			holdsOwn = holdsOwn || !c.claims[mount.Source].external
		}
	}
	return holds, holdsOwn
}
