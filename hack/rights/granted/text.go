// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package granted

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Write writes sorted rights as a table for each namespace.
func Write(out io.Writer, rights []Right) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i := 0; i < len(rights); {
		first, verbs := rights[i], []string(nil)
		if i == 0 || rights[i-1].Namespace != first.Namespace {
			fmt.Fprintf(table, "%s:\n", where(first.Namespace))
		}
		for ; i < len(rights) && sameObject(rights[i], first); i++ {
			verbs = append(verbs, rights[i].Verb)
		}
		object := first.Full()
		if first.Name != "" {
			object += " " + first.Name
		}
		fmt.Fprintf(table, "  %s\t%s\n", object, strings.Join(verbs, " "))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

func where(namespace string) string {
	if namespace == "" {
		return "in all namespaces"
	}
	return "in " + namespace
}

func sameObject(a, b Right) bool {
	a.Verb, b.Verb = "", ""
	return a == b
}
