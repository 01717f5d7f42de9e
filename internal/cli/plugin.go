// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package cli is the kubectl plugin, with a file for each command. Package internal/cli/show
// renders the output.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/utils/clock"

	"github.com/appstack-dev/appstack/internal/cli/show"
	"github.com/appstack-dev/appstack/internal/cli/terminal"
)

// Exit codes other than 0. ExitTimeout means that wait or --wait timed out.
const (
	ExitError   = 1
	ExitTimeout = 2
)

// Plugin holds what all commands share.
type Plugin struct {
	genericiooptions.IOStreams
	// Clock is the source of the time.
	Clock clock.WithTicker
	// Env looks up an environment variable.
	Env func(string) string
	// Version is the version of the plugin.
	Version string

	flags *genericclioptions.ConfigFlags
}

// New returns a plugin that reads from and writes to the streams, with the real clock and
// environment.
func New(streams genericiooptions.IOStreams, version string) *Plugin {
	return &Plugin{IOStreams: streams, Clock: clock.RealClock{}, Env: os.Getenv, Version: version}
}

// exit is an error with the exit code of the process.
type exit struct {
	error
	code int
}

func (e exit) Unwrap() error { return e.error }

// Run runs a command line, and returns the exit code of the process.
func (p *Plugin) Run(ctx context.Context, args []string) int {
	command := p.Command()
	command.SetArgs(args)
	err := command.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if text := p.explain(err); text != "" {
		fmt.Fprintln(p.ErrOut, p.errView().Wrap("", "error: "+text))
	}
	if coded := (exit{}); errors.As(err, &coded) {
		return coded.code
	}
	return ExitError
}

// Command returns the root command, kubectl appstack, with all subcommands.
func (p *Plugin) Command() *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-appstack",
		Short: "Release, watch and roll back AppStacks",
		Long: `Release, watch and roll back AppStacks.

An AppStack is a container image and the settings to run it. Each change of its content
creates a revision, and a rollout replaces the pods with those of a revision. The history
lists all rollouts.`,
		Annotations:       map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl appstack"},
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Args:              cobra.NoArgs,
	}
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.ErrOut)
	p.flags = genericclioptions.NewConfigFlags(true)
	p.flags.AddFlags(root.PersistentFlags())
	p.completeConnection(root)
	const inspect, release, operate, transfer, other = "inspect", "release", "operate", "transfer", "other"
	for _, group := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{inspect, "Inspect:", []*cobra.Command{p.status(), p.list(), p.history(), p.diff(), p.why(), p.logs(), p.wait()}},
		{release, "Release and roll back:", []*cobra.Command{p.create(), p.setImage(), p.rollback(), p.resumeSpec(), p.restart()}},
		{operate, "Operate:", []*cobra.Command{p.scale(), p.pause(), p.resume()}},
		{transfer, "Import and export:", []*cobra.Command{p.importFrom(), p.export()}},
		{other, "Other:", []*cobra.Command{p.version()}},
	} {
		root.AddGroup(&cobra.Group{ID: group.id, Title: group.title})
		for _, command := range group.commands {
			command.GroupID = group.id
			root.AddCommand(command)
		}
	}
	return root
}

// view returns the view for standard output.
func (p *Plugin) view() show.View {
	return show.View{Look: terminal.Of(p.Out, p.Env), Now: p.Clock.Now(), Scope: p.scope()}
}

// errView returns the view for standard error.
func (p *Plugin) errView() show.View {
	return show.View{Look: terminal.Of(p.ErrOut, p.Env), Now: p.Clock.Now(), Scope: p.scope()}
}

// scope returns the flags that a suggested command needs to reach the same cluster and namespace,
// such as " -n shop".
func (p *Plugin) scope() string {
	scope := ""
	if p.flags == nil {
		return scope
	}
	for _, flag := range []struct {
		name  string
		value *string
	}{{"-n", p.flags.Namespace}, {"--context", p.flags.Context}, {"--kubeconfig", p.flags.KubeConfig}} {
		if flag.value != nil && *flag.value != "" {
			scope += " " + flag.name + " " + *flag.value
		}
	}
	return scope
}
