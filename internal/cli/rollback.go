// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli/release"
	"github.com/appstack-dev/appstack/internal/cli/show"
)

func (p *Plugin) rollback() *cobra.Command {
	var to int64
	var yes bool
	var cause string
	var flags *changeOptions
	cmd := &cobra.Command{
		Use:   "rollback NAME",
		Short: "Roll back to an earlier revision",
		Long: `Roll back to the pod templates, images and Services of an earlier revision. Without
--to-revision, this is the last good revision other than that of the spec.

The command shows the changes and asks for confirmation. It also sets
spec.rollback.fromRevision to the revision of the spec: the rollback is in effect
until the content of the spec changes, and the new content is released as usual.`,
		Example: `  kubectl appstack rollback my-app --wait
  kubectl appstack rollback my-app --to-revision 4 --yes --cause "checkout fails"
  kubectl appstack rollback my-app --dry-run=server`,
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
			rollback, err := c.rollbackOf(r, to)
			if err != nil {
				return err
			}
			rollback.Cause = c.causeOrDefault(cmd.Context(), cause, "rollback")
			out := p.Out
			if !flags.humanReadable() {
				out = p.ErrOut // standard output has only the object, for programs
			}
			if err := c.preview(out, r, *rollback); err != nil {
				return err
			}
			if flags.dryRun == dryRunNone && !yes {
				if err := p.confirm(cmd.Context(), r.Stack); err != nil {
					return err
				}
			}
			return flags.apply(cmd.Context(), c, r.Stack.Name, func(stack *v1alpha1.AppStack) error {
				if stack.UID != r.Stack.UID || stack.Generation != r.Stack.Generation {
					return fmt.Errorf("%s has changed in the meantime: check it with kubectl appstack why %s%s, and run the rollback again",
						stack.Name, stack.Name, p.scope())
				}
				stack.Spec.Rollback = rollback
				return nil
			})
		},
	}
	cmd.Flags().Int64Var(&to, "to-revision", 0, "Revision to roll back to. Defaults to the last good revision.")
	p.completeRevisions(cmd, "to-revision")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "Do not ask for confirmation.")
	causeFlag(cmd, &cause)
	flags = p.changeFlags(cmd, "rolled back")
	flags.flags(cmd)
	return cmd
}

// rollbackOf returns the spec.rollback for the revision. If to is 0, it chooses the last good
// revision other than the spec's own and, if a rollback holds, other than that rollback's target.
func (c *connection) rollbackOf(r release.Release, to int64) (*v1alpha1.Rollback, error) {
	stack, from := r.Stack, r.SpecRevision()
	if err := r.Denied[release.RevisionKind]; err != nil {
		return nil, err
	}
	if err := c.anyRevision(r); err != nil {
		return nil, err
	}
	if to == 0 {
		leave := []int64{from}
		if r.RollbackHolds() {
			leave = append(leave, stack.Spec.Rollback.ToRevision)
		}
		good := r.LastGood(leave...)
		if good == nil {
			return nil, fmt.Errorf("%s has no other good revision: select one of %s with --to-revision, or release a fix", stack.Name, r.Numbers())
		}
		to = good.Revision
	}
	if _, err := c.find(r, to); err != nil {
		return nil, err
	}
	if to == from {
		if r.RollbackHolds() {
			return nil, fmt.Errorf("revision %d is the revision of the spec: to end the rollback, run kubectl appstack resume-spec %s%s",
				to, stack.Name, c.plugin.scope())
		}
		return nil, fmt.Errorf("revision %d is the revision of the spec: there is nothing to roll back "+
			"(to replace its pods, run kubectl appstack restart %s%s)", to, stack.Name, c.plugin.scope())
	}
	rollback := &v1alpha1.Rollback{ToRevision: to}
	if from != 0 {
		rollback.FromRevision = &from
	}
	return rollback, nil
}

// preview prints the diff of the rollback, and what it does.
func (c *connection) preview(out io.Writer, r release.Release, rollback v1alpha1.Rollback) error {
	p := c.plugin
	view := p.view()
	target := show.Side{Name: fmt.Sprintf("revision %d", rollback.ToRevision), Content: r.Find(rollback.ToRevision).Content}
	if running := r.Find(r.Stack.Status.Revision); running != nil {
		text, err := view.Diff(show.Side{Name: fmt.Sprintf("revision %d", running.Number), Content: running.Content}, target)
		if err != nil {
			return err
		}
		fmt.Fprint(out, text)
	}
	fmt.Fprintln(out, view.Wrap("", view.Intent(r, rollback)))
	return nil
}

// confirm asks the user whether to go on. It returns an error if not, or if standard input is a
// file that is no terminal.
func (p *Plugin) confirm(ctx context.Context, stack *v1alpha1.AppStack) error {
	if file, ok := p.In.(*os.File); ok && !term.IsTerminal(int(file.Fd())) {
		return errors.New("the standard input is not a terminal: add --yes to skip the confirmation, or --dry-run=server to preview the rollback")
	}
	fmt.Fprintf(p.ErrOut, "Roll back %s? [y/N] ", stack.Name)
	answers := make(chan string, 1)
	go func() {
		line, err := bufio.NewReader(p.In).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			line = ""
		}
		answers <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case answer := <-answers:
		if answer == "y" || answer == "yes" {
			return nil
		}
		return fmt.Errorf("nothing was changed")
	}
}

func (p *Plugin) resumeSpec() *cobra.Command {
	var flags *changeOptions
	cmd := &cobra.Command{
		Use:   "resume-spec NAME",
		Short: "End a rollback and run the spec again",
		Long: `End a rollback and run the spec again. If the content of the spec failed before, it is
retried.`,
		Example:           `  kubectl appstack resume-spec my-app --wait`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := flags.connect(p)
			if err != nil {
				return err
			}
			return flags.release(cmd.Context(), c, stackName(args[0]), func(stack *v1alpha1.AppStack) error {
				if stack.Spec.Rollback == nil {
					return noRollback(stack, p.scope())
				}
				stack.Spec.Rollback = nil
				return nil
			})
		},
	}
	flags = p.changeFlags(cmd, "spec resumed")
	flags.flags(cmd)
	return cmd
}

// noRollback returns an error that says why there is no rollback to end.
func noRollback(stack *v1alpha1.AppStack, scope string) error {
	if stalled := show.Stalled(stack); stalled != nil && stalled.Reason == v1alpha1.ReasonRolledBack {
		return fmt.Errorf("%s was rolled back automatically, because the content of the spec failed: "+
			"retry it with kubectl appstack restart %s%s, or change the spec", stack.Name, stack.Name, scope)
	}
	return fmt.Errorf("%s is not rolled back: it runs its spec", stack.Name)
}
