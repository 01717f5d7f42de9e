// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package rollout_test

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/rollout"
)

// failures are all documented failure reasons.
var failures = []string{
	v1alpha1.FailureProgressDeadlineExceeded, v1alpha1.FailureReplicaFailure, v1alpha1.FailureRejected,
	v1alpha1.FailureCrashLoopBackOff, v1alpha1.FailureInvalidImageName, v1alpha1.FailureErrImagePull,
	v1alpha1.FailureImagePullBackOff, v1alpha1.FailureErrImageNeverPull, v1alpha1.FailureCreateContainerConfigError,
	v1alpha1.FailureCreateContainerError, v1alpha1.FailureRunContainerError,
}

// dice provides the fuzzer's random numbers: a byte for each roll, and 0 when none are left.
type dice []byte

// roll returns a number below n.
func (d *dice) roll(n int) int {
	if len(*d) == 0 {
		return 0
	}
	first := (*d)[0]
	*d = (*d)[1:]
	return int(first) % n
}

func (d *dice) yes() bool { return d.roll(2) == 1 }

// time returns a time around the rollout's start, or the zero time for 0.
func (d *dice) time() time.Time {
	n := d.roll(256)
	if n == 0 {
		return time.Time{}
	}
	return at(n*5 - 200)
}

// maybe returns a time or nil.
func (d *dice) maybe() *time.Time {
	if !d.yes() {
		return nil
	}
	t := d.time()
	return &t
}

func (d *dice) failure() *model.Failure {
	if !d.yes() {
		return nil
	}
	return &model.Failure{Reason: failures[d.roll(len(failures))], At: d.time()}
}

func (d *dice) input() rollout.Input {
	in := rollout.Input{
		Rollout:   model.Rollout{Revision: 2, Outcome: v1alpha1.OutcomeProgressing, StartedAt: noon, ResumedAt: d.maybe(), Failure: d.failure()},
		Policy:    rollout.Policy{Deadline: time.Duration(d.roll(256)) * 5 * time.Second, DeadlineOnly: d.yes()},
		PodsKnown: !d.yes(),
		PodsAsked: d.time(),
		Now:       at(d.roll(256)*5 - 200),
	}
	for _, name := range []string{"main", "worker", "scheduler"}[:d.roll(4)] {
		in.Components = append(in.Components, d.component(name))
	}
	in.PodsGone, in.Observations = d.time(), d.observations()
	for _, name := range []string{"main", "worker"}[:d.roll(3)] {
		in.Terminating = append(in.Terminating, model.Pod{Name: "old", Component: name, Terminating: true, EndsBy: d.time()})
	}
	return in
}

func (d *dice) component(name string) rollout.Component {
	made := rollout.Component{Name: name, Written: !d.yes(), Arrived: d.yes()}
	if d.roll(8) == 7 {
		made.Refusal = &model.Rejection{Message: "quota exceeded"}
	}
	if d.roll(8) != 7 {
		made.Deployment = d.deployment(name)
	}
	for _, pod := range []string{"a", "b", "c"}[:d.roll(4)] {
		made.Pods = append(made.Pods, d.pod(pod))
	}
	for _, pod := range made.Pods {
		if pod.Starting != nil && pod.Counts() && pod.ReadySince == nil {
			made.Starting = append(made.Starting, pod)
		}
	}
	return made
}

// observations returns those of an operator that has observed since a time; for 0, none.
func (d *dice) observations() model.Observations {
	seen := model.Observations{Began: d.time(), For: d.duration(), Progress: map[string]time.Duration{}, Refused: map[string]time.Duration{}}
	if seen.Began.IsZero() {
		return model.Observations{}
	}
	for _, name := range []string{"main", "worker"} {
		if d.yes() {
			seen.Progress[name] = min(d.duration(), seen.For)
		}
		if d.yes() {
			seen.Refused[name] = min(d.duration(), seen.For)
		}
	}
	return seen
}

func (d *dice) duration() time.Duration { return time.Duration(d.roll(256)) * 5 * time.Second }

