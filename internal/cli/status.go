// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/terminal"
)

func (p *Plugin) status() *cobra.Command {
	var watch bool
	var out output
	cmd := &cobra.Command{
		Use:   "status NAME",
		Short: "Show the status of a stack: components, revisions and pods",
		Long: `Show the status of a stack, what it waits for, and a tree of its components, their
ReplicaSets with their revisions, and the pods. If a release failed, show why.

With --watch, the tree is redrawn on each change, with a progress bar for each
component, until you press Ctrl-C. If the output is not a terminal, each change is
printed as a line instead.`,
		Example: `  kubectl appstack status my-app
  kubectl appstack status my-app -w`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.connect()
			if err != nil {
				return err
			}
			switch {
			case watch && !out.humanReadable():
				return fmt.Errorf("--watch cannot be used with --output %s: use kubectl get appstack %s --watch", *out.OutputFormat, args[0])
			case watch && terminal.Is(p.Out, p.Env):
				return c.live(cmd.Context(), stackName(args[0]), out.wide())
			case watch:
				return c.lines(cmd.Context(), stackName(args[0]))
			}
			if !out.humanReadable() {
				stack, err := c.stack(cmd.Context(), stackName(args[0]))
				if err != nil {
					return err
				}
				return out.print(c, stack)
			}
			r, err := c.release(cmd.Context(), stackName(args[0]))
			if err != nil {
				return err
			}
			r.SingleNodeClaims = r.ReadSingleNodeClaims(cmd.Context(), c)
			view := p.view()
			view.Wide = out.wide()
			fmt.Fprint(p.Out, view.Tree(r, false))
			return nil
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "Watch for changes.")
	out = p.outputOf(cmd, "")
	return cmd
}

// lines prints a line for each change, until the stack is deleted or the context ends.
func (c *connection) lines(ctx context.Context, name string) error {
	progress := &progress{plugin: c.plugin, out: c.plugin.Out}
	err := c.follow(ctx, name, func(stack *v1alpha1.AppStack) (bool, error) {
		progress.update(stack)
		return false, nil
	})
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
