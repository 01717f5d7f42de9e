// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"

	"github.com/appstack-dev/appstack/internal/cli/release"
	"github.com/appstack-dev/appstack/internal/naming"
)

// logOptions holds the flags of logs.
type logOptions struct {
	component  string
	revision   int64
	follow     bool
	previous   bool
	timestamps bool
	tail       int64
	since      time.Duration
	container  string
}

func (p *Plugin) logs() *cobra.Command {
	var options logOptions
	cmd := &cobra.Command{
		Use:   "logs NAME [COMPONENT]",
		Short: "Print the logs of a stack's pods",
		Long: `Print the logs of the pods of a revision. The default is the revision that is running
or being rolled out. If there are several pods, each line begins with the pod's name.

With --follow, continue with restarted containers, new pods and, unless --revision is
set, the next revision.`,
		Example: `  kubectl appstack logs my-app -f
  kubectl appstack logs shop worker --revision 5 --previous`,
		Args: cobra.RangeArgs(1, 2),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 1 {
				return noCompletions()
			}
			return p.completeComponents("")(cmd, args, toComplete)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				options.component = args[1]
			}
			if options.follow && options.previous {
				return errors.New("--previous and --follow cannot be used together")
			}
			c, err := p.connect()
			if err != nil {
				return err
			}
			if options.follow && !cmd.Flags().Changed("tail") {
				options.tail = 10
			}
			return c.logs(cmd.Context(), stackName(args[0]), options)
		},
	}
	f := cmd.Flags()
	f.Int64Var(&options.revision, "revision", 0, "Revision whose pods to read. Defaults to the current revision.")
	f.BoolVarP(&options.follow, "follow", "f", false, "Stream the logs until you press Ctrl-C.")
	f.BoolVarP(&options.previous, "previous", "p", false, "Print the logs of the previous instance of each container.")
	f.BoolVar(&options.timestamps, "timestamps", false, "Include a timestamp on each line.")
	f.Int64Var(&options.tail, "tail", -1, "Lines to show from the end of each log. -1 shows all lines. With --follow, the default is 10.")
	f.DurationVar(&options.since, "since", 0, "Show only logs newer than this duration, such as 5m.")
	f.StringVarP(&options.container, "container", "c", naming.AppContainer, "Container whose logs to print.")
	p.completeRevisions(cmd, "revision")
	return cmd
}

func (c *connection) logs(ctx context.Context, name string, options logOptions) error {
	r, err := c.release(ctx, name)
	if err != nil {
		return err
	}
	if err := c.checkLogs(r, options); err != nil {
		return err
	}
	clientset, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	reader := &logReader{connection: c, clientset: clientset, options: options}
	if options.follow {
		return reader.follow(ctx, r)
	}
	pods := reader.pods(r)
	if len(pods) == 0 {
		return c.noPods(r, options)
	}
	return reader.readAll(ctx, pods)
}

// checkLogs returns an error if the component or the revision does not exist, or if the user may
// not list the objects.
func (c *connection) checkLogs(r release.Release, options logOptions) error {
	for _, err := range r.Denied {
		return err // all kinds are needed to find the pods
	}
	if options.component != "" {
		known := false
		for _, component := range r.Components {
			known = known || component.Name == options.component
		}
		if _, _, err := specOf(r.Stack, options.component); err != nil && !known {
			return err
		}
	}
	if options.revision == 0 {
		return nil
	}
	_, err := c.find(r, options.revision)
	return err
}

// noPods returns an error that there are no logs. If there is a failure report of the revision, it
// prints that first.
func (c *connection) noPods(r release.Release, options logOptions) error {
	number := options.number(r)
	if number == 0 {
		return fmt.Errorf("%s has no pods yet: see kubectl appstack why %s%s", r.Stack.Name, r.Stack.Name, c.plugin.scope())
	}
	failure := r.Stack.Status.Failure
	if failure != nil && failure.Revision == number {
		fmt.Fprint(c.plugin.ErrOut, c.plugin.errView().FailureReport(failure))
		return fmt.Errorf("revision %d has no pods anymore: see the failure report above", number)
	}
	return fmt.Errorf("revision %d has no pods: see kubectl appstack status %s%s", number, r.Stack.Name, c.plugin.scope())
}

// number returns the number of the revision whose pods are read.
func (l logOptions) number(r release.Release) int64 {
	if l.revision != 0 {
		return l.revision
	}
	return r.Stack.Status.Revision
}
