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
		Short: "Show a stack as a tree: components, revisions, pods, and what it waits for",
		Long: `Show a stack as a tree: its components, their ReplicaSets with the revisions that
they run, and the pods; what it waits for; and why a release failed.

With --watch the tree is drawn anew whenever something changes, with a bar for
each component, until you press Ctrl-C. Where the output is no terminal, a line
is written for each change instead.`,
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
			case watch && !out.forPeople():
				return fmt.Errorf("--watch shows a tree: leave out --output %s, or use kubectl get appstack %s --watch", *out.OutputFormat, args[0])
			case watch && terminal.Is(p.Out, p.Env):
				return c.live(cmd.Context(), stackName(args[0]), out.wide())
			case watch:
				return c.lines(cmd.Context(), stackName(args[0]))
			}
			if !out.forPeople() {
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
			r.NarrowClaims = r.ReadNarrowClaims(cmd.Context(), c)
			view := p.view()
			view.Wide = out.wide()
			fmt.Fprint(p.Out, view.Tree(r, false))
			return nil
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "Go on showing what changes.")
	out = p.outputOf(cmd, "")
	return cmd
}

// lines prints a line for each change, until the stack is deleted or the context ends.
func (c *connection) lines(ctx context.Context, name string) error {
	progress := &progress{plugin: c.plugin, out: c.plugin.Out}
	err := c.follow(ctx, name, func(stack *v1alpha1.AppStack) (bool, error) {
		progress.see(stack)
		return false, nil
	})
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
