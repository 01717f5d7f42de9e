// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"fmt"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/appstack-dev/appstack/internal/cli/compose"
)

func (p *Plugin) importFrom() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Make stacks of what another tool describes",
		Long:  `Make stacks of what another tool describes.`,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.importCompose())
	return cmd
}

func (p *Plugin) importCompose() *cobra.Command {
	var options compose.Options
	size := "1Gi"
	cmd := &cobra.Command{
		Use:   "compose FILE...",
		Short: "Make stacks of a Compose file",
		Long: `Write the services of a Compose file as stacks, to the standard output. Several
files are merged, as Docker Compose merges them; - is the standard input.

Services find each other by their names, so each becomes a stack of its own name,
whose Service is reached by it. One that runs the image of another with another
command, and has no ports, such as a worker, becomes a component of that one's
stack: they are released and rolled back together. With --stack all services
become components of one stack, and go by other names.

Each thing that is not carried over, and each that needs a hand, is named in a
comment in front of its stack, and on the standard error.`,
		Example: `  kubectl appstack import compose compose.yaml > stacks.yaml
  kubectl appstack import compose compose.yaml | kubectl apply -f -`,
		Args: cobra.MinimumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if options.VolumeSize, err = resource.ParseQuantity(size); err != nil {
				return fmt.Errorf("--volume-size %s: it is a size such as 1Gi", size)
			}
			logrus.SetOutput(p.ErrOut)
			logrus.SetFormatter(warnings{})
			project, err := compose.Load(cmd.Context(), args, p.In, options)
			if err != nil {
				return err
			}
			result, err := compose.Convert(project, options)
			if err != nil {
				return err
			}
			for _, note := range result.Notes {
				fmt.Fprintln(p.ErrOut, p.errView().Wrap("", note.String()))
			}
			return compose.Write(p.Out, result)
		},
	}
	f := cmd.Flags()
	f.StringVar(&options.Stack, "stack", "", "Make one stack of this name, with all services as its components.")
	f.StringVar(&options.ProjectName, "project-name", "", "Name of the project, in place of the one that the file or its folder has.")
	f.StringArrayVar(&options.Profiles, "profile", nil, "Compose profile to take in. May be repeated.")
	f.StringArrayVar(&options.EnvFiles, "env-file", nil, "File with variables, in place of .env. May be repeated.")
	f.StringVar(&size, "volume-size", size, "Size that is asked for, for each named volume.")
	return cmd
}

// warnings is the format of the Compose library's warnings.
type warnings struct{}

// Format returns the level and the message.
func (warnings) Format(entry *logrus.Entry) ([]byte, error) {
	return []byte(entry.Level.String() + ": " + entry.Message + "\n"), nil
}
