// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package status_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/status"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/schema"
)

// dice provides the fuzzer's random numbers: a byte for each roll, and 0 when none are left.
type dice []byte

// roll returns a number below n, which is at most 256.
func (d *dice) roll(n int) int {
	if len(*d) == 0 {
		return 0
	}
	first := (*d)[0]
	*d = (*d)[1:]
	return int(first) % n
}

func (d *dice) yes() bool { return d.roll(2) == 1 }

// text returns text as a cluster, a registry, a webhook or a user may write it.
func (d *dice) text() string {
	parts := []string{
		"app", "", "main", "CrashLoopBackOff", "x", "é", "界", "😀", "\xff", "\xc3", "\x00", "\x1b[31m", "<&>", "\n", " ", "-a", "a:b,",
		"\u2028",
	}
	lengths := []int{1, 1, 1, 1, 3, 60, 63, 64, 253, 512, 513, 1023, 1024, 1025, 4097, 9000}
	return strings.Repeat(parts[d.roll(len(parts))], lengths[d.roll(len(lengths))]) + parts[d.roll(len(parts))]
}

// name returns a component's name: a unique one, or one of any form.
func (d *dice) name(i int) string {
	switch {
	case i == 0:
		return naming.Main
	case d.roll(4) == 3:
		return d.text()
	}
	return fmt.Sprintf("component-%d", i)
}

func (d *dice) number() int32 {
	return []int32{0, 1, 3, -1, math.MaxInt32, math.MinInt32}[d.roll(6)]
}

func (d *dice) time() time.Time {
	return []time.Time{
		noon, noon.Add(time.Duration(d.roll(200)) * time.Minute), {}, time.Unix(0, 0), noon.AddDate(-2026, 0, 0), noon.AddDate(9000, 0, 0),
		time.Date(9999, 12, 31, 23, 59, 59, 999, time.FixedZone("", -3600)), time.Date(0, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600)),
	}[d.roll(8)]
}

func (d *dice) component(name string) model.Component {
	component := model.Component{Name: name, Selector: naming.Selector("shop", name)}
	for i := range d.roll(3) * 20 {
		component.Selector[fmt.Sprintf("example.com/%s-%d", strings.Repeat("k", 50), i)] = strings.Repeat("v", 63)
	}
	component.Template.Spec.Containers = []corev1.Container{{Name: naming.AppContainer, Image: d.text()}}
	for i := range d.roll(20) {
		value := v1alpha1.ImageValue{Name: d.name(i + 1), Value: d.text(), Source: v1alpha1.ImageValueSourceImage, Message: d.text()}
		if d.roll(4) == 3 {
			value.Source = v1alpha1.ImageValueSource(d.text())
		}
		component.Provenance.Values = append(component.Provenance.Values, value)
	}
	component.Provenance.Resolved = d.yes()
	if d.yes() {
		component.Provenance.Unresolved = &model.Unresolved{Reason: d.text(), Message: d.text()}
		component.Provenance.Facts = &model.Facts{}
	}
	return component
}

func (d *dice) components(most int) []model.Component {
	var all []model.Component
	for i := range d.roll(most) {
		all = append(all, d.component(d.name(i)))
	}
	return all
}

func (d *dice) rollout(sequence, revision int64) model.Rollout {
	made := model.Rollout{
		Sequence: sequence, Revision: revision, StartedAt: d.time(), Message: d.text(), Cause: d.text(), From: int64(d.roll(5)), Empty: d.yes(),
		Trigger: []v1alpha1.RolloutTrigger{
			v1alpha1.TriggerSpecChanged, v1alpha1.TriggerAutoRollback, v1alpha1.TriggerRollback, v1alpha1.TriggerRestart, "", "Canary",
		}[d.roll(6)],
		Outcome: []v1alpha1.RolloutOutcome{
			v1alpha1.OutcomeProgressing, v1alpha1.OutcomeSucceeded, v1alpha1.OutcomeFailed, v1alpha1.OutcomeSuperseded, "", "Analyzing",
		}[d.roll(6)],
	}
	if d.yes() {
		made.EndedAt = ptr.To(d.time())
	}
	if d.yes() {
		made.Failure = &model.Failure{
			Reason: d.text(), Cause: d.text(), Component: d.text(), Pod: d.text(), Container: d.text(), Message: d.text(), At: d.time(),
		}
		if d.yes() {
			made.Failure.Reason = v1alpha1.FailureReplicaFailure
			made.Failure.Message = `pods "shop-1" is forbidden: ` + d.text()
		}
		if d.yes() {
			made.Failure.ExitCode = ptr.To(d.number())
		}
	}
	return made
}

