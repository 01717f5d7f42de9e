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
		Short: "Explain the state of a stack, and what to do",
		Long: `Explain the state of a stack: what is running, what is requested, what failed, and what
to do.

If you have permission to read the claims that the pods mount, this also warns about claims
that can block an update: only one node or one pod can mount them, and new pods start before
old pods stop.`,
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
			r.SingleNodeClaims = r.ReadSingleNodeClaims(cmd.Context(), c)
			fmt.Fprint(p.Out, p.view().Why(r))
			return nil
		},
	}
}