// after returns the input some time later if nothing else changes.
func after(in rollout.Input, wait time.Duration) rollout.Input {
	in.Now = in.Now.Add(wait)
	in.Observations.For += wait
	in.Observations.Progress, in.Observations.Refused = maps.Clone(in.Observations.Progress), maps.Clone(in.Observations.Refused)
	for _, all := range []map[string]time.Duration{in.Observations.Progress, in.Observations.Refused} {
		for name := range all {
			all[name] += wait
		}
	}
	return in
}

func (d *dice) deployment(name string) *appsv1.Deployment {
	made := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name, Generation: int64(d.roll(3))}}
	if d.yes() {
		replicas := int32(d.roll(4))
		made.Spec.Replicas = &replicas
	}
	made.Status = appsv1.DeploymentStatus{
		ObservedGeneration: int64(d.roll(3)),
		Replicas:           int32(d.roll(5)),
		UpdatedReplicas:    int32(d.roll(4)),
		AvailableReplicas:  int32(d.roll(4)),
	}
	for range d.roll(4) {
		types := []appsv1.DeploymentConditionType{
			appsv1.DeploymentProgressing, appsv1.DeploymentReplicaFailure, appsv1.DeploymentAvailable,
		}
		made.Status.Conditions = append(made.Status.Conditions, appsv1.DeploymentCondition{
			Type:               types[d.roll(len(types))],
			Status:             []corev1.ConditionStatus{corev1.ConditionTrue, corev1.ConditionFalse, corev1.ConditionUnknown}[d.roll(3)],
			Reason:             []string{"NewReplicaSetAvailable", "ProgressDeadlineExceeded", "FailedCreate"}[d.roll(3)],
			LastUpdateTime:     metav1.NewTime(d.time()),
			LastTransitionTime: metav1.NewTime(d.time()),
		})
	}
	return made
}

func (d *dice) pod(name string) model.Pod {
	made := model.Pod{Name: name, Terminating: d.roll(4) == 3, ReadySince: d.maybe()}
	if d.roll(8) == 7 {
		made.Unschedulable = "0/3 nodes are available"
	}
	for _, container := range []string{"init", "app"}[:d.roll(3)] {
		made.Containers = append(made.Containers, d.container(container))
	}
	if d.roll(8) == 7 {
		made.Starting = &model.Starting{Container: "app", Reason: "ContainerCreating", Since: d.time()}
	}
	return made
}

func (d *dice) container(name string) model.Container {
	made := model.Container{Name: name, Since: d.time(), Exits: int32(d.roll(5))}
	if d.yes() {
		made.Waiting = append(failures, "Odd")[d.roll(len(failures)+1)]
	}
	if d.yes() {
		made.LastExit = &model.Exit{Code: int32(d.roll(256)), At: d.time()}
	}
	return made
}

