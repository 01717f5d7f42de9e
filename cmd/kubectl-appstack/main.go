// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// kubectl-appstack is the kubectl plugin: kubectl finds it in the PATH as "kubectl appstack".
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	// authentication plugins, as kubectl has them
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/appstack-dev/appstack/internal/cli"
)

// version is set when the plugin is built for a release.
var version = "development"

func main() {
	// The libraries' logs are for developers. The commands report errors to users themselves.
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	code := cli.New(streams, version).Run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
