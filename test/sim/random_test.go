// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/sim"
)

// number returns the value of an environment variable: STORIES is the number of random stories, and STORIES_SEED the seed of
// the first.
func number(variable string, otherwise uint64) uint64 {
	GinkgoHelper()
	text, found := os.LookupEnv(variable)
	if !found {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	Expect(err).NotTo(HaveOccurred(), "%s is not a number", variable)
	return n
}

// released lists the images of the stories, good and bad ones.
var released = []string{
	"my-app:1", "my-app:2", "my-app:3", "my-app:crash", "my-app:missing", "my-app:unready",
	"my-app:dies", "my-app:late", "my-app:invalid", "my-app:unconfigured", "my-app:lingers", "my-app:slow",
}

// chances returns the events that users, the cluster or the operator can cause.
func chances(s story, random *rand.Rand) []func() {
	pick := func(images ...string) string { return images[random.IntN(len(images))] }
	number := func(from, to int) int32 { return int32(from + random.IntN(to-from+1)) } //nolint:gosec // small
	change := func(line string, options ...Option) func() { return func() { s.apply(line, options...) } }
	image := pick(released...)
	to := int64(number(1, 5))
	policy := v1alpha1.RolloutPolicy{ProgressDeadlineSeconds: ptr.To(number(30, 200))}
	if random.IntN(3) == 0 {
		policy.OnFailure = v1alpha1.FailurePolicyHold
	}
	if random.IntN(4) == 0 {
		policy.FailureDetection = v1alpha1.FailureDetectionDeadlineOnly
	}
	if random.IntN(5) == 0 {
		policy.Strategy = v1alpha1.RolloutStrategyRecreate
	}
	replicas, writes := number(0, 6), random.IntN(5)
	moved := pick("my-app:1", "my-app:2", "my-app:3")
	digest := fmt.Sprintf("%x", random.Uint32())
	return append([]func(){
		change("image "+image, Image(image)),
		change("image "+image, Image(image)),
		change(fmt.Sprintf("replicas %d", replicas), Replicas(replicas)),
		change("paused", Paused(true)),
		change("paused removed", Paused(false)),
		change("paused removed", Paused(false)),
		change(fmt.Sprintf("rollback to %d", to), RollbackTo(to, 0)),
		change("rollback removed", NoRollback()),
		change("rollback removed", NoRollback()),
		change("restart", RestartedAt(s.Now())),
		change("a worker", WithoutComponents(), worker(number(1, 3))),
		change("no worker", WithoutComponents()),
		change("the ports that the image has", Ports()),
		change("port 80", Ports(80)),
		change(fmt.Sprintf("rollout policy %+v", policy), Rollout(policy)),
		change(fmt.Sprintf("keep %d revisions", 1+replicas), HistoryLimit(1+replicas)),
		func() { s.Say("a pod is lost"); s.Kill("shop") },
		func() { s.Quota = int(number(2, 12)); s.Say(fmt.Sprintf("a quota of %d pods", s.Quota)) },
		func() { s.Room = int(number(2, 12)); s.Say(fmt.Sprintf("room for %d pods", s.Room)) },
		func() { s.Quota, s.Room = -1, -1; s.Say("no quota, and enough room") },
		func() { s.Say(fmt.Sprintf("the operator crashes after %d writes", writes)); s.OperateAndDie(writes) },
		func() { s.Say("time passes without the operator"); s.Tick() },
		func() { s.Say("somebody sets the image of the Deployment"); s.setImageOf("shop", "evil:1") },
		func() { s.Say("somebody deletes the Service"); s.Delete(model.KindService, "shop") },
	}, ofRegistry(s, moved, digest)...)
}

// ofRegistry returns the events of the registry.
func ofRegistry(s story, moved, digest string) []func() {
	happens := func(line string, change func(*sim.Registry)) func() { return func() { s.registry(line, change) } }
	heal := happens("the registry recovers", (*sim.Registry).Recover)
	return []func(){
		happens("the tag "+moved+" is sha256:"+digest, func(r *sim.Registry) { r.Push(moved, web(digest)) }),
		happens("the tag "+moved+" is sha256:"+digest, func(r *sim.Registry) { r.Push(moved, web(digest)) }),
		happens("the registry hangs", (*sim.Registry).Hang),
		happens("the registry fails", func(r *sim.Registry) {
			r.Fail(v1alpha1.ReasonRegistryUnavailable, "the registry answers 503")
		}),
		happens("the registry requires credentials", func(r *sim.Registry) {
			r.Fail(v1alpha1.ReasonImageUnauthorized, "the registry answers 401")
		}),
		heal, heal, heal,
	}
}

var _ = Describe("whatever happens to a stack, in whatever order", func() {
	const events = 30

	It("R1 R5 R8 R9 R12 R13 R21 R23 R24 keeps every rule, and a good release succeeds in the end", func() {
		rollbacks, unresolved := uint64(0), uint64(0)
		first, stories := number("STORIES_SEED", 0), number("STORIES", 40)
		for seed := first; seed < first+stories; seed++ {
			random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // to be repeated
			world := sim.New()
			world.Shuffle = func(names []string) {
				random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
			}
			s := story{world}
			s.Registry = sim.NewRegistry()
			for i, image := range slices.Concat(released, []string{"my-app:9"}) {
				s.Registry.Push(image, web(strconv.Itoa(i)))
			}
			s.apply("image my-app:1", Rollout(v1alpha1.RolloutPolicy{ProgressDeadlineSeconds: ptr.To[int32](60)}))
			for range events {
				all := chances(s, random)
				all[random.IntN(len(all))]()
				if random.IntN(3) > 0 {
					s.Wait(random.IntN(90))
				}
			}
			s.Quota, s.Room = -1, -1
			s.Registry.Recover()
			s.apply("no faults, and image my-app:9", Image("my-app:9"), Paused(false), NoRollback(), Replicas(3),
				Rollout(v1alpha1.RolloutPolicy{}))
			s.settle()
			s.TellHistory()
			told := func() string { return fmt.Sprintf("seed %d (STORIES_SEED=%[1]d STORIES=1):\n%s", seed, s.Transcript()) }
			Expect(s.Violations()).To(BeEmpty(), told)
			status := s.Stack().Status
			Expect(status.Conditions).To(ContainElement(And(HaveField("Type", "Ready"), HaveField("Reason", "Succeeded"))), told)
			Expect(status.ReadySummary).To(BeElementOf("3/3", "4/4", "5/5", "6/6"), told)
			Expect(status.Failure).To(BeNil(), told)
			Expect(status.Image).To(Equal("my-app:9"), told)
			Expect(status.Components[0].Image).To(Equal("my-app:9@sha256:"+strconv.Itoa(len(released))), told)
			for _, rollout := range status.History {
				if !rollout.Images[0].Pinned {
					unresolved++
				}
				if rollout.Trigger == v1alpha1.TriggerAutoRollback {
					rollbacks++
				}
			}
		}
		// Forty stories have 28 rollbacks and 40 unresolved images on average, with standard deviations of 7 and 10: the bounds
		// are so low that no seed fails by chance. A single story runs only to debug it.
		if stories > 1 {
			Expect(rollbacks).To(BeNumerically(">", stories/10), "the stories must contain failures")
			Expect(unresolved).To(BeNumerically(">", stories/10), "the stories must contain failing registries")
		}
	})
})
