// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/appstack-dev/appstack/internal/cli/release"
	"github.com/appstack-dev/appstack/internal/cli/terminal"
	"github.com/appstack-dev/appstack/internal/naming"
)

// logging is what logs are asked for.
type logging struct {
	component string
	revision  int64
	follow    bool
	previous  bool
	stamps    bool
	tail      int64
	since     time.Duration
	container string
}

func (p *Plugin) logs() *cobra.Command {
	var asked logging
	cmd := &cobra.Command{
		Use:   "logs NAME [COMPONENT]",
		Short: "Print the logs of a release's pods",
		Long: `Print the logs of the pods that run a revision: the one that the stack runs, or
is rolled out, unless --revision names another. Where several pods write, each
line begins with its pod. With --follow, pods that come later are followed too.`,
		Example: `  kubectl appstack logs my-app -f
  kubectl appstack logs shop worker --revision 5 --previous`,
		Args: cobra.RangeArgs(1, 2),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 1 {
				return nothing()
			}
			return p.completeComponents("")(cmd, args, toComplete)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				asked.component = args[1]
			}
			c, err := p.connect()
			if err != nil {
				return err
			}
			if asked.follow && !cmd.Flags().Changed("tail") {
				asked.tail = 10
			}
			return c.logs(cmd.Context(), args[0], asked)
		},
	}
	f := cmd.Flags()
	f.Int64Var(&asked.revision, "revision", 0, "Revision whose pods to read. Left out, the one that runs.")
	f.BoolVarP(&asked.follow, "follow", "f", false, "Go on as pods write, until you press Ctrl-C.")
	f.BoolVarP(&asked.previous, "previous", "p", false, "Read what containers wrote before their last restart.")
	f.BoolVar(&asked.stamps, "timestamps", false, "Begin each line with its time.")
	f.Int64Var(&asked.tail, "tail", -1, "Lines to read from the end of each log. -1 is all; with --follow it is 10 unless set.")
	f.DurationVar(&asked.since, "since", 0, "Read only what was written in the last time, such as 5m.")
	f.StringVarP(&asked.container, "container", "c", naming.AppContainer, "Container to read.")
	p.completeRevisions(cmd, "revision")
	return cmd
}

func (c *connection) logs(ctx context.Context, name string, asked logging) error {
	r, err := c.release(ctx, name)
	if err != nil {
		return err
	}
	if err := c.checkLogs(r, &asked); err != nil {
		return err
	}
	pods := r.Pods(asked.component, asked.revision)
	if len(pods) == 0 && !asked.follow {
		return c.noPods(r, asked)
	}
	clientset, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	reader := &logReader{connection: c, clientset: clientset, asked: asked, known: map[string]bool{}, prefix: len(pods) > 1 || asked.follow}
	if !asked.follow {
		for i := range pods {
			if err := reader.read(ctx, &pods[i]); err != nil {
				return err
			}
		}
		return nil
	}
	return reader.follow(ctx, name, pods)
}

// checkLogs says what is wrong with what is asked for, and fills in the revision that runs.
func (c *connection) checkLogs(r release.Release, asked *logging) error {
	for _, err := range r.Denied {
		return err // without any of these no pod is found
	}
	if asked.component != "" {
		known := false
		for _, component := range r.Components {
			known = known || component.Name == asked.component
		}
		if _, _, err := specOf(r.Stack, asked.component); err != nil && !known {
			return err
		}
	}
	if asked.revision == 0 {
		asked.revision = r.Stack.Status.Revision
		return nil
	}
	_, err := c.find(r, asked.revision)
	return err
}

// noPods says that there is nothing to read, and what is known all the same.
func (c *connection) noPods(r release.Release, asked logging) error {
	failure := r.Stack.Status.Failure
	if failure != nil && failure.Revision == asked.revision {
		fmt.Fprint(c.plugin.ErrOut, c.plugin.errView().Autopsy(failure))
		return fmt.Errorf("revision %d has no pods any more; above is what is kept of them", asked.revision)
	}
	return fmt.Errorf("revision %d has no pods: see kubectl appstack status %s%s", asked.revision, r.Stack.Name, c.plugin.scope())
}

// logReader reads logs of several pods into one stream, whole lines at a time.
type logReader struct {
	*connection
	clientset kubernetes.Interface
	asked     logging
	prefix    bool

	mutex sync.Mutex
	known map[string]bool
}

// follow reads the pods, and those that come later, until the context ends.
func (l *logReader) follow(ctx context.Context, name string, pods []corev1.Pod) error {
	var streams sync.WaitGroup
	defer streams.Wait()
	for {
		for i := range pods {
			pod := &pods[i]
			// a pod without a container has no log yet; one that was read is being read
			if l.known[pod.Name] || !started(pod, l.asked.container) {
				continue
			}
			l.known[pod.Name] = true
			streams.Go(func() {
				if err := l.read(ctx, pod); err != nil && ctx.Err() == nil {
					fmt.Fprintf(l.plugin.ErrOut, "%s: %s\n", pod.Name, l.plugin.explain(err))
				}
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.plugin.Clock.After(pause):
		}
		r, err := l.release(ctx, name)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		pods = r.Pods(l.asked.component, l.asked.revision)
	}
}

// started says whether the container has something to read.
func started(pod *corev1.Pod, container string) bool {
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name == container {
			return status.State.Waiting == nil || status.RestartCount > 0
		}
	}
	return false
}

// read copies the log of a pod.
func (l *logReader) read(ctx context.Context, pod *corev1.Pod) error {
	options := &corev1.PodLogOptions{
		Container: l.asked.container, Follow: l.asked.follow, Previous: l.asked.previous, Timestamps: l.asked.stamps,
	}
	if l.asked.tail >= 0 {
		options.TailLines = &l.asked.tail
	}
	if seconds := int64(l.asked.since.Seconds()); seconds > 0 {
		options.SinceSeconds = &seconds
	}
	stream, err := l.clientset.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, options).Stream(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }() // it was read to its end, or is of no more use
	prefix := ""
	if l.prefix {
		prefix = l.plugin.view().Paint(terminal.Faint, "["+pod.Name+"]") + " "
	}
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			l.mutex.Lock()
			fmt.Fprint(l.plugin.Out, prefix+line)
			l.mutex.Unlock()
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading the log: %w", err)
		}
	}
}
