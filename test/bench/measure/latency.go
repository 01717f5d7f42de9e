// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package measure

import (
	"context"
	"fmt"
	"log"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/test/bench/cluster"
	"github.com/appstack-dev/appstack/test/bench/contender"
	"github.com/appstack-dev/appstack/test/bench/result"
)

var latency = Measure{
	Name: "latency",
	Doc: "how soon the operator answers a changed spec and a pod that fails: idle, while many other stacks roll, and while " +
		"many are released at once, by the API server's own clock",
	Plan: func(scale Scale) []result.Key { return alone("latency", scale.Rolling, scale.Timed) },
	Run:  runLatency,
}

const (
	// probePause is the time from one timed change to the next. Each starts a
	// rollout, which ends within this time on an idle cluster.
	probePause = time.Second
	// brokenImage has pods that run but never become ready, until their status is set to a failure.
	brokenImage = "my-app:unready-%s-%d"
)

func runLatency(ctx context.Context, scale Scale, on *cluster.Cluster, sample *result.Sample) error {
	who := contender.AppStack{}
	apps, program, err := begin(ctx, on, who)
	if err != nil {
		return err
	}
	probed := make([]string, scale.Probes)
	for i := range probed {
		probed[i] = fmt.Sprintf("probe-%05d", i)
	}
	others := names(max(scale.Rolling, scale.Storm))
	if err := apps.create(ctx, on, slices.Concat(probed, others)); err != nil {
		return err
	}
	probe := prober{on: on, apps: apps, names: probed, sample: sample, changes: scale.Changes}
	calm := func(ctx context.Context, during func(context.Context) error) error { return during(ctx) }
	rolling := func(ctx context.Context, during func(context.Context) error) error {
		return whileRolling(ctx, apps, others[:scale.Rolling], during)
	}
	storm := func(ctx context.Context, during func(context.Context) error) error {
		return inStorm(ctx, apps, others[:scale.Storm], during)
	}
	for _, in := range []struct {
		name    string
		weather func(context.Context, func(context.Context) error) error
	}{{"idle", calm}, {"rolling", rolling}, {"storm", storm}} {
		for _, what := range []struct {
			name  string
			probe func(context.Context, string) error
		}{{"change", probe.changed}, {"failure", probe.failed}} {
			name := what.name + "." + in.name
			log.Printf("latency: %s", name)
			if err := in.weather(ctx, func(ctx context.Context) error { return what.probe(ctx, name) }); err != nil {
				return err
			}
			mark, err := on.Mark()
			if err != nil {
				return err
			}
			if _, err := on.Settle(ctx, mark, who.Agent()); err != nil {
				return err
			}
		}
	}
	return program.Stop()
}

// rollingRate is how many rollouts start, and end, each second while others roll out.
const rollingRate = 5

// whileRolling calls during while all others roll out: rollingRate of them start each second, and minReadySeconds makes each
// rollout last until all others have started. At the end they return to the first image.
func whileRolling(ctx context.Context, apps *fleet, others []string, during func(context.Context) error) error {
	lasts := max(len(others)/rollingRate, 1) // seconds
	round := func(ctx context.Context, round int) error {
		patch := fmt.Sprintf(`{"spec":{"image":"my-app:rolling-%d","rollout":{"minReadySeconds":%d}}}`, round, lasts)
		return paced(ctx, others, time.Second/rollingRate, func(ctx context.Context, name string) error {
			return contender.Change(ctx, apps.kube, name, patch)
		})
	}
	if err := round(ctx, 0); err != nil {
		return err
	}
	if err := beside(ctx, 1, round, during); err != nil {
		return err
	}
	err := each(ctx, others, func(ctx context.Context, name string) error {
		return contender.Change(ctx, apps.kube, name, fmt.Sprintf(`{"spec":{"image":%q,"rollout":{"minReadySeconds":0}}}`, firstImage))
	})
	if err != nil {
		return err
	}
	return apps.runs(ctx, others, firstImage)
}

