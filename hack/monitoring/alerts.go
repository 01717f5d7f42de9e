// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// The URL of each alert's runbook, without the anchor.
const runbooks = "https://github.com/appstack-dev/appstack/blob/main/docs/operations.md#"

var severities = []string{"critical", "warning", "info"}

// rule is an alert of a PrometheusRule.
type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for,omitempty"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// rules is a PrometheusRule. Its spec has the format of Prometheus' rule files.
type rules struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   map[string]any `json:"metadata"`
	Spec       struct {
		Groups []struct {
			Name  string `json:"name"`
			Rules []rule `json:"rules"`
		} `json:"groups"`
	} `json:"spec"`
}

func readRules(file string) (*rules, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	read := &rules{}
	if err := yaml.UnmarshalStrict(content, read); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if read.Kind != "PrometheusRule" {
		return nil, fmt.Errorf("%s: its kind is %q, want PrometheusRule", file, read.Kind)
	}
	return read, nil
}

func (r *rules) write(file string) error {
	content, err := yaml.Marshal(r.Spec)
	if err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o600)
}

func (r *rules) alerts() []rule {
	var all []rule
	for _, group := range r.Spec.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// tests contains the relevant fields of a test file of promtool.
type tests struct {
	Tests []struct {
		Cases []struct {
			Alert string `json:"alertname"`
			Want  []any  `json:"exp_alerts"`
		} `json:"alert_rule_test"`
	} `json:"tests"`
}

// counted is the number of tests in which an alert fires, and in which it does not.
type counted struct{ fires, silent int }

func readTests(file string) (map[string]counted, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var read tests
	if err := yaml.Unmarshal(content, &read); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	of := map[string]counted{}
	for _, test := range read.Tests {
		for _, c := range test.Cases {
			count := of[c.Alert]
			if len(c.Want) > 0 {
				count.fires++
			} else {
				count.silent++
			}
			of[c.Alert] = count
		}
	}
	return of, nil
}

// checkAlerts checks the alerts, their runbook and that they have tests. promtool runs the tests.
func checkAlerts(alerts []rule, known *known, tested map[string]counted, runbook string) error {
	var problems []error
	problem := func(alert, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: %s: %s", rulesFile, alert, fmt.Sprintf(format, args...)))
	}
	headings := anchors(runbook)
	var names []string
	var expressions []expression
	for _, alert := range alerts {
		if slices.Contains(names, alert.Alert) {
			problem(alert.Alert, "it is there twice")
		}
		names = append(names, alert.Alert)
		expressions = append(expressions, expression{alert.Alert, alert.Expr})
		if !slices.Contains(severities, alert.Labels["severity"]) {
			problem(alert.Alert, "its severity is %q, want one of %s", alert.Labels["severity"], strings.Join(severities, ", "))
		}
		for _, annotation := range []string{"summary", "description"} {
			if !strings.HasSuffix(alert.Annotations[annotation], ".") {
				problem(alert.Alert, "its %s is no sentence: %q", annotation, alert.Annotations[annotation])
			}
		}
		anchor := strings.ToLower(alert.Alert)
		if url := alert.Annotations["runbook_url"]; url != runbooks+anchor {
			problem(alert.Alert, "its runbook_url is %q, want %q", url, runbooks+anchor)
		}
		if !slices.Contains(headings, anchor) {
			problem(alert.Alert, "%s has no heading of that name", runbookFile)
		}
		if count := tested[alert.Alert]; count.fires == 0 || count.silent == 0 {
			problem(alert.Alert, "it fires in %d tests, and does not in %d: want some of both", count.fires, count.silent)
		}
	}
	for name := range tested { // in promtool a test passes if it expects an unknown alert not to fire
		if !slices.Contains(names, name) {
			problem(name, "it has tests, and is not there")
		}
	}
	return errors.Join(errors.Join(problems...), checkExpressions(rulesFile, expressions, known))
}

var heading = regexp.MustCompile(`(?m)^#+ +(.*?) *$`)

// anchors returns the anchors of the headings with a single word.
func anchors(markdown string) []string {
	var all []string
	for _, found := range heading.FindAllStringSubmatch(markdown, -1) {
		all = append(all, strings.ToLower(strings.Trim(found[1], "`")))
	}
	return all
}
