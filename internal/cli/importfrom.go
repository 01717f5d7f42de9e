// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"github.com/spf13/cobra"
)

func (p *Plugin) importFrom() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Make stacks of what another tool describes",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	return cmd
}
