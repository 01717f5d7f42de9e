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
		Short: "Convert the configuration of another tool to stacks",
		Long:  `Convert the configuration of another tool to stacks.`,
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
		Short: "Convert Compose files to stacks",
		Long: `Convert the services of a Compose file to stacks, and print them. Several files are
merged as Docker Compose merges them; - is the standard input.

Services find each other by name, so each service becomes a stack whose Service has
the same name. A service without ports that runs another service's image with a
different command, such as a worker, becomes a component of that service's stack:
both are released and rolled back together. With --stack, all services become
components of one stack, and their Services have other names.

Settings that are not converted or that need manual changes are listed in a comment
before each stack, and on the standard error.`,
		Example: `  kubectl appstack import compose compose.yaml > stacks.yaml
  kubectl appstack import compose compose.yaml | kubectl apply -f -`,
		Args: cobra.MinimumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if options.VolumeSize, err = resource.ParseQuantity(size); err != nil {
				return fmt.Errorf("--volume-size %s: must be a size such as 1Gi", size)
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
	f.StringVar(&options.Stack, "stack", "", "Convert all services to components of one stack with this name.")
	f.StringVar(&options.ProjectName, "project-name", "", "Project name. Defaults to the name in the file, or that of its directory.")
	f.StringArrayVar(&options.Profiles, "profile", nil, "Compose profile to include. May be repeated.")
	f.StringArrayVar(&options.EnvFiles, "env-file", nil, "File with variables, instead of .env. May be repeated.")
	f.StringVar(&size, "volume-size", size, "Storage request for each named volume.")
	return cmd
}

// warnings is the format of the Compose library's warnings.
type warnings struct{}

// Format returns the level and the message.
func (warnings) Format(entry *logrus.Entry) ([]byte, error) {
	return []byte(entry.Level.String() + ": " + entry.Message + "\n"), nil
}
