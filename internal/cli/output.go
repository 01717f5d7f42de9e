// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// Formats that -o knows besides those of kubectl's printers.
const wide = "wide"

// output is the flag -o of a command that shows objects.
type output struct {
	*genericclioptions.PrintFlags
}

// outputOf adds the flag to a command that reads, or that does something to an
// object, which is then said in a word such as "scaled".
func (p *Plugin) outputOf(cmd *cobra.Command, done string) output {
	o := output{genericclioptions.NewPrintFlags(done)}
	o.AddFlags(cmd)
	formats := o.AllowedFormats()
	if done == "" {
		formats = append([]string{wide}, formats...)
	}
	cmd.Flags().Lookup("output").Usage = "Output format. One of: (" + strings.Join(formats, ", ") + ")."
	complete(cmd, "output", formats...)
	return o
}

// forPeople says whether the output is for people, and not for programs.
func (o output) forPeople() bool { return *o.OutputFormat == "" || *o.OutputFormat == wide }

func (o output) wide() bool { return *o.OutputFormat == wide }

// print prints the object in the format that was asked for.
func (o output) print(c *connection, object runtime.Object) error {
	printer, err := o.WithTypeSetter(c.scheme).ToPrinter()
	if err != nil {
		return err
	}
	return printer.PrintObj(object, c.plugin.Out)
}

// printList prints the stacks as one list, or, where only names are asked for, each.
func (o output) printList(c *connection, stacks *v1alpha1.AppStackList) error {
	if *o.OutputFormat != "name" {
		return o.print(c, stacks)
	}
	for i := range stacks.Items {
		if err := o.print(c, &stacks.Items[i]); err != nil {
			return err
		}
	}
	return nil
}

// data is the flag -o of a command that shows what is no object.
type data struct {
	format  string
	formats []string
}

// dataOf adds the flag with these formats to a command.
func dataOf(cmd *cobra.Command, formats ...string) *data {
	d := &data{formats: formats}
	cmd.Flags().StringVarP(&d.format, "output", "o", "", "Output format. One of: ("+strings.Join(formats, ", ")+").")
	complete(cmd, "output", formats...)
	return d
}

// print prints the value, and says whether the format was one for programs.
func (d *data) print(p *Plugin, value any) (bool, error) {
	if d.format != "" && !slices.Contains(d.formats, d.format) {
		return false, fmt.Errorf("--output %s: it is one of %s", d.format, strings.Join(d.formats, ", "))
	}
	var raw []byte
	var err error
	switch d.format {
	case "json":
		raw, err = json.MarshalIndent(value, "", "    ")
		raw = append(raw, '\n')
	case "yaml":
		raw, err = yaml.Marshal(value)
	default:
		return false, nil
	}
	if err == nil {
		_, err = p.Out.Write(raw)
	}
	if err != nil {
		return true, fmt.Errorf("writing the output: %w", err)
	}
	return true, nil
}
