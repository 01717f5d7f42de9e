// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// Values of --dry-run, as kubectl has them.
const (
	dryRunNone   = "none"
	dryRunClient = "client"
	dryRunServer = "server"
)

// changing are the flags of a command that changes a stack.
type changing struct {
	*waiting
	output
	dryRun string
	done   string
}

// changingOf adds the flags to a command that leaves a stack "scaled", say.
func (p *Plugin) changingOf(cmd *cobra.Command, done string) *changing {
	c := &changing{waiting: waitingOf(cmd), output: p.outputOf(cmd, done), done: done}
	cmd.Flags().StringVar(&c.dryRun, "dry-run", dryRunNone,
		`"client" changes nothing and asks nobody, "server" has the API server check the change without keeping it.`)
	cmd.Flags().Lookup("dry-run").NoOptDefVal = dryRunClient
	complete(cmd, "dry-run", dryRunNone, dryRunClient, dryRunServer)
	return c
}

func (f *changing) check() error {
	switch f.dryRun {
	case dryRunNone:
		return nil
	case dryRunClient, dryRunServer:
		if f.wait {
			return fmt.Errorf("--wait has nothing to wait for with --dry-run=%s: leave one of them out", f.dryRun)
		}
		return nil
	default:
		return fmt.Errorf("--dry-run=%s: it is one of %s, %s and %s", f.dryRun, dryRunNone, dryRunClient, dryRunServer)
	}
}

// edit changes the stack's spec or annotations, and no more of it than change
// does: whoever else writes to it meanwhile is not overwritten.
func (c *connection) edit(ctx context.Context, name, dryRun string, change func(*v1alpha1.AppStack) error) (*v1alpha1.AppStack, error) {
	var stack *v1alpha1.AppStack
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		var err error
		if stack, err = c.stack(ctx, name); err != nil {
			return err
		}
		before := stack.DeepCopy()
		if err := change(stack); err != nil {
			return err
		}
		if dryRun == dryRunClient {
			return nil
		}
		options := []client.PatchOption{client.FieldOwner(fieldOwner)}
		if dryRun == dryRunServer {
			options = append(options, client.DryRunAll)
		}
		return c.Patch(ctx, stack, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), options...)
	})
	return stack, err
}

// apply edits the stack, says so, and waits for it where that was asked for.
func (f *changing) apply(ctx context.Context, c *connection, name string, change func(*v1alpha1.AppStack) error) error {
	stack, err := c.edit(ctx, name, f.dryRun, change)
	if err != nil {
		return err
	}
	return f.finish(ctx, c, stack)
}

// finish says what was done to the stack, and waits for it where that was asked for.
func (f *changing) finish(ctx context.Context, c *connection, stack *v1alpha1.AppStack) error {
	done := f.done
	switch f.dryRun {
	case dryRunClient:
		done += " (dry run)"
	case dryRunServer:
		done += " (server dry run)"
	}
	f.NamePrintFlags.Operation = done
	if err := f.print(c, stack); err != nil {
		return err
	}
	if !f.wait {
		return nil
	}
	return c.wait(ctx, stack.Name, stack.Generation, f.timeout)
}

// hint tells what is not to be expected of a change, on the standard error so
// that it is in nobody's way.
func (c *connection) hint(stack *v1alpha1.AppStack) {
	spec, scope := stack.Spec, c.plugin.scope()
	if spec.Paused {
		fmt.Fprintf(c.plugin.ErrOut, "%s is paused: it is released after kubectl appstack resume %s%s\n", stack.Name, stack.Name, scope)
	}
	if rollback := spec.Rollback; rollback != nil && rollback.FromRevision == nil {
		fmt.Fprintf(c.plugin.ErrOut, "a rollback holds revision %d: it is released after kubectl appstack resume-spec %s%s\n",
			rollback.ToRevision, stack.Name, scope)
	}
}

// setCause says why the content changes. The words of an earlier change would be wrong.
func setCause(stack *v1alpha1.AppStack, cause string) {
	if stack.Annotations == nil {
		stack.Annotations = map[string]string{}
	}
	stack.Annotations[v1alpha1.AnnotationChangeCause] = cause
}

// causeFlag adds --cause to a command that changes what runs.
func causeFlag(cmd *cobra.Command, cause *string) {
	cmd.Flags().StringVar(cause, "cause", "", "Why: the history shows it. Left out, it is what was done, and by whom.")
}
