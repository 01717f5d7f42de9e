// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Command testreport runs `go test -json` with the arguments it is given and says what happened: a line for each
// package, the whole output of whatever failed, the reason of whatever was skipped, and the totals as the last line.
// With -C FOLDER before them it does so in another module.
// A Ginkgo suite counts as its specs, any other test as its innermost subtests.
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// heartbeat is how long a run may be silent before it says what it waits for.
const heartbeat = 30 * time.Second

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
}

// goTest is the command that runs the tests.
func goTest(args []string) *exec.Cmd {
	folder := ""
	if len(args) > 1 && args[0] == "-C" {
		folder, args = args[1], args[2:]
	}
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Dir = folder
	cmd.Stderr = os.Stderr
	// The colors of Ginkgo would stand in the way of its totals.
	cmd.Env = append(os.Environ(), "GINKGO_NO_COLOR=TRUE")
	return cmd
}

func run(args []string) error {
	cmd := goTest(args)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	// An interrupt reaches the tests through the terminal; they clean up, and the report goes on to its end.
	interrupt := make(chan os.Signal, 1)
	signal.Notify(interrupt, os.Interrupt, syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		return err
	}

	lines := make(chan []byte)
	go func() {
		defer close(lines)
		reader := bufio.NewReaderSize(stdout, 1<<20)
		for {
			line, readErr := reader.ReadBytes('\n')
			if len(line) > 0 {
				lines <- line
			}
			if readErr != nil {
				return
			}
		}
	}()

	report := newReport(os.Stdout)
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	for open := true; open; {
		select {
		case line, more := <-lines:
			if open = more; more {
				report.add(line)
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
	testErr := cmd.Wait()
	totals := report.close()
	switch {
	case testErr != nil:
		return fmt.Errorf("go test: %w", testErr)
	case totals.failed > 0:
		return fmt.Errorf("%d failed", totals.failed)
	case totals.passed == 0:
		return fmt.Errorf("no test ran")
	}
	return nil
}
