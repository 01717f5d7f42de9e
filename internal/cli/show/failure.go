// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package show

import (
	"fmt"
	"strings"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/terminal"
)

// FailureReport returns the failure report as text (R18).
func (v View) FailureReport(failure *v1alpha1.FailureStatus) string {
	var out strings.Builder
	what := failure.Reason
	if failure.ExitCode != nil {
		what += fmt.Sprintf(", exit code %d", *failure.ExitCode)
	}
	title := fmt.Sprintf("Revision %d failed %s ago: %s", failure.Revision, v.age(failure.FailedAt), what)
	out.WriteString(v.Wrap("", v.Paint(terminal.Bad, title)) + "\n")
	for _, part := range []struct{ name, value string }{
		{"component", failure.Component}, {"pod", failure.Pod}, {"container", failure.Container},
	} {
		if part.value != "" {
			out.WriteString(v.Fit(fmt.Sprintf("  %-10s %s", part.name, part.value)) + "\n")
		}
	}
	if failure.Message == "" {
		return out.String()
	}
	words, last, _ := strings.Cut(terminal.Clean(failure.Message), "\n")
	out.WriteString(v.Wrap("  ", words) + "\n")
	if last = strings.TrimRight(last, "\n"); last != "" {
		margin := v.Paint(terminal.Faint, "  "+v.margin())
		out.WriteString(v.Wrap(margin, last) + "\n")
	}
	return out.String()
}

// margin returns the prefix of each line of a container's last output.
func (v View) margin() string {
	if v.Plain {
		return "| "
	}
	return "│ "
}
