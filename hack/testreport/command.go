// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// commandLine contains the arguments of testreport.
type commandLine struct {
	// folder is the folder of the module; empty for the working directory.
	folder string
	// procs is the number of processes per suite.
	procs int
	// unraced lists packages that are tested before the others, without the race detector.
	unraced []string
	// suites lists packages with Ginkgo suites.
	suites []string
	// args contains flags and packages for go test.
	args []string
}

// parse reads testreport's own options, which come first.
func parse(args []string) (commandLine, error) {
	line := commandLine{procs: 1}
	for len(args) > 0 {
		option := args[0]
		if !slices.Contains([]string{"-C", "-procs", "-suite", "-unraced"}, option) {
			break
		}
		if len(args) < 2 {
			return commandLine{}, fmt.Errorf("%s needs a value", option)
		}
		value := args[1]
		args = args[2:]
		switch option {
		case "-C":
			line.folder = value
		case "-unraced":
			line.unraced = append(line.unraced, value)
		case "-suite":
			line.suites = append(line.suites, value)
		default:
			var err error
			if line.procs, err = strconv.Atoi(value); err != nil || line.procs < 1 {
				return commandLine{}, fmt.Errorf("-procs %s is not a number of processes", value)
			}
		}
	}
	line.args = args
	return line, nil
}

// tests reports whether go test must run: for other packages, or because no packages are given at all.
func (l commandLine) tests() bool {
	return len(l.suites)+len(l.unraced) == 0 || slices.ContainsFunc(l.args, func(arg string) bool { return !strings.HasPrefix(arg, "-") })
}

// goTests returns the commands that test the packages.
func (l commandLine) goTests() []*exec.Cmd {
	args := l.args
	if len(l.suites) > 0 {
		args = slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return strings.HasPrefix(arg, ginkgoFlag) })
	}
	var all []*exec.Cmd
	if len(l.unraced) > 0 {
		flags := slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return arg == "-race" || !strings.HasPrefix(arg, "-") })
		all = append(all, l.goTest(append(flags, l.unraced...)))
	}
	if l.tests() {
		all = append(all, l.goTest(args))
	}
	return all
}

func (l commandLine) goTest(args []string) *exec.Cmd {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Dir = l.folder
	cmd.Stderr = os.Stderr
	// Ginkgo's colors would prevent parsing its totals.
	cmd.Env = append(os.Environ(), "GINKGO_NO_COLOR=TRUE")
	return cmd
}

// ginkgoFlag is the prefix of flags that go test passes to Ginkgo.
const ginkgoFlag = "-ginkgo."

// ginkgo returns the command that runs a suite. It omits -run and -count, which are not for suites.
func (l commandLine) ginkgo(suite string) (*exec.Cmd, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	args := []string{
		"tool", "-modfile=" + filepath.Join(root, "hack", "tools", "go.mod"), "ginkgo", "run",
		"--procs=" + strconv.Itoa(l.procs), "--no-color",
	}
	for _, arg := range l.args {
		switch name, _, _ := strings.Cut(arg, "="); {
		case !strings.HasPrefix(arg, "-"):
		case strings.HasPrefix(arg, ginkgoFlag):
			args = append(args, "--"+strings.TrimPrefix(arg, ginkgoFlag))
		case name == "-run" || name == "-count":
		default:
			args = append(args, arg)
		}
	}
	cmd := exec.Command("go", append(args, suite)...)
	cmd.Dir = l.folder
	cmd.Stderr = os.Stderr
	return cmd, nil
}
