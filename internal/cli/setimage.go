// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

func (p *Plugin) setImage() *cobra.Command {
	var cause string
	var flags *changeOptions
	cmd := &cobra.Command{
		Use:   "set-image NAME [COMPONENT=]IMAGE...",
		Short: "Update the image of a stack",
		Long: `Update the image of the main component, or of the named components, and roll it out.
A component without an image of its own runs the main component's image.

This ends a rollback that applies to the previous content (spec.rollback.fromRevision).`,
		Example: `  kubectl appstack set-image my-app registry.example.com/my-app:1.5.0 --wait
  kubectl appstack set-image shop worker=shop-worker:2 --cause "less memory"`,
		Args:              cobra.MinimumNArgs(2),
		ValidArgsFunction: p.completeComponents("="),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := flags.connect(p)
			if err != nil {
				return err
			}
			cause := c.causeOrDefault(cmd.Context(), cause, "set-image "+strings.Join(args[1:], " "))
			return flags.release(cmd.Context(), c, stackName(args[0]), func(stack *v1alpha1.AppStack) error {
				changed := false
				for _, a := range assignments(args[1:]) {
					_, image, err := specOf(stack, a.component)
					if err != nil {
						return err
					}
					if a.value == "" {
						return fmt.Errorf("component %s: an image is required after the =", a.component)
					}
					changed = changed || *image != a.value
					*image = a.value
				}
				if !changed {
					return nil
				}
				// New content ends a rollback with fromRevision. If it stayed in the spec, it
				// would take effect again with the old image.
				if rollback := stack.Spec.Rollback; rollback != nil && rollback.FromRevision != nil {
					stack.Spec.Rollback = nil
				}
				setCause(stack, cause)
				return nil
			})
		},
	}
	causeFlag(cmd, &cause)
	flags = p.changeFlags(cmd, "image updated")
	flags.flags(cmd)
	return cmd
}
