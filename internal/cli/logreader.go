// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"

	"github.com/appstack-dev/appstack/internal/cli/release"
	"github.com/appstack-dev/appstack/internal/cli/terminal"
)

// logReader merges the logs of several pods into one stream, without splitting lines.
type logReader struct {
	*connection
	clientset kubernetes.Interface
	options   logOptions

	mutex sync.Mutex
}

// pods returns the pods whose logs are read; none if no revision runs yet.
func (l *logReader) pods(r release.Release) []corev1.Pod {
	number := l.options.number(r)
	if number == 0 {
		return nil
	}
	return r.Pods(l.options.component, number)
}

// readAll reads the pods one after the other. If one cannot be read, it prints the error, goes on
// with the others, and returns an error at the end.
func (l *logReader) readAll(ctx context.Context, pods []corev1.Pod) error {
	failed := 0
	for i := range pods {
		if err := l.read(ctx, &pods[i], len(pods) > 1); err != nil {
			failed++
			fmt.Fprintf(l.plugin.ErrOut, "%s: %s\n", pods[i].Name, l.plugin.explain(err))
		}
	}
	if failed > 0 {
		return fmt.Errorf("could not read the logs of %d of %d pods", failed, len(pods))
	}
	return nil
}

// follow reads the pods until the context ends, including restarted containers and new pods.
func (l *logReader) follow(ctx context.Context, r release.Release) error {
	name := r.Stack.Name
	reading, stop := context.WithCancel(ctx)
	var streams sync.WaitGroup
	defer streams.Wait()
	defer stop()
	opened := map[string]bool{}
	for {
		pods := l.pods(r)
		for i := range pods {
			pod := &pods[i]
			run := l.run(pod)
			if run == "" || opened[run] {
				continue
			}
			opened[run] = true
			streams.Go(func() {
				if err := l.read(reading, pod, true); err != nil && reading.Err() == nil {
					fmt.Fprintf(l.plugin.ErrOut, "%s: %s\n", pod.Name, l.plugin.explain(err))
				}
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.plugin.Clock.After(retryInterval):
		}
		again, err := l.release(ctx, name)
		switch {
		case ctx.Err() != nil:
			return nil
		case apierrors.IsNotFound(err):
			return errDeleted
		case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
			return err
		case err == nil: // other errors: keep the open streams, and try again after the pause
			r = again
		}
	}
}

// run returns a key for the current run of the container; empty if it has not started yet.
func (l *logReader) run(pod *corev1.Pod) string {
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if status.Name == l.options.container && status.ContainerID != "" {
			return string(pod.UID) + status.ContainerID
		}
	}
	return ""
}

// read copies the log of a pod to the output. Each line begins with the pod's name if named is set.
func (l *logReader) read(ctx context.Context, pod *corev1.Pod, named bool) error {
	options := &corev1.PodLogOptions{
		Container: l.options.container, Follow: l.options.follow, Previous: l.options.previous, Timestamps: l.options.timestamps,
	}
	if l.options.tail >= 0 {
		options.TailLines = &l.options.tail
	}
	if seconds := int64(l.options.since.Seconds()); seconds > 0 {
		options.SinceSeconds = &seconds
	}
	stream, err := l.clientset.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, options).Stream(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }() // the stream is only read, so an error of Close loses nothing
	prefix := ""
	if named {
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
