// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/internal/revision"
)

func (p *Plugin) restart() *cobra.Command {
	var cause string
	var flags *changeOptions
	cmd := &cobra.Command{
		Use:   "restart NAME",
		Short: "Restart all pods of a stack",
		Long: `Release the same content as a new revision: all pods are replaced, and image tags are
resolved again. After an automatic rollback, this retries the content that failed.`,
		Example:           `  kubectl appstack restart my-app --wait`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := flags.connect(p)
			if err != nil {
				return err
			}
			r, err := c.release(cmd.Context(), stackName(args[0]))
			if err != nil {
				return err
			}
			// A restart needs a later time than any before.
			at := p.Clock.Now().Truncate(time.Second)
			if before := revision.LatestRestart(r.Revisions); before != nil && !at.After(*before) {
				at = before.Add(time.Second)
			}
			cause := c.causeOrDefault(cmd.Context(), cause, "restart")
			return flags.release(cmd.Context(), c, r.Stack.Name, func(stack *v1alpha1.AppStack) error {
				if before := stack.Spec.RestartedAt; before != nil && !at.After(before.Time) {
					at = before.Add(time.Second)
				}
				stack.Spec.RestartedAt = &metav1.Time{Time: at}
				setCause(stack, cause)
				return nil
			})
		},
	}
	causeFlag(cmd, &cause)
	flags = p.changeFlags(cmd, "restarted")
	flags.flags(cmd)
	return cmd
}

func (p *Plugin) pause() *cobra.Command {
	return p.switchPaused(true, &cobra.Command{
		Use:   "pause NAME",
		Short: "Pause the rollouts of a stack",
		Long: `Pause the rollouts of a stack: none starts, and a rollout in progress stops. No rollout
fails or is rolled back while the stack is paused. Scaling still works.`,
		Example: `  kubectl appstack pause my-app`,
	})
}

func (p *Plugin) resume() *cobra.Command {
	return p.switchPaused(false, &cobra.Command{
		Use:     "resume NAME",
		Short:   "Resume the rollouts of a paused stack",
		Long:    `Resume the rollouts of a paused stack.`,
		Example: `  kubectl appstack resume my-app --wait`,
	})
}

// switchPaused makes the command that pauses or resumes rollouts.
func (p *Plugin) switchPaused(paused bool, cmd *cobra.Command) *cobra.Command {
	done, unchanged := "resumed", "is not paused"
	if paused {
		done, unchanged = "paused", "is already paused"
	}
	var flags *changeOptions
	cmd.Args, cmd.ValidArgsFunction = cobra.ExactArgs(1), p.completeNames
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := flags.connect(p)
		if err != nil {
			return err
		}
		already := false
		err = flags.apply(cmd.Context(), c, stackName(args[0]), func(stack *v1alpha1.AppStack) error {
			already = stack.Spec.Paused == paused
			stack.Spec.Paused = paused
			return nil
		})
		if err == nil && already {
			fmt.Fprintf(p.ErrOut, "%s %s\n", stackName(args[0]), unchanged)
		}
		return err
	}
	flags = p.changeFlags(cmd, done)
	if !paused { // a paused stack has no rollout to wait for
		flags.flags(cmd)
	}
	return cmd
}

func (p *Plugin) scale() *cobra.Command {
	var replicas int32
	var flags *changeOptions
	cmd := &cobra.Command{
		Use:   "scale NAME [COMPONENT=]REPLICAS...",
		Short: "Set the number of pods of components",
		Long: `Set the number of pods of the main component, or of the named components. This creates
no revision and replaces no pods.`,
		Example: `  kubectl appstack scale my-app 5
  kubectl appstack scale shop main=5 worker=2 --wait`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: p.completeComponents("="),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.check(); err != nil {
				return err
			}
			numbers := assignments(args[1:])
			if cmd.Flags().Changed("replicas") {
				numbers = append(numbers, assignment{naming.Main, strconv.Itoa(int(replicas))})
			}
			if len(numbers) == 0 {
				return fmt.Errorf("a number of pods is required, such as kubectl appstack scale %s 3", args[0])
			}
			c, err := p.connect()
			if err != nil {
				return err
			}
			return flags.apply(cmd.Context(), c, stackName(args[0]), func(stack *v1alpha1.AppStack) error {
				for _, number := range numbers {
					if err := scaleTo(stack, number); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().Int32Var(&replicas, "replicas", 0, "Number of pods of the main component, as in kubectl scale.")
	flags = p.changeFlags(cmd, "scaled")
	flags.flags(cmd)
	return cmd
}

func scaleTo(stack *v1alpha1.AppStack, number assignment) error {
	replicas, err := strconv.ParseInt(number.value, 10, 32)
	if err != nil || replicas < 0 {
		return fmt.Errorf("invalid number of pods %q: must be 0 or more", number.value)
	}
	spec, _, err := specOf(stack, number.component)
	if err != nil {
		return err
	}
	if spec.Autoscaling != nil {
		return fmt.Errorf("an autoscaler sets the number of pods of %s: "+
			"change autoscaling.minReplicas and autoscaling.maxReplicas of the stack, or remove autoscaling", number.component)
	}
	count := int32(replicas)
	spec.Replicas = &count
	return nil
}
