// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (p *Plugin) why() *cobra.Command {
	return &cobra.Command{
		Use:               "why NAME",
		Short:             "Explain the state of a stack in sentences, and what to do",
		Long:              `Explain the state of a stack in sentences: what runs, what was asked for, what failed, and what to do.`,
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
			fmt.Fprint(p.Out, p.view().Why(r))
			return nil
		},
	}
}
