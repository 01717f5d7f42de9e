// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/release"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/naming"
)

func (p *Plugin) history() *cobra.Command {
	var number int64
	var out *data
	cmd := &cobra.Command{
		Use:   "history NAME",
		Short: "Show the rollouts of a stack, newest first, or the content of a revision",
		Long: `Show the rollouts of a stack, newest first: the revision, outcome, trigger, age,
duration, images and cause of each; with -o wide also the ConfigMaps and the message.

With --revision, show the content of that revision as YAML: the pod template and
the Service of each component, without the defaults that Kubernetes sets.`,
		Example: `  kubectl appstack history my-app
  kubectl appstack history my-app --revision 4`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.connect()
			if err != nil {
				return err
			}
			if number != 0 {
				return c.content(cmd, stackName(args[0]), number, out)
			}
			stack, err := c.stack(cmd.Context(), stackName(args[0]))
			if err != nil {
				return err
			}
			history := stack.Status.History
			if history == nil {
				history = []v1alpha1.RolloutStatus{}
			}
			if done, err := out.print(p, history); done || err != nil {
				return err
			}
			if out.format == "name" {
				for _, rollout := range history {
					fmt.Fprintln(p.Out, revisionName(stack, rollout.Revision))
				}
				return nil
			}
			if len(history) == 0 {
				fmt.Fprintf(p.ErrOut, "%s has no rollouts yet: see kubectl appstack why %s%s\n", stack.Name, stack.Name, p.scope())
				return nil
			}
			view := p.view()
			view.Wide = out.format == wide
			var revisions []model.Revision
			if view.Wide {
				r, err := c.release(cmd.Context(), stack.Name)
				if err != nil {
					return err
				}
				revisions = r.Revisions
			}
			fmt.Fprint(p.Out, view.History(history, revisions))
			return nil
		},
	}
	cmd.Flags().Int64Var(&number, "revision", 0, "Show the content of the revision with this number.")
	out = dataOf(cmd, "json", "yaml", wide, "name")
	p.completeRevisions(cmd, "revision")
	return cmd
}

func revisionName(stack *v1alpha1.AppStack, number int64) string {
	return "controllerrevision.apps/" + naming.Revision(stack.Name, number)
}

// content prints the content of a revision.
func (c *connection) content(cmd *cobra.Command, name string, number int64, out *data) error {
	r, err := c.release(cmd.Context(), name)
	if err != nil {
		return err
	}
	rev, err := c.find(r, number)
	if err != nil {
		return err
	}
	if done, err := out.print(c.plugin, rev.Content); done || err != nil {
		return err
	}
	if out.format == "name" {
		fmt.Fprintln(c.plugin.Out, revisionName(r.Stack, number))
		return nil
	}
	text, err := c.plugin.view().Content(rev.Content)
	if err != nil {
		return err
	}
	fmt.Fprint(c.plugin.Out, text)
	return nil
}

// find returns the revision with the number, or an error that lists the existing ones.
func (c *connection) find(r release.Release, number int64) (*model.Revision, error) {
	if err := r.Denied[release.RevisionKind]; err != nil {
		return nil, err
	}
	if rev := r.Find(number); rev != nil {
		return rev, nil
	}
	if err := c.anyRevision(r); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%s has no revision %d: use one of %s", r.Stack.Name, number, r.Numbers())
}

// anyRevision returns an error if the stack has no revisions yet.
func (c *connection) anyRevision(r release.Release) error {
	if len(r.Revisions) > 0 {
		return nil
	}
	return fmt.Errorf("%s has no revisions yet: see kubectl appstack why %s%s", r.Stack.Name, r.Stack.Name, c.plugin.scope())
}
