// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// versions are the versions of the plugin, of Kubernetes and of the operator.
type versions struct {
	// Client is the version of the plugin.
	Client string `json:"client"`
	// Server is the version of Kubernetes.
	Server string `json:"server,omitempty"`
	// Operators are the images of the operators' Deployments, with the names of these.
	Operators []string `json:"operators,omitempty"`
	// Unknown has a message for each version that could not be determined.
	Unknown []string `json:"unknown,omitempty"`
}

func (p *Plugin) version() *cobra.Command {
	var clientOnly bool
	var out *data
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the versions of the plugin, of Kubernetes and of the operator",
		Long: `Show the versions of the plugin, of Kubernetes and of the operator. The version of the
operator is read from its Deployment, which requires the permission to list Deployments
in all namespaces.`,
		Example:           `  kubectl appstack version`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := versions{Client: p.Version}
			var unknown error
			if !clientOnly {
				unknown = p.lookUp(cmd.Context(), &v)
			}
			if done, err := out.print(p, v); done || err != nil {
				return errors.Join(err, unknown)
			}
			fmt.Fprintf(p.Out, "Client    %s\n", v.Client)
			if v.Server != "" {
				fmt.Fprintf(p.Out, "Server    %s\n", v.Server)
			}
			for _, operator := range v.Operators {
				fmt.Fprintf(p.Out, "Operator  %s\n", operator)
			}
			for _, words := range v.Unknown {
				fmt.Fprintln(p.ErrOut, p.errView().Wrap("", words))
			}
			return unknown
		},
	}
	cmd.Flags().BoolVar(&clientOnly, "client", false, "Show only the version of the plugin (no cluster required).")
	out = dataOf(cmd, "json", "yaml")
	return cmd
}

// lookUp reads the versions of Kubernetes and of the operator from the cluster.
func (p *Plugin) lookUp(ctx context.Context, v *versions) error {
	discovery, err := p.flags.ToDiscoveryClient()
	if err != nil {
		return err
	}
	server, err := discovery.ServerVersion()
	if err != nil {
		return fmt.Errorf("reading the version of the cluster: %w", err)
	}
	v.Server = server.GitVersion
	c, err := p.connect()
	if err != nil {
		return err
	}
	var deployments appsv1.DeploymentList
	manager := client.MatchingLabels{"app.kubernetes.io/name": "appstack", "app.kubernetes.io/component": "manager"}
	if err := c.List(ctx, &deployments, manager); err != nil {
		v.Unknown = append(v.Unknown, "operator: "+p.explain(err))
		return nil
	}
	for _, deployment := range deployments.Items {
		for _, container := range deployment.Spec.Template.Spec.Containers {
			v.Operators = append(v.Operators, fmt.Sprintf("%s (%s/%s)", container.Image, deployment.Namespace, deployment.Name))
		}
	}
	slices.Sort(v.Operators)
	if len(v.Operators) == 0 {
		v.Unknown = append(v.Unknown, "operator: not found in the cluster; it may run outside the cluster")
	}
	return nil
}