func FuzzJudge(f *testing.F) {
	// The bytes encode the rollout, the policy and the times; then the number of components; then
	// for each its deviations, its Deployment with the conditions, and its pods with their
	// containers; then the observations.
	var (
		soon     = []byte{0, 0, 120, 0, 0, 1, 60}
		overdue  = []byte{0, 0, 12, 0, 1, 58, 60}
		resumed  = []byte{1, 90, 0, 12, 1, 0, 1, 120}
		failed   = []byte{0, 1, 3, 41, 120, 0, 0, 1, 60}
		one, two = []byte{1}, []byte{2}
		creating = []byte{0, 0, 0, 0, 1, 1, 3, 1, 3, 1, 3}
		complete = []byte{0, 0, 0, 0, 1, 1, 3, 1, 3, 3, 3}
		refused  = []byte{0, 0, 7, 0}
		quota    = []byte{1, 1, 0, 2, 41, 41, 0}
		timedOut = []byte{1, 0, 0, 1, 50, 50, 0}
		crashes  = []byte{0, 1, 0, 0, 0, 1, 41, 3, 0, 1, 7, 50}
		noPull   = []byte{0, 1, 0, 0, 0, 1, 41, 0, 1, 6, 0}
		mixed    = []byte{0, 2, 0, 0, 0, 1, 41, 0, 1, 6, 0, 0, 1, 55, 0, 0} // one pod cannot pull its image, another is ready
		ready    = []byte{0, 1, 0, 1, 59, 0, 0}
	)
	for _, seed := range [][][]byte{
		{},
		{soon, one, complete},
		{soon, one, creating, crashes},
		{soon, one, creating, noPull},
		{soon, one, creating, mixed},
		{soon, one, creating, quota},
		{soon, one, creating, timedOut},
		{soon, one, refused},
		{overdue, one, creating},
		{failed, one, complete, ready},
		{resumed, two, complete, ready, creating, noPull},
	} {
		f.Add(slices.Concat(seed...))
	}

	f.Fuzz(func(t *testing.T, data []byte) {
		made, again := dice(slices.Clone(data)), dice(slices.Clone(data))
		in, same := made.input(), again.input()
		verdict := rollout.Judge(in)
		if second := rollout.Judge(in); !reflect.DeepEqual(verdict, second) {
			t.Errorf("judged twice (-first +second):\n%s", cmp.Diff(verdict, second))
		}
		if !reflect.DeepEqual(same, in) { // much faster than cmp
			t.Errorf("judging changed its input (-before +after):\n%s", cmp.Diff(same, in))
		}
		if blind, possible := withoutTemplates(same); possible {
			if second := rollout.Judge(blind); !reflect.DeepEqual(verdict, second) {
				t.Errorf("judged without knowing the pods' templates (-with +without):\n%s", cmp.Diff(verdict, second))
			}
		}
		if verdict.Again < 0 {
			t.Errorf("the next reconcile is due in %s", verdict.Again)
		}
		if verdict.Complete && (verdict.Failure != nil || verdict.Waits != "" || verdict.Again != 0) {
			t.Errorf("complete, but %+v", verdict)
		}
		if !verdict.Complete && verdict.Waits == "" && verdict.Failure == nil {
			t.Error("neither complete nor failed, and waiting for nothing")
		}
		if failure := verdict.Failure; failure != nil {
			checkFailure(t, in, *failure)
			return
		}
		// nothing changes before the next reconcile is due
		wait := verdict.Again - time.Nanosecond
		if verdict.Again == 0 {
			wait = 1000 * time.Hour
		}
		later := rollout.Judge(after(in, wait))
		if later.Failure != nil || later.Complete != verdict.Complete || later.Waits != verdict.Waits {
			t.Errorf("%+v, and the next reconcile is due in %s; but %s later %+v", verdict, verdict.Again, wait, later)
		}
	})
}

// withoutTemplates returns the input without ReplicaSets, if the rollout does not need them and no
// pod is in trouble.
func withoutTemplates(in rollout.Input) (blind rollout.Input, possible bool) {
	deployments := map[string]*appsv1.Deployment{}
	for i := range in.Components {
		component := &in.Components[i]
		deployments[component.Name] = component.Deployment
		if slices.ContainsFunc(component.Pods, model.Pod.Suspect) {
			return in, false
		}
		component.Pods, component.Earlier = nil, nil
	}
	return in, !rollout.NeedsTemplates(in.Rollout, in.Policy.Deadline, deployments, in.Observations, in.Now)
}

func checkFailure(t *testing.T, in rollout.Input, failure model.Failure) {
	t.Helper()
	if in.Rollout.Failure != nil {
		t.Errorf("R13 failed again: %s", failure)
	}
	if !slices.Contains(failures, failure.Reason) {
		t.Errorf("failed for reason %q, which the API does not document", failure.Reason)
	}
	if !slices.ContainsFunc(in.Components, func(c rollout.Component) bool { return c.Name == failure.Component }) {
		t.Errorf("component %q failed, which does not exist", failure.Component)
	}
	if !failure.At.Equal(in.Now) {
		t.Errorf("failed at %s, want %s", failure.At, in.Now)
	}
}
