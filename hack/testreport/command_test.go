// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"strings"
	"testing"
)

func TestCommands(t *testing.T) {
	for name, tc := range map[string]struct {
		args           string
		goTest, ginkgo string // ends of the commands; empty if there is none
	}{
		"packages alone": {
			args:   "-timeout=30m ./api/... ./internal/...",
			goTest: "go test -json -timeout=30m ./api/... ./internal/...",
		},
		"a suite alone": {
			args:   "-procs 4 -suite ./test/cluster -timeout=30m",
			ginkgo: "ginkgo run --procs=4 --no-color -timeout=30m ./test/cluster",
		},
		"packages and a suite": {
			args:   "-procs 2 -suite ./test/integration -race ./internal/...",
			goTest: "go test -json -race ./internal/...",
			ginkgo: "ginkgo run --procs=2 --no-color -race ./test/integration",
		},
		"flags of Ginkgo are for the suite": {
			args:   "-suite ./test/integration -ginkgo.focus=R9 -ginkgo.v ./internal/...",
			goTest: "go test -json ./internal/...",
			ginkgo: "ginkgo run --procs=1 --no-color --focus=R9 --v ./test/integration",
		},
		"a package that is a suite takes them itself": {
			args:   "-ginkgo.focus=R9 ./test/integration",
			goTest: "go test -json -ginkgo.focus=R9 ./test/integration",
		},
		"packages without the race detector": {
			args:   "-unraced ./test/sim -suite ./test/integration -race -timeout=30m ./internal/...",
			goTest: "go test -json -timeout=30m ./test/sim; go test -json -race -timeout=30m ./internal/...",
			ginkgo: "ginkgo run --procs=1 --no-color -race -timeout=30m ./test/integration",
		},
		"names of tests are not for a suite": {
			args:   "-suite ./test/integration -run TestReady ./internal/status",
			goTest: "go test -json -run TestReady ./internal/status",
			ginkgo: "ginkgo run --procs=1 --no-color ./test/integration",
		},
	} {
		t.Run(name, func(t *testing.T) {
			line, err := parse(strings.Fields(tc.args))
			if err != nil {
				t.Fatal(err)
			}
			var commands []string
			for _, command := range line.goTests() {
				commands = append(commands, strings.Join(command.Args, " "))
			}
			got := strings.Join(commands, "; ")
			if got != tc.goTest {
				t.Errorf("go test: %q, want %q", got, tc.goTest)
			}
			got = ""
			for _, suite := range line.suites {
				command, err := line.ginkgo(suite)
				if err != nil {
					t.Fatal(err)
				}
				_, got, _ = strings.Cut(strings.Join(command.Args, " "), "/go.mod ")
			}
			if got != tc.ginkgo {
				t.Errorf("ginkgo: %q, want %q", got, tc.ginkgo)
			}
		})
	}
}

func TestBadCommands(t *testing.T) {
	for _, args := range []string{"-procs", "-procs none ./p", "-procs 0 ./p", "-suite"} {
		if _, err := parse(strings.Fields(args)); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
