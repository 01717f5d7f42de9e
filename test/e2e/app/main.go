// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Command app is the image of the end-to-end tests: a small HTTP server, of which the
// suite runs good and bad versions, and the client that generates load.
//
//	app, app serve   serves its version; see config.go for the environment
//	app check        checks the health of the server in the same container
//	app client       sends requests and load for the suite; see client.go
//
// It is a separate module because of the load library, which the operator does not
// need.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes, by which the suite recognizes why a container exited.
const (
	exitFailure    = 1
	exitCrash      = 2
	exitCrashLater = 3
	exitUsage      = 64 // EX_USAGE of sysexits.h
	exitConfig     = 78 // EX_CONFIG
)

func main() {
	// The first process of a container receives only signals that it handles.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	code := program{
		getenv: os.Getenv,
		stdout: os.Stdout,
		stderr: os.Stderr,
		listen: func(port int) (net.Listener, error) { return net.Listen("tcp", fmt.Sprintf(":%d", port)) },
	}.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// program is the app with its environment.
type program struct {
	getenv         func(string) string
	stdout, stderr io.Writer
	listen         func(port int) (net.Listener, error)
}

// run runs the command until it ends or ctx is done, and returns the exit code.
func (p program) run(ctx context.Context, args []string) int {
	err := p.command(ctx, args)
	if err == nil {
		return 0
	}
	fmt.Fprintln(p.stderr, err)
	if end, ok := errors.AsType[exit](err); ok {
		return end.code
	}
	return exitFailure
}

func (p program) command(ctx context.Context, args []string) error {
	name := "serve"
	if len(args) > 0 {
		name = args[0]
	}
	if len(args) > 1 {
		return exit{exitUsage, fmt.Sprintf("one argument at most, not %q", args)}
	}
	switch name {
	case "serve":
		return p.serve(ctx)
	case "check":
		return p.check(ctx)
	case "client":
		return p.client(ctx)
	default:
		return exit{exitUsage, fmt.Sprintf("unknown command %q: serve, check or client", name)}
	}
}

// exit is an error with its own exit code.
type exit struct {
	code  int
	words string
}

func (e exit) Error() string { return e.words }
