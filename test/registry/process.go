// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"time"
)

// process is the registry program.
type process struct {
	command *exec.Cmd
	// stdin stays open: the program ends when it is closed, also if the test process is killed.
	stdin  io.Closer
	output *output
	ended  chan struct{} // closed when the process is gone
}

// stopLimit is the time after which a registry that does not end is killed.
const stopLimit = 5 * time.Second

func run(binary, config string, users map[string]string) (*process, error) {
	arguments := []string{"--guarded"}
	for _, name := range slices.Sorted(maps.Keys(users)) {
		arguments = append(arguments, "--user", name+":"+users[name])
	}
	command := exec.Command(binary, append(arguments, config)...)
	command.Env = []string{} // variables named REGISTRY_… would change the configuration
	p := &process{command: command, output: &output{found: make(chan string, 1)}, ended: make(chan struct{})}
	command.Stdout, command.Stderr = p.output, p.output
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.stdin = stdin
	if err := command.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		_ = command.Wait() // how it ended is in command.ProcessState
	}()
	return p, nil
}

// address waits for the address on which the registry listens.
func (p *process) address(ctx context.Context) (string, error) {
	select {
	case address := <-p.output.found:
		return address, nil
	case <-p.ended:
		return "", p.explain(errors.New("it ended by itself"))
	case <-ctx.Done():
		return "", p.explain(fmt.Errorf("it does not say what it listens on: %w", ctx.Err()))
	}
}

// stop ends the process. It returns an error if the process had ended before.
func (p *process) stop() error {
	select {
	case <-p.ended:
		return p.explain(fmt.Errorf("the registry ended by itself: %v", p.command.ProcessState))
	default:
	}
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping the registry: %w", err)
	}
	kill := time.AfterFunc(stopLimit, func() { _ = p.command.Process.Kill() })
	defer kill.Stop()
	<-p.ended
	return nil
}

// explain adds the registry's output to the error.
func (p *process) explain(err error) error {
	return fmt.Errorf("%w\nthe registry's log:\n%s", err, p.output)
}

// listening matches the registry's log line with its address.
var listening = regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)

// logLimit is the size of the log that is kept.
const logLimit = 64 << 10

// output keeps the end of a registry's output, and finds its address.
type output struct {
	mu      sync.Mutex
	content []byte
	told    bool
	found   chan string
}

// Write implements io.Writer.
func (o *output) Write(content []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.content = append(o.content, content...)
	if match := listening.FindSubmatch(o.content); match != nil && !o.told {
		o.told = true
		o.found <- string(match[1])
	}
	if excess := len(o.content) - logLimit; excess > 0 {
		o.content = append([]byte(nil), o.content[excess:]...)
	}
	return len(content), nil
}

// String returns the end of the log.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.content)
}
