// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/operator"
)

// adjustable is a clock that can be advanced.
type adjustable struct {
	clock.RealClock
	ahead *atomic.Int64
}

// Now implements clock.PassiveClock.
func (a adjustable) Now() time.Time { return time.Now().Add(time.Duration(a.ahead.Load())) }

// Since implements clock.PassiveClock.
func (a adjustable) Since(then time.Time) time.Duration { return a.Now().Sub(then) }

var _ = Describe("a foreign writer", Serial, func() {
	const foreign, manager = "evil:1", "kubectl-set"
	// soon bounds the time until a status that is written at once is observed, also on a busy machine.
	const soon = time.Second

	It("R19 R28 keeps the stack from being Ready, until it stops", func() {
		ahead := &atomic.Int64{}
		instead(config, operator.Options{Clock: adjustable{ahead: ahead}})
		created()
		seen := follow()

		By("setting another image again and again")
		setImage := fmt.Appendf(nil, `{"spec":{"template":{"spec":{"containers":[{"name":"app","image":%q}]}}}}`, foreign)
		tick := time.NewTicker(300 * time.Millisecond)
		defer tick.Stop()
		for range 40 { // 12 seconds
			target := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: app}}
			Expect(k8s.Patch(ctx, target, client.RawPatch(types.StrategicMergePatchType, setImage), client.FieldOwner(manager))).To(Succeed())
			<-tick.C
		}
		contested := stalled(v1alpha1.ReasonDriftContested, "Deployment my-app", "spec.template.spec.containers[app].image", manager)
		Expect(seen.foreignWhileReady(foreign)).To(BeNumerically("<", soon), "Ready=True while the foreign image was live")
		Expect(seen.turns()).To(Equal([]string{"True Succeeded", "False DriftContested"}), "R19 Ready does not flap")
		Expect(seen.messages(v1alpha1.ReasonDriftContested)).To(HaveLen(1), "R19 the message does not change")
		expectEvent(contested, corev1.EventTypeNormal, v1alpha1.EventDriftRepaired, "was changed by "+manager+" and is reverted")
		expectEvent(contested, corev1.EventTypeWarning, v1alpha1.ReasonDriftContested, manager)

		By("ending the contest")
		Eventually(func() string { return deployment(app).Spec.Template.Spec.Containers[0].Image }).Should(Equal("my-app:1"))
		touch()
		Consistently(current).Should(haveCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonDriftContested))
		ahead.Store(int64(time.Minute))
		touch()
		Expect(ready()).NotTo(haveType(v1alpha1.ConditionStalled))
		Expect(numbers()).To(Equal([]int64{1}))
	})
})

// observations is a watch event: the Deployment's image or the stack's Ready condition.
type observations struct {
	at    time.Time
	image string
	ready *metav1.Condition
}

// sights holds the events of a spec's stack and its Deployment, in order.
type sights struct {
	mu    sync.Mutex
	noted []observations
}

// follow watches the stack and its Deployment until the spec ends.
func follow() *sights {
	GinkgoHelper()
	s := &sights{}
	for _, list := range []client.ObjectList{&appsv1.DeploymentList{}, &v1alpha1.AppStackList{}} {
		watched, err := k8s.Watch(ctx, list, client.InNamespace(namespace))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(watched.Stop)
		go func() {
			for event := range watched.ResultChan() {
				s.note(event)
			}
		}()
	}
	return s
}

func (s *sights) note(event watch.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch object := event.Object.(type) {
	case *appsv1.Deployment:
		s.noted = append(s.noted, observations{at: time.Now(), image: object.Spec.Template.Spec.Containers[0].Image})
	case *v1alpha1.AppStack:
		ready := meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ConditionReady)
		s.noted = append(s.noted, observations{at: time.Now(), ready: ready})
	}
}

// all returns the events so far.
func (s *sights) all() []observations {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.noted)
}

// foreignWhileReady returns the longest time for which the stack was Ready while the image was live.
func (s *sights) foreignWhileReady(image string) (longest time.Duration) {
	var live string
	var ready bool
	var since time.Time
	for _, next := range append(s.all(), observations{at: time.Now()}) {
		if !since.IsZero() {
			longest = max(longest, next.at.Sub(since))
		}
		if next.image != "" {
			live = next.image
		}
		if next.ready != nil {
			ready = next.ready.Status == metav1.ConditionTrue
		}
		switch bad := live == image && ready; {
		case !bad:
			since = time.Time{}
		case since.IsZero():
			since = next.at
		}
	}
	return longest
}

// turns returns the successive values of the Ready condition.
func (s *sights) turns() (turns []string) {
	for _, next := range s.all() {
		if next.ready == nil {
			continue
		}
		turn := fmt.Sprintf("%s %s", next.ready.Status, next.ready.Reason)
		if len(turns) == 0 || turns[len(turns)-1] != turn {
			turns = append(turns, turn)
		}
	}
	return turns
}

// messages returns the messages of the Ready condition with the reason.
func (s *sights) messages(reason string) map[string]bool {
	messages := map[string]bool{}
	for _, next := range s.all() {
		if next.ready != nil && next.ready.Reason == reason {
			messages[next.ready.Message] = true
		}
	}
	return messages
}
