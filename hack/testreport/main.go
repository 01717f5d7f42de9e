// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Command testreport runs `go test -json` with its arguments and prints a line for each package, the whole output of
// failed tests, the reasons of skipped tests, and the totals as the last line. A Ginkgo suite counts as its specs, any
// other test as its innermost subtests.
//
//	testreport [-C FOLDER] [-unraced PACKAGE]... [-procs N] [-suite PACKAGE]... [FLAG]... [PACKAGE]...
//
// With -C it tests another module. A package in -unraced is tested first, without the race detector: a package with a
// single goroutine has no races, and takes ten times as long with it. A Ginkgo suite in -suite runs after the packages, in
// -procs processes: by Ginkgo's own command, which distributes the specs. Flags are those of `go test`; -ginkgo.FLAG is for
// the suites.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// heartbeat is how long a run may print nothing before it reports what it is waiting for.
const heartbeat = 30 * time.Second

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	line, err := parse(args)
	if err != nil {
		return err
	}
	report := newReport(os.Stdout)
	var failed error
	for _, command := range line.goTests() {
		if err := follow(command, report, report.add); err != nil {
			failed = errors.Join(failed, fmt.Errorf("go test: %w", err))
		}
	}
	for _, suite := range line.suites {
		command, err := line.ginkgo(suite)
		if err != nil {
			return err
		}
		began := time.Now()
		report.begin(suite)
		err = follow(command, report, func(output []byte) { report.say(suite, string(output)) })
		report.end(suite, time.Since(began), err == nil)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("ginkgo %s: %w", suite, err))
		}
	}
	totals := report.close()
	switch {
	case failed != nil:
		return failed
	case totals.failed > 0:
		return fmt.Errorf("%d failed", totals.failed)
	case totals.passed == 0:
		return errors.New("no test ran")
	}
	return nil
}

// follow runs the command and passes each line of its output to take.
func follow(cmd *exec.Cmd, report *report, take func(line []byte)) error {
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	// An interrupt reaches the tests through the terminal. They clean up, and the report continues to its end.
	interrupt := make(chan os.Signal, 1)
	signal.Notify(interrupt, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(interrupt)
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := make(chan []byte)
	go read(stdout, lines)
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	for open := true; open; {
		select {
		case line, more := <-lines:
			if open = more; more {
				take(line)
				ticker.Reset(heartbeat)
			}
		case <-ticker.C:
			report.waiting(os.Stderr)
		case sig := <-interrupt:
			if sig == syscall.SIGTERM {
				_ = cmd.Process.Signal(sig)
			}
		}
	}
	return cmd.Wait()
}

// read sends each line until the output ends.
func read(output io.Reader, lines chan<- []byte) {
	defer close(lines)
	reader := bufio.NewReaderSize(output, 1<<20)
	for {
		line, err := reader.ReadBytes('\n')
		if len(line) > 0 {
			lines <- line
		}
		if err != nil {
			return
		}
	}
}
