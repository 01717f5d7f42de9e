// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/release"
	"github.com/appstack-dev/appstack/internal/cli/show"
)

// defaultTimeout is the default of --timeout. It is longer than the default progress deadline of a
// rollout.
const defaultTimeout = 15 * time.Minute

func (p *Plugin) wait() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "wait NAME",
		Short: "Wait until the stack is ready, or its release has failed",
		Long: `Wait until the stack is ready, or its release has failed, and print the progress.

The exit code is
  0  if the stack is ready: everything in the spec is running,
  1  if you need to act: the release failed (the reason is printed to the
     standard error), the spec is rejected, or the stack is paused or deleted,
  2  if the timeout expires.`,
		Example: `  # In a pipeline: release, and fail if the release fails
  kubectl apply -f my-app.yaml
  kubectl appstack wait my-app --timeout 5m`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.connect()
			if err != nil {
				return err
			}
			return c.wait(cmd.Context(), p.Out, stackName(args[0]), 0, timeout)
		},
	}
	timeoutFlag(cmd, &timeout)
	return cmd
}

func timeoutFlag(cmd *cobra.Command, timeout *time.Duration) {
	cmd.Flags().DurationVar(timeout, "timeout", defaultTimeout, "The length of time to wait before giving up. Zero means no timeout.")
}

// waitOptions are the flags of a command that changes a stack and may wait for it.
type waitOptions struct {
	wait    bool
	timeout time.Duration
}

// flags adds the flags to the command.
func (w *waitOptions) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&w.wait, "wait", false, "Wait until the stack is ready, with the exit codes of kubectl appstack wait.")
	timeoutFlag(cmd, &w.timeout)
}

// wait waits until the stack is ready at the generation or a later one, or until the user has to
// act, and writes its progress to out.
func (c *connection) wait(ctx context.Context, out io.Writer, name string, generation int64, timeout time.Duration) error {
	waited := ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		waited, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	progress := &progress{plugin: c.plugin, out: out}
	var last *v1alpha1.AppStack
	err := c.follow(waited, name, func(stack *v1alpha1.AppStack) (bool, error) {
		last = stack
		if stack.Generation < generation {
			return false, nil
		}
		progress.update(stack)
		return settled(stack), nil
	})
	switch {
	case err == nil && show.Ready(last).Status != metav1.ConditionTrue:
		return c.failed(ctx, last)
	case errors.Is(err, context.DeadlineExceeded):
		return exit{fmt.Errorf("not ready after %s: %s; see kubectl appstack why %s%s",
			timeout, c.plugin.errView().Line(last, name), name, c.plugin.scope()), ExitTimeout}
	default:
		return err
	}
}

// settled reports whether the wait is over: the stack is ready, or the user has to act.
func settled(stack *v1alpha1.AppStack) bool {
	ready := show.Ready(stack)
	return show.Current(stack) && (show.Stalled(stack) != nil || ready.Status == metav1.ConditionTrue ||
		ready.Reason == v1alpha1.ReasonPaused)
}

// failed writes to standard error why the stack is not ready and what to do, and returns the error
// with its exit code.
func (c *connection) failed(ctx context.Context, stack *v1alpha1.AppStack) error {
	r, err := c.release(ctx, stack.Name)
	if err != nil { // the stack itself suffices for most of the advice
		r = release.Release{}
	}
	r.Stack = stack
	view := c.plugin.errView()
	var out strings.Builder
	if failure := stack.Status.Failure; failure != nil {
		out.WriteString(view.FailureReport(failure) + "\n")
	}
	out.WriteString(view.Advice(r))
	fmt.Fprint(c.plugin.ErrOut, out.String())
	return exit{errors.New(view.Line(stack, stack.Name)), ExitError}
}

// progress writes a line for each change of the stack's state.
type progress struct {
	plugin *Plugin
	out    io.Writer
	last   string
}

func (p *progress) update(stack *v1alpha1.AppStack) {
	line := p.plugin.view().Line(stack, stack.Name)
	if line == p.last {
		return
	}
	p.last = line
	fmt.Fprintf(p.out, "%s  %s\n", p.plugin.Clock.Now().Format(time.TimeOnly), line)
}
