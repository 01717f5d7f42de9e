// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (p *Plugin) why() *cobra.Command {
	return &cobra.Command{
		Use:   "why NAME",
		Short: "Explain the state of a stack in sentences, and what to do",
		Long: `Explain the state of a stack in sentences: what runs, what was asked for, what failed, and what to do.

Where you may read the claims that its pods mount, it warns of those that an update may
wait for: only one node, or one pod, can mount them, and new pods start beside old ones.`,
		Example:           `  kubectl appstack why my-app`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.connect()
			if err != nil {
				return err
			}
			r, err := c.release(cmd.Context(), stackName(args[0]))
			if err != nil {
				return err
			}
			r.NarrowClaims = r.ReadNarrowClaims(cmd.Context(), c)
			fmt.Fprint(p.Out, p.view().Why(r))
			return nil
		},
	}
}
