// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/show"
	"github.com/appstack-dev/appstack/internal/naming"
)

// complete registers fixed completions for a flag.
func complete(cmd *cobra.Command, flag string, completions ...string) {
	register(cmd, flag, cobra.FixedCompletions(completions, cobra.ShellCompDirectiveNoFileComp))
}

// register sets the completion function of a flag. It panics if the flag does not exist, which is a
// programming error.
func register(cmd *cobra.Command, flag string, complete cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err)
	}
}

// noCompletions returns no completions. It is used if there is nothing to complete, or if the
// cluster cannot be read.
func noCompletions() ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// completeConnection registers completions for --namespace and --context.
func (p *Plugin) completeConnection(root *cobra.Command) {
	register(root, "namespace", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		c, err := p.connect()
		if err != nil {
			return noCompletions()
		}
		var namespaces corev1.NamespaceList
		if err := c.List(cmd.Context(), &namespaces); err != nil {
			return noCompletions()
		}
		var names []string
		for _, namespace := range namespaces.Items {
			names = append(names, namespace.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
	names := func(pick func() []string) cobra.CompletionFunc {
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return pick(), cobra.ShellCompDirectiveNoFileComp
		}
	}
	register(root, "context", names(func() []string {
		config, err := p.flags.ToRawKubeConfigLoader().RawConfig()
		if err != nil {
			return nil
		}
		var contexts []string
		for name := range config.Contexts {
			contexts = append(contexts, name)
		}
		slices.Sort(contexts)
		return contexts
	}))
}

// completeNames completes the name of a stack, and describes each by its state.
func (p *Plugin) completeNames(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return noCompletions()
	}
	c, err := p.connect()
	if err != nil {
		return noCompletions()
	}
	var stacks v1alpha1.AppStackList
	if err := c.List(cmd.Context(), &stacks, client.InNamespace(c.namespace)); err != nil {
		return noCompletions()
	}
	var completions []string
	for _, stack := range stacks.Items {
		completions = append(completions, cobra.CompletionWithDesc(stack.Name, show.Ready(&stack).Reason))
	}
	return completions, cobra.ShellCompDirectiveNoFileComp
}

// completeRevisions registers the revisions of the stack that the command names as the completions
// of a flag.
func (p *Plugin) completeRevisions(cmd *cobra.Command, flag string) {
	register(cmd, flag, func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return noCompletions()
		}
		return p.revisionsOf(cmd, args[0], true)
	})
}

// revisionsOf returns the revisions of the stack as completions, newest first, each described by its
// image and the outcome of its last rollout. It returns nothing unless enabled is set.
func (p *Plugin) revisionsOf(cmd *cobra.Command, name string, enabled bool) ([]string, cobra.ShellCompDirective) {
	if !enabled {
		return noCompletions()
	}
	c, err := p.connect()
	if err != nil {
		return noCompletions()
	}
	r, err := c.release(cmd.Context(), name)
	if err != nil {
		return noCompletions()
	}
	var completions []string
	for _, rev := range slices.Backward(r.Revisions) {
		description := ""
		if main := rev.Content.Find(naming.Main); main != nil {
			description = show.ShortImage(main.App().Image)
		}
		if n := len(rev.Record.Rollouts); n > 0 {
			description = fmt.Sprintf("%s, %s", description, rev.Record.Rollouts[n-1].Outcome)
		}
		completions = append(completions, cobra.CompletionWithDesc(strconv.FormatInt(rev.Number, 10), description))
	}
	return completions, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeComponents returns a function that completes the name of a stack and then its components.
// It appends the given text, such as "=", to each component.
func (p *Plugin) completeComponents(suffix string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return p.completeNames(cmd, args, toComplete)
		}
		c, err := p.connect()
		if err != nil {
			return noCompletions()
		}
		stack, err := c.stack(cmd.Context(), args[0])
		if err != nil {
			return noCompletions()
		}
		completions := []string{naming.Main + suffix}
		for _, component := range stack.Spec.Components {
			completions = append(completions, component.Name+suffix)
		}
		directive := cobra.ShellCompDirectiveNoFileComp
		if suffix != "" {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		return completions, directive
	}
}
