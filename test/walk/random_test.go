// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/faults"
	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/operator"
	"github.com/appstack-dev/appstack/test/oracle"
	"github.com/appstack-dev/appstack/test/world"
)

const (
	// steps is the number of steps of a walk.
	steps = 20
	// walksAtOnce is how many walks run concurrently.
	walksAtOnce = 10
	// arrival is how long a walk may take to converge after its last step.
	arrival = 100 * time.Second
	// standing is how long no object may be written after that.
	standing = 1500 * time.Millisecond
)

// wanderer is a stack under random changes.
type wanderer struct {
	seed      uint64
	random    *rand.Rand
	namespace string
	injector  faults.Injector
	stop      func() error
	died      <-chan struct{}

	told   []string
	counts map[string]int
	diff   string
	wrong  []string
	err    error
}

// destinations contains the results of fresh applies, by spec.
type destinations struct {
	mu  sync.Mutex
	all map[string]string
}

var _ = Describe("A random walk", func() {
	It("ends where a fresh apply of the same spec does (R1, R2, R7, R9, R12, R16, R28)", func(ctx SpecContext) {
		seeds := number("WALK_SEEDS", 500)
		first := number("WALK_SEED", 1)
		to := &destinations{all: map[string]string{}}
		walks := make([]*wanderer, seeds)
		next := make(chan int)
		var group sync.WaitGroup
		for range walksAtOnce {
			group.Go(func() {
				for i := range next {
					walks[i] = walk(ctx, first+uint64(i), to) //nolint:gosec // not negative
				}
			})
		}
		for i := range walks {
			next <- i
		}
		close(next)
		group.Wait()

		AddReportEntry("random walks", reportWalks(walks))
		for _, w := range walks {
			Expect(w.err).NotTo(HaveOccurred(), w.String)
			Expect(w.wrong).To(BeEmpty(), w.String)
			Expect(w.diff).To(BeEmpty(), w.String)
		}
		Expect(operator.Panics()).To(BeZero())
	}, SpecTimeout(50*time.Minute))
})

// number returns the value of an environment variable.
func number(variable string, otherwise uint64) uint64 {
	GinkgoHelper()
	n, err := strconv.ParseUint(cmp.Or(os.Getenv(variable), fmt.Sprint(otherwise)), 10, 32)
	Expect(err).NotTo(HaveOccurred(), "%s is not a number", variable)
	return n
}

// walk carries out a walk. Between steps it does not wait for rollouts to end.
func walk(ctx context.Context, seed uint64, to *destinations) *wanderer {
	w := &wanderer{seed: seed, random: rand.New(rand.NewPCG(seed, 0)), counts: map[string]int{}} //nolint:gosec // to be repeated
	if w.err = w.begin(ctx, wander); w.err != nil {
		return w
	}
	defer w.leave(ctx)
	for range steps {
		s := w.next()
		w.told = append(w.told, s.line)
		w.counts[s.kind]++
		if w.err = s.do(ctx); w.err != nil {
			w.err = fmt.Errorf("%s: %w", s.line, w.err)
			return w
		}
		if w.err = w.live(ctx, time.Duration(w.random.IntN(700))*time.Millisecond); w.err != nil {
			return w
		}
	}
	if w.err = w.putConfig(ctx, lastConfig); w.err != nil {
		return w
	}
	if w.err = w.change(ctx, lastChanges...); w.err != nil {
		return w
	}
	var want string
	if want, w.err = to.of(ctx, w); w.err == nil {
		w.diff, w.wrong, w.err = w.arrive(ctx, want)
	}
	return w
}

// wander sets the initial spec of walks.
func wander(s *v1alpha1.AppStack) {
	With(s, Replicas(2), EnvFrom("web"), Rollout(v1alpha1.RolloutPolicy{MinReadySeconds: ptr.To[int32](0)}),
		Component("worker", 1, nil, "work"))
}

// lastChanges are the last changes of a walk, after which the spec works. They withdraw a
// restart that waits for the end of a rollback: in a fresh apply nothing ran before,
// so there is nothing to restart.
var lastChanges = []Option{Image("my-app:4"), NoRollback(), Paused(false), func(s *v1alpha1.AppStack) {
	s.Spec.Replicas, s.Spec.RestartedAt = ptr.To(max(1, *s.Spec.Replicas)), nil
}}

// lastConfig is the content of ConfigMap web at the end of a walk.
const lastConfig = "last"

// begin creates a namespace with a stack, and starts an operator for it.
func (w *wanderer) begin(ctx context.Context, options ...Option) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "appstack-walk-"}}
	if err := world.Kube.Create(ctx, namespace); err != nil {
		return err
	}
	w.namespace = namespace.Name
	if err := w.putConfig(ctx, lastConfig); err != nil {
		return err
	}
	if err := w.operate(); err != nil {
		return err
	}
	return world.Kube.Create(ctx, With(Stack(world.App, InNamespace(w.namespace)), options...))
}

