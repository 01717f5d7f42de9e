// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/appstack-dev/appstack/internal/cli/release"
	"github.com/appstack-dev/appstack/internal/cli/show"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/internal/render"
)

func (p *Plugin) diff() *cobra.Command {
	return &cobra.Command{
		Use:   "diff NAME [A [B]]",
		Short: "Show the differences between two revisions, or between a revision and the spec",
		Long: `Show the differences between two revisions, as a unified diff of their content.

With A and B, compare revision A with revision B. With only A, compare revision A
with the newest revision. Without either, compare the newest revision with the spec.
Replicas and other operational settings are not part of a revision. ConfigMaps are
compared key by key: those of the spec as they are now, those of a revision as it has
copied them. With spec.secretChanges Restart, Secrets that have changed are listed with
the names and sizes of their keys.

The spec is rendered as the operator renders it, but without querying registries:
settings from a new image are known only when its revision is created.`,
		Example: `  kubectl appstack diff my-app
  kubectl appstack diff my-app 4 5`,
		Args: cobra.RangeArgs(1, 3),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return p.completeNames(cmd, args, toComplete)
			}
			return p.revisionsOf(cmd, stackName(args[0]), len(args) < 3)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.connect()
			if err != nil {
				return err
			}
			r, err := c.release(cmd.Context(), stackName(args[0]))
			if err != nil {
				return err
			}
			before, after, err := c.sides(cmd.Context(), r, args[1:])
			if err != nil {
				return err
			}
			text, err := p.view().Diff(before, after)
			if err != nil {
				return err
			}
			if text == "" {
				fmt.Fprintf(p.Out, "%s and %s do not differ\n", before.Name, after.Name)
				return nil
			}
			fmt.Fprint(p.Out, text)
			return nil
		},
	}
}

// sides returns the two contents to compare: of the given revisions, else of the newest revision
// and the spec.
func (c *connection) sides(
	ctx context.Context, r release.Release, numbers []string,
) (before, after show.Side, err error) {
	if err := r.Denied[release.RevisionKind]; err != nil {
		return before, after, err
	}
	if err := c.anyRevision(r); err != nil && len(numbers) > 0 {
		return before, after, err
	}
	var sides []show.Side
	for _, text := range numbers {
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return before, after, fmt.Errorf("%q is not a revision number: use one of %s", text, r.Numbers())
		}
		rev, err := c.find(r, number)
		if err != nil {
			return before, after, err
		}
		side, err := c.side(ctx, rev)
		if err != nil {
			return before, after, err
		}
		sides = append(sides, side)
	}
	if len(sides) == 2 {
		return sides[0], sides[1], nil
	}
	newest := show.Side{Name: "no revision"}
	if len(r.Revisions) > 0 {
		if newest, err = c.side(ctx, &r.Revisions[len(r.Revisions)-1]); err != nil {
			return before, after, err
		}
	}
	if len(sides) == 1 {
		return sides[0], newest, nil
	}
	content, err := r.Spec()
	if err != nil {
		return before, after, err
	}
	spec := show.Side{Name: "the spec", Content: render.WithConfig(content, nil)}
	if spec.Config, err = c.liveConfig(ctx, content, r.Stack.Spec); err != nil {
		return before, after, err
	}
	spec.Secrets, err = c.changedSecrets(ctx, r, content)
	return newest, spec, err
}

// side returns the side of a revision.
func (c *connection) side(ctx context.Context, rev *model.Revision) (show.Side, error) {
	side := show.Side{Name: fmt.Sprintf("revision %d", rev.Number), Content: render.WithConfig(rev.Content, nil)}
	var err error
	side.Config, err = c.copiedConfig(ctx, rev.Content)
	return side, err
}