// inStorm calls during while all others are updated at once, again and again.
func inStorm(ctx context.Context, apps *fleet, others []string, during func(context.Context) error) error {
	round := func(ctx context.Context, round int) error {
		image := fmt.Sprintf("my-app:storm-%d", round)
		err := each(ctx, others, func(ctx context.Context, name string) error {
			return contender.AppStack{}.Update(ctx, apps.kube, name, image)
		})
		if err != nil {
			return err
		}
		return apps.runs(ctx, others, image)
	}
	return beside(ctx, 0, round, during)
}

// beside calls during and meanwhile round, again and again, with numbers from first. The end of during cancels the last round. A
// round that fails ends both.
func beside(ctx context.Context, first int, round func(context.Context, int) error, during func(context.Context) error) error {
	both, ctx := errgroup.WithContext(ctx)
	rounds, done := context.WithCancel(ctx)
	both.Go(func() error {
		for at := first; rounds.Err() == nil; at++ {
			if err := round(rounds, at); err != nil && rounds.Err() == nil {
				return err
			}
		}
		return nil
	})
	both.Go(func() error {
		defer done()
		return during(ctx)
	})
	return both.Wait()
}

// prober changes some stacks, and finds in the audit log when the operator reacted.
type prober struct {
	on      *cluster.Cluster
	apps    *fleet
	names   []string
	sample  *result.Sample
	changes int
}

// changed measures how soon a Deployment gets the image of a changed spec.
func (p prober) changed(ctx context.Context, name string) error {
	mark, err := p.on.Mark()
	if err != nil {
		return err
	}
	for round := range rounds(p.changes, len(p.names)) {
		image := fmt.Sprintf("my-app:%s-%d", name, round)
		err := paced(ctx, p.names, probePause, func(ctx context.Context, stack string) error {
			return contender.AppStack{}.Update(ctx, p.apps.kube, stack, image)
		})
		if err != nil {
			return err
		}
		if err := p.apps.runs(ctx, p.names, image); err != nil {
			return err
		}
	}
	asked, err := p.on.Requests(mark, contender.UserAgent)
	if err != nil {
		return err
	}
	asked = slices.DeleteFunc(asked, func(r cluster.Request) bool { // updates of a storm are not measured
		return r.What() != "patch appstacks" || !slices.Contains(p.names, r.ObjectRef.Name)
	})
	return p.time(name, mark, asked, func(r cluster.Request) string { return r.ObjectRef.Name })
}

// failed measures how soon a Deployment with a failed pod is rolled back.
func (p prober) failed(ctx context.Context, name string) error {
	who := contender.AppStack{}
	goodImage := fmt.Sprintf("my-app:%s", name)
	settle := func(image string) error {
		err := each(ctx, p.names, func(ctx context.Context, stack string) error { return who.Update(ctx, p.apps.kube, stack, image) })
		if err != nil {
			return err
		}
		if err := p.apps.runs(ctx, p.names, image); err != nil {
			return err
		}
		return p.apps.ready(ctx, p.names) // otherwise there would be no rollback target
	}
	if err := settle(goodImage); err != nil {
		return err
	}
	mark, err := p.on.Mark()
	if err != nil {
		return err
	}
	for round := range rounds(p.changes, len(p.names)) {
		image := fmt.Sprintf(brokenImage, name, round)
		if err := each(ctx, p.names, func(ctx context.Context, stack string) error {
			return who.Update(ctx, p.apps.kube, stack, image)
		}); err != nil {
			return err
		}
		pods, err := p.podsOf(ctx, image)
		if err != nil {
			return err
		}
		stacks := make([]string, 0, len(pods))
		for stack := range pods {
			stacks = append(stacks, stack)
		}
		slices.Sort(stacks)
		err = paced(ctx, stacks, probePause, func(ctx context.Context, stack string) error { return p.fail(ctx, pods[stack]) })
		if err != nil {
			return err
		}
		if err := p.apps.runs(ctx, p.names, goodImage); err != nil {
			return err
		}
	}
	failed, err := p.on.Requests(mark, contender.UserAgent)
	if err != nil {
		return err
	}
	failed = slices.DeleteFunc(failed, func(r cluster.Request) bool { return r.What() != "patch pods/status" })
	return p.time(name, mark, failed, func(r cluster.Request) string {
		stack, _, _ := cutLast(r.ObjectRef.Name, 2) // <stack>-<hash of the ReplicaSet>-<random>
		return stack
	})
}

