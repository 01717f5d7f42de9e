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

// wide is the format of -o that kubectl's printers do not have.
const wide = "wide"

// output is the flag -o of a command that prints objects.
type output struct {
	*genericclioptions.PrintFlags
}

// outputOf adds the flag to a command. done is the word for what a command does to an object, such
// as "scaled"; it is empty if the command only reads.
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

// humanReadable reports whether the output is for people rather than programs.
func (o output) humanReadable() bool { return *o.OutputFormat == "" || *o.OutputFormat == wide }

func (o output) wide() bool { return *o.OutputFormat == wide }

// print prints the object in the selected format.
func (o output) print(c *connection, object runtime.Object) error {
	printer, err := o.WithTypeSetter(c.scheme).ToPrinter()
	if err != nil {
		return err
	}
	return printer.PrintObj(object, c.plugin.Out)
}

// printList prints the stacks as one list, or one by one if the format is name.
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

// data is the flag -o of a command that prints something other than API objects.
type data struct {
	format  string
	formats []string
}

// dataOf adds the flag with the formats to a command.
func dataOf(cmd *cobra.Command, formats ...string) *data {
	d := &data{formats: formats}
	cmd.Flags().StringVarP(&d.format, "output", "o", "", "Output format. One of: ("+strings.Join(formats, ", ")+").")
	complete(cmd, "output", formats...)
	return d
}

// print prints the value if the format is json or yaml, and reports whether it did. An unknown
// format is an error.
func (d *data) print(p *Plugin, value any) (bool, error) {
	if d.format != "" && !slices.Contains(d.formats, d.format) {
		return false, fmt.Errorf("--output %s: must be one of %s", d.format, strings.Join(d.formats, ", "))
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
