// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Command monitoring checks the alerts and the dashboard: that they parse, that
// they use only metrics that the operator serves, and that they have descriptions.
// It writes the rules in the format of Prometheus, for promtool.
//
// It is a separate module because of the dependencies of Prometheus.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// The files, relative to the root of the repository.
const (
	rulesFile     = "config/prometheus/alerts.yaml"
	testsFile     = "hack/monitoring/alerts_test.yaml"
	dashboardFile = "config/grafana/dashboard.json"
	runbookFile   = "docs/operations.md"
	servedFile    = "internal/telemetry/testdata/metrics.txt"
	othersFile    = "hack/monitoring/metrics.txt"
	constants     = "api/v1alpha1"
)

func main() {
	root := flag.String("root", ".", "the repository's `folder`")
	out := flag.String("out", "", "the `file` to write the rules into, as Prometheus reads them")
	flag.Parse()
	if err := run(*root, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(root, out string) error {
	known, err := readKnown(root)
	if err != nil {
		return err
	}
	rules, err := readRules(filepath.Join(root, rulesFile))
	if err != nil {
		return err
	}
	if err := rules.write(out); err != nil {
		return err
	}
	tests, err := readTests(filepath.Join(root, testsFile))
	if err != nil {
		return err
	}
	runbook, err := os.ReadFile(filepath.Join(root, runbookFile))
	if err != nil {
		return err
	}
	board, err := readDashboard(filepath.Join(root, dashboardFile))
	if err != nil {
		return err
	}
	alerts, expressions := rules.alerts(), board.expressions()
	problems := errors.Join(
		checkAlerts(alerts, known, tests, string(runbook)),
		board.check(),
		checkExpressions(dashboardFile, expressions, known),
	)
	if problems != nil {
		return problems
	}
	fmt.Printf("%d alerts, %d panels with %d expressions\n", len(alerts), len(board.all()), len(expressions))
	return nil
}
