// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Command plan prints the operator's plans for a stack, step by step and with the reasons,
// without a cluster. It applies the stack in the simulation of package test/sim.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	passes := flag.Int("passes", 1, "print `N` plans, or fewer if the world comes to rest before")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: go run ./hack/plan [-passes N] FILE.yaml")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(context.Background(), os.Stdout, flag.Arg(0), *passes); err != nil {
		fmt.Fprintln(os.Stderr, "plan:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, file string, passes int) error {
	if passes < 1 {
		return errors.New("-passes: give a number from 1 on")
	}
	described, err := read(ctx, file)
	if err != nil {
		return err
	}
	scene, err := described.play(ctx)
	if err != nil {
		return err
	}
	return scene.tell(out, passes)
}
