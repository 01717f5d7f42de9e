// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	promql "github.com/prometheus/prometheus/promql/parser"
)

// The labels that Prometheus adds to all series of the ServiceMonitor, and the label of histogram buckets.
var targetLabels = []string{"job", "namespace", "service", "endpoint", "pod", "container", "instance", "le"}

// An expression with its origin.
type expression struct{ where, text string }

// known contains the metrics, labels and values that an expression may use.
type known struct {
	labels map[string][]string // of a metric
	values map[string]bool     // the API's constants
}

// readKnown reads lines such as name{label,label}: the metrics that a test of the operator found, and those that the
// test leaves out.
func readKnown(root string) (*known, error) {
	k := &known{labels: map[string][]string{}, values: map[string]bool{}}
	for _, file := range []string{servedFile, othersFile} {
		content, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(content)) {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			name, rest, _ := strings.Cut(line, "{")
			names := strings.FieldsFunc(strings.TrimSuffix(rest, "}"), func(r rune) bool { return r == ',' })
			k.labels[name] = append(names, targetLabels...)
		}
	}
	files, err := filepath.Glob(filepath.Join(root, constants, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if err := k.addConstants(file); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// addConstants adds the values of a file's string constants.
func (k *known) addConstants(file string) error {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, declaration := range parsed.Decls {
		group, ok := declaration.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		ast.Inspect(group, func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				if value, err := strconv.Unquote(literal.Value); err == nil {
					k.values[value] = true
				}
			}
			return true
		})
	}
	return nil
}

// of returns the labels of a series: of a metric, or of the parts of a histogram.
func (k *known) of(series string) ([]string, bool) {
	if names, ok := k.labels[series]; ok {
		return names, true
	}
	for _, part := range []string{"_bucket", "_count", "_sum"} {
		if metric, ok := strings.CutSuffix(series, part); ok && !strings.HasSuffix(metric, "_total") {
			names, ok := k.labels[metric]
			return names, ok
		}
	}
	return nil, false
}

// checkExpressions parses expressions, and checks their metrics and labels.
func checkExpressions(file string, expressions []expression, known *known) error {
	var problems []error
	for _, e := range expressions {
		parsed, err := promql.NewParser(promql.Options{}).ParseExpr(e.text)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %s: %w\n\t%s", file, e.where, err, e.text))
			continue
		}
		for _, problem := range known.problems(parsed) {
			problems = append(problems, fmt.Errorf("%s: %s: %s", file, e.where, problem))
		}
	}
	return errors.Join(problems...)
}

// problems returns the problems of one expression: of its selectors, and of the labels by which it groups and matches.
func (k *known) problems(parsed promql.Expr) []string {
	var found []string
	asked := slices.Clone(targetLabels)
	promql.Inspect(parsed, func(node promql.Node, _ []promql.Node) error {
		if selector, ok := node.(*promql.VectorSelector); ok {
			names, ok := k.of(selector.Name)
			if !ok {
				found = append(found, fmt.Sprintf("the metric %q is not known", selector.Name))
			}
			asked = append(asked, names...)
			for _, matcher := range selector.LabelMatchers {
				if ok && matcher.Name != labels.MetricName {
					found = append(found, k.mismatches(selector.Name, matcher, names)...)
				}
			}
		}
		return nil
	})
	promql.Inspect(parsed, func(node promql.Node, _ []promql.Node) error {
		var names []string
		switch node := node.(type) {
		case *promql.AggregateExpr:
			names = node.Grouping
		case *promql.BinaryExpr:
			if node.VectorMatching != nil {
				names = append(slices.Clone(node.VectorMatching.MatchingLabels), node.VectorMatching.Include...)
			}
		}
		for _, name := range names {
			if !slices.Contains(asked, name) {
				found = append(found, fmt.Sprintf("no metric here has the label %q", name))
			}
		}
		return nil
	})
	return found
}

// mismatches returns the problems of a matcher: a label that the metric does not have, or, for a metric of AppStack, a value
// that is no constant of the API and therefore matches nothing.
func (k *known) mismatches(metric string, matcher *labels.Matcher, names []string) []string {
	if !slices.Contains(names, matcher.Name) {
		return []string{fmt.Sprintf("%s has no label %q", metric, matcher.Name)}
	}
	if !strings.HasPrefix(metric, "appstack_") || matcher.Name == "status" || slices.Contains(targetLabels, matcher.Name) {
		return nil
	}
	var found []string
	for value := range strings.SplitSeq(matcher.Value, "|") {
		if !k.values[value] {
			found = append(found, fmt.Sprintf("%s{%s}: %q is no constant of %s", metric, matcher, value, constants))
		}
	}
	return found
}
