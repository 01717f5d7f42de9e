// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Command app is the image of the end-to-end tests: a small HTTP server that the
// suite runs in versions, good and bad ones, and the client that puts load on it.
//
//	app, app serve   serves its version; see config.go for the environment
//	app check        asks the server beside it whether it is healthy
//	app client       fetches and attacks what the suite tells it to; see client.go
//
// It is a module of its own because of the load library, which has nothing to do
// with the operator.
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

// Exit codes. The suite tells by them why a container ended.
const (
	exitFailure    = 1
	exitCrash      = 2
	exitCrashLater = 3
	exitUsage      = 64 // EX_USAGE of sysexits.h
	exitConfig     = 78 // EX_CONFIG
)

func main() {
	// As the first process of a container it gets no signal that it does not ask for.
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

// program is the app with its surroundings.
type program struct {
	getenv         func(string) string
	stdout, stderr io.Writer
	listen         func(port int) (net.Listener, error)
}

// run ends when the command does, or when ctx does, and returns the exit code.
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

// exit is an error with an exit code of its own.
type exit struct {
	code  int
	words string
}

func (e exit) Error() string { return e.words }