// operate starts an operator.
func (w *wanderer) operate() error {
	way, died := w.injector.Connect(world.Connection(world.OperatorAgent))
	stop, err := operator.Start(context.Background(), way, operator.Options{Namespaces: []string{w.namespace}})
	if err != nil {
		return err
	}
	w.stop, w.died = stop, died
	return nil
}

// leave stops the operator and deletes the namespace.
func (w *wanderer) leave(ctx context.Context) {
	err := w.stop()
	if w.err == nil {
		w.err = err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}
	if err := client.IgnoreNotFound(world.Kube.Delete(ctx, namespace)); w.err == nil {
		w.err = err
	}
}

// armCrash crashes the operator at one of its next writes, before or after the write.
func (w *wanderer) armCrash(context.Context) error {
	w.injector.Arm(1+w.random.IntN(4), faults.All()[w.random.IntN(2)])
	return nil
}

// live lets time pass. It replaces an operator that crashes meanwhile.
func (w *wanderer) live(ctx context.Context, duration time.Duration) error {
	over := time.After(duration)
	for {
		select {
		case <-over:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-w.died:
			if err := w.stop(); err != nil {
				return err
			}
			if err := w.operate(); err != nil {
				return err
			}
		}
	}
}

// arrive waits until the running state is as wanted, nothing is wrong and no object
// is written anymore. It returns the remaining differences.
func (w *wanderer) arrive(ctx context.Context, want string) (diff string, wrong []string, err error) {
	versions, since := "", time.Now()
	err = wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, arrival, true, func(ctx context.Context) (bool, error) {
		if err := w.live(ctx, 0); err != nil {
			return false, err
		}
		now, err := oracle.Read(ctx, world.Kube, w.namespace)
		if err != nil {
			return false, err
		}
		if seen := now.Versions(); seen != versions {
			versions, since = seen, time.Now()
		}
		got, err := now.Running()
		if err != nil {
			return false, err
		}
		wrong = now.Wrong()
		if want != "" {
			diff = oracle.Diff(want, got)
		} else if !strings.Contains(got, "Ready=True") {
			diff = got
		} else {
			diff = ""
		}
		return diff == "" && len(wrong) == 0 && time.Since(since) >= standing, nil
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		if diff == "" && len(wrong) == 0 {
			return "objects are still being written", nil, nil
		}
		return diff, wrong, nil
	}
	return diff, wrong, err
}

// of returns the running state after a fresh apply of the walk's final spec.
func (d *destinations) of(ctx context.Context, w *wanderer) (string, error) {
	stack, err := world.Get[v1alpha1.AppStack](ctx, w.namespace, world.App)
	if err != nil {
		return "", err
	}
	spec := *stack.Spec.DeepCopy()

	key, err := json.Marshal(spec)
	if err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if known, found := d.all[string(key)]; found {
		return known, nil
	}
	fresh := &wanderer{random: w.random}
	if err := fresh.begin(ctx, func(s *v1alpha1.AppStack) { s.Spec = spec }); err != nil {
		return "", err
	}
	defer fresh.leave(ctx)
	if diff, wrong, err := fresh.arrive(ctx, ""); err != nil || diff != "" || len(wrong) > 0 {
		return "", fmt.Errorf("a fresh apply of %s: %w\n%s\n%s", key, err, wrong, diff)
	}
	now, err := oracle.Read(ctx, world.Kube, fresh.namespace)
	if err != nil {
		return "", err
	}
	d.all[string(key)], err = now.Running()
	return d.all[string(key)], err
}

// String describes the walk.
func (w *wanderer) String() string {
	return fmt.Sprintf("seed %d (WALK_SEED=%d WALK_SEEDS=1), namespace %s:\n  %s\nwrong: %s\n- fresh, + after the walk:\n%s",
		w.seed, w.seed, w.namespace, strings.Join(w.told, "\n  "), strings.Join(w.wrong, "; "), w.diff)
}

// reportWalks returns a table of the walks, and also writes it to bin/reports/walks.txt.
func reportWalks(walks []*wanderer) string {
	GinkgoHelper()
	counts := map[string]int{}
	converged := 0
	var failed []string
	for _, w := range walks {
		for kind, n := range w.counts {
			counts[kind] += n
		}
		if w.err == nil && w.diff == "" && len(w.wrong) == 0 {
			converged++
		} else {
			failed = append(failed, fmt.Sprintf("%s\n%v", w, w.err))
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d walks of %d steps: %d ended as a fresh apply, %d did not\n", len(walks), steps, converged, len(walks)-converged)
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&text, "  %-18s %5d\n", kind, counts[kind])
	}
	text.WriteString(strings.Join(failed, "\n"))
	path := filepath.Join(world.Root(), "bin", "reports", "walks.txt")
	Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
	Expect(os.WriteFile(path, []byte(text.String()), 0o600)).To(Succeed())
	return text.String()
}
