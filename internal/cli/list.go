// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/show"
)

func (p *Plugin) list() *cobra.Command {
	var all bool
	var selector string
	var out output
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List stacks, those that need attention first",
		Long:    `List stacks, one per line: those that need attention first, then those in progress.`,
		Example: `  kubectl appstack list
  kubectl appstack list --all-namespaces -o wide`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.connect()
			if err != nil {
				return err
			}
			options := &client.ListOptions{}
			if !all {
				options.Namespace = c.namespace
			}
			if options.LabelSelector, err = labels.Parse(selector); err != nil {
				return fmt.Errorf("--selector: %w", err)
			}
			stacks := &v1alpha1.AppStackList{}
			if err := c.List(cmd.Context(), stacks, options); err != nil {
				return err
			}
			if !out.humanReadable() {
				stacks.Items = show.Sorted(stacks.Items)
				return out.printList(c, stacks)
			}
			if len(stacks.Items) == 0 {
				where := " in namespace " + c.namespace
				if all {
					where = ""
				}
				fmt.Fprintf(p.ErrOut, "No stacks found%s: create one with kubectl appstack create NAME --image IMAGE\n", where)
				return nil
			}
			view := p.view()
			view.Wide = out.wide()
			fmt.Fprint(p.Out, view.List(stacks.Items, all))
			return nil
		},
	}
	cmd.Flags().BoolVarP(&all, "all-namespaces", "A", false, "List the stacks in all namespaces.")
	cmd.Flags().StringVarP(&selector, "selector", "l", "", "Label selector to filter on, such as team=shop.")
	out = p.outputOf(cmd, "")
	return cmd
}