// podsOf waits until each stack has a running pod of the image.
func (p prober) podsOf(ctx context.Context, image string) (map[string]*corev1.Pod, error) {
	pods := map[string]*corev1.Pod{}
	for {
		list := &corev1.PodList{}
		if err := p.apps.kube.List(ctx, list); err != nil {
			return nil, fmt.Errorf("listing pods: %w", err)
		}
		for i := range list.Items {
			pod := &list.Items[i]
			stack, _, _ := cutLast(pod.Name, 2)
			if pod.Spec.Containers[0].Image == image && pod.Status.Phase == corev1.PodRunning && slices.Contains(p.names, stack) {
				pods[stack] = pod
			}
		}
		if len(pods) == len(p.names) {
			return pods, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for pods of %s, %d are there: %w", image, len(pods), ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// fail sets a terminal failure in a pod's status: the third crash of a CrashLoopBackOff.
func (p prober) fail(ctx context.Context, pod *corev1.Pod) error {
	failing := pod.DeepCopy()
	now := metav1.Now()
	failing.Status.ContainerStatuses[0].RestartCount = 3
	failing.Status.ContainerStatuses[0].Ready = false
	failing.Status.ContainerStatuses[0].State = corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"},
	}
	failing.Status.ContainerStatuses[0].LastTerminationState = corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", FinishedAt: now, StartedAt: now},
	}
	if err := p.apps.kube.Status().Patch(ctx, failing, client.MergeFrom(pod)); err != nil {
		return fmt.Errorf("failing pod %s: %w", pod.Name, err)
	}
	return nil
}

// time finds for each request the operator's next write of the Deployment, and
// records the time from the request to the answer to the write, and how much
// of it the API server did not spend on their requests.
func (p prober) time(name string, mark cluster.Mark, asked []cluster.Request, stackOf func(cluster.Request) string) error {
	written, err := p.on.Requests(mark, contender.AppStack{}.Agent())
	if err != nil {
		return err
	}
	all := answersFor(p.names, written)
	var took, own []float64
	for _, request := range asked {
		if request.Failed() {
			continue
		}
		if whole, part, found := all.to(request, stackOf(request)); found {
			took, own = append(took, whole.Seconds()*1000), append(own, part.Seconds()*1000)
		}
	}
	if len(took) < p.changes {
		return fmt.Errorf("%s: %d changes were answered, of %d", name, len(took), p.changes)
	}
	slices.Sort(took)
	for label, q := range map[string]float64{"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1} {
		p.sample.Values[name+"."+label+".ms"] = result.Quantile(took, q)
	}
	slices.Sort(own)
	p.sample.Values[name+".own.p50.ms"] = result.Quantile(own, 0.5)
	p.sample.Values[name+".changes"] = float64(len(took))
	return nil
}

// rounds returns how often the stacks must change for at least that many changes.
func rounds(changes, stacks int) int { return (changes + stacks - 1) / stacks }

// cutLast cuts the last parts off a name, which are separated by dashes.
func cutLast(name string, parts int) (before, after string, found bool) {
	at := len(name)
	for range parts {
		if at = strings.LastIndexByte(name[:at], '-'); at < 0 {
			return name, "", false
		}
	}
	return name[:at], name[at+1:], true
}
