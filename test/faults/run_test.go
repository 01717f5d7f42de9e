// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package faults_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"

	"github.com/appstack-dev/appstack/test/faults"
	"github.com/appstack-dev/appstack/test/operator"
	"github.com/appstack-dev/appstack/test/oracle"
	"github.com/appstack-dev/appstack/test/world"
)

const (
	// patience is the time limit of a run: longer than the backoff of a rejected write.
	patience = 100 * time.Second
	// still is how long nothing may be written after its end.
	still = 1500 * time.Millisecond
)

// run is a workload in its own namespace, with its own operator.
type run struct {
	namespace string
	// by is the client config of its operators, without the injector.
	by       *rest.Config
	injector faults.Injector
	stop     func() error
	died     <-chan struct{}
}

// begin creates the namespace, starts the operator, and carries out the changes before the workload.
func begin(ctx context.Context, w workload, by *rest.Config) (*run, error) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "appstack-faults-"}}
	if err := world.Kube.Create(ctx, namespace); err != nil {
		return nil, err
	}
	r := &run{namespace: namespace.Name, by: by}
	if err := r.start(); err != nil {
		return r, err
	}
	for _, act := range w.before {
		if err := r.do(ctx, act); err != nil {
			return r, fmt.Errorf("before it began: %w", err)
		}
	}
	_, err := r.settle(ctx, "")
	return r, err
}

// start starts an operator for the namespace.
func (r *run) start() error {
	way, died := r.injector.Connect(r.by)
	stop, err := operator.Start(context.Background(), way, operator.Options{Namespaces: []string{r.namespace}})
	if err != nil {
		return err
	}
	r.stop, r.died = stop, died
	return nil
}

// end stops the operator if it runs.
func (r *run) end() error {
	if r.stop == nil {
		return nil
	}
	stop := r.stop
	r.stop = nil
	return stop()
}

// do carries out an act and waits for its end. It replaces an operator that dies.
func (r *run) do(ctx context.Context, a act) error {
	if err := a.by(ctx, r.namespace); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- a.await(ctx, r.namespace, patience) }()
	for {
		select {
		case err := <-ended:
			return err
		case <-r.died:
			if err := r.replace(); err != nil {
				return errors.Join(err, <-ended)
			}
		}
	}
}

// replace starts another operator after one died.
func (r *run) replace() error {
	if err := r.end(); err != nil {
		return err
	}
	return r.start()
}

// settle waits until nothing is written for a while, no invariant is violated, and the state is the
// wanted one, if one is given. It returns the last state, also after the time limit.
func (r *run) settle(ctx context.Context, want string) (outcome, error) {
	var last outcome
	versions, since := "", time.Now()
	err := poll(ctx, patience, func() (bool, error) {
		select {
		case <-r.died: // with the last write of all
			if err := r.replace(); err != nil {
				return false, err
			}
			since = time.Now()
		default:
		}
		now, err := oracle.Read(ctx, world.Kube, r.namespace)
		if err != nil {
			return false, err
		}
		seen := fmt.Sprintf("%s\n%d writes", now.Versions(), len(r.injector.Writes()))
		if seen != versions {
			versions, since = seen, time.Now()
		}
		last.wrong = now.Wrong()
		if last.state, err = now.State(); err != nil {
			return false, err
		}
		return time.Since(since) >= still && len(last.wrong) == 0 && (want == "" || last.state == want), nil
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		return last, nil
	}
	return last, err
}

// outcome is the end of a run.
type outcome struct {
	state string
	wrong []string
}

// play carries out a whole run, with the fault at the n-th write.
func play(ctx context.Context, w workload, n int, fault faults.Fault, want string) (*run, outcome, error) {
	r, err := begin(ctx, w, config)
	if err != nil {
		return r, outcome{}, err
	}
	r.injector.Arm(n, fault)
	for _, act := range w.acts {
		if err := r.do(ctx, act); err != nil {
			return r, outcome{}, err
		}
	}
	end, err := r.settle(ctx, want)
	return r, end, err
}

func poll(ctx context.Context, within time.Duration, done func() (bool, error)) error {
	return wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, within, true,
		func(context.Context) (bool, error) { return done() })
}