// input returns a stack in any state.
func (d *dice) input() status.Input {
	stack := Stack("shop")
	stack.Generation = int64(d.roll(3))
	for i := range d.roll(17) { // conditions of others, up to the API server's limit
		stack.Status.Conditions = append(stack.Status.Conditions, metav1.Condition{
			Type: fmt.Sprintf("example.com/%d", i), Status: metav1.ConditionTrue, Reason: "Other", LastTransitionTime: metav1.NewTime(noon),
		})
	}
	in := status.Input{State: model.State{Stack: stack}, Now: noon}
	sequence := int64(0)
	for i := range d.roll(6) {
		rev := model.Revision{Number: int64(i + d.roll(2)), Content: model.Content{Components: d.components(30)}}
		rev.Record.ChangeCause = d.text()
		for range d.roll(11) {
			sequence++
			rev.Record.Rollouts = append(rev.Record.Rollouts, d.rollout(sequence, rev.Number))
		}
		in.State.Revisions = append(in.State.Revisions, rev)
	}
	in.State.Children = model.Children{}
	for _, component := range d.components(100) {
		desired := model.Desired{Component: component, Operation: model.Operation{Replicas: ptr.To(d.number())}, Joining: d.yes()}
		in.Plan.Components = append(in.Plan.Components, desired)
		name := naming.Object("shop", component.Name)
		if d.roll(8) != 7 {
			live := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: appsv1.DeploymentSpec{Replicas: ptr.To(d.number())}}
			live.Status = appsv1.DeploymentStatus{
				Replicas: d.number(), UpdatedReplicas: d.number(), ReadyReplicas: d.number(), AvailableReplicas: d.number(),
			}
			in.State.Children.Put(model.KindDeployment, live)
		}
		if d.yes() {
			in.State.Children.Put(model.KindService, &corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
				Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: d.number()}}},
				Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{
					Ingress: []corev1.LoadBalancerIngress{{Hostname: d.text(), IP: d.text()}},
				}},
			})
		}
	}
	if d.yes() {
		in.Plan.Rollout = ptr.To(d.rollout(sequence, int64(d.roll(4))))
	}
	if d.yes() {
		in.Plan.Problem = &model.Problem{Reason: v1alpha1.ReasonRejected, Message: d.text()}
	}
	if d.roll(4) == 3 {
		in.Plan.Start = &model.StartRollout{Why: model.Why{Reason: d.text()}}
	}
	in.Plan.Waits, in.Plan.LooksUp, in.Plan.Held = d.text(), []string{"", "", d.text()}[d.roll(3)], d.roll(4) == 3
	in.Outcome.Trouble, in.State.Predecessor = []string{"", "", d.text()}[d.roll(3)], []string{"", "", d.text()}[d.roll(3)]
	return in
}

// accepts checks that the API server accepts the status of any input and stores it unchanged: a
// status that comes back as it was written is not written again (R19).
func accepts(t *testing.T, in status.Input) v1alpha1.AppStackStatus {
	t.Helper()
	crd, err := schema.Get()
	if err != nil {
		t.Fatal(err)
	}
	stack := Stack("shop")
	stack.Status = status.Compute(in)
	for _, err := range crd.Validate(t.Context(), stack) {
		text := err.Error()
		t.Errorf("the API server rejects the status: %s", text[:min(len(text), 300)])
	}
	raw, err := json.Marshal(stack.Status)
	if err != nil {
		t.Fatalf("the status cannot be sent: %v", err)
	}
	if len(raw) > 1<<20 {
		t.Errorf("the status has %d bytes: with its spec the stack may be too large for etcd", len(raw))
	}
	var back v1alpha1.AppStackStatus
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if !equality.Semantic.DeepEqual(stack.Status, back) {
		t.Errorf("R19 it comes back changed (-sent +back):\n%.2000s", cmp.Diff(stack.Status, back))
	}
	return stack.Status
}

// FuzzCompute checks that the API server accepts every computed status.
func FuzzCompute(f *testing.F) {
	random := rand.New(rand.NewPCG(3, 4))
	for size := range 12 {
		seed := make([]byte, 1<<size)
		for i := range seed {
			seed[i] = byte(random.UintN(256))
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		made := dice(data)
		accepts(t, made.input())
	})
}

// TestHostileInput checks the same with random input of maximum size.
func TestHostileInput(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 40 {
		made := make(dice, 20_000)
		for i := range made {
			made[i] = byte(random.UintN(256))
		}
		accepts(t, made.input())
		if t.Failed() {
			return
		}
	}
}
