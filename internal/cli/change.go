// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/revision"
)

// The values of --dry-run, as in kubectl.
const (
	dryRunNone   = "none"
	dryRunClient = "client"
	dryRunServer = "server"
)

// changeOptions holds the flags of a command that changes a stack.
type changeOptions struct {
	waitOptions
	output
	dryRun string
	done   string
}

// changeFlags adds the flags to a command. done is the word for its result, such as "scaled".
func (p *Plugin) changeFlags(cmd *cobra.Command, done string) *changeOptions {
	f := &changeOptions{output: p.outputOf(cmd, done), done: done}
	cmd.Flags().StringVar(&f.dryRun, "dry-run", dryRunNone,
		`Must be "none", "client" or "server". "client" prints the object without sending it, "server" submits it without persisting it.`)
	cmd.Flags().Lookup("dry-run").NoOptDefVal = dryRunClient
	complete(cmd, "dry-run", dryRunNone, dryRunClient, dryRunServer)
	return f
}

// check returns an error if the flags are invalid, before anything is changed.
func (f *changeOptions) check() error {
	if _, err := f.ToPrinter(); err != nil {
		return err
	}
	switch f.dryRun {
	case dryRunNone:
		return nil
	case dryRunClient, dryRunServer:
		if f.wait {
			return fmt.Errorf("--wait cannot be used with --dry-run=%s", f.dryRun)
		}
		return nil
	default:
		return fmt.Errorf("--dry-run=%s: must be %q, %q or %q", f.dryRun, dryRunNone, dryRunClient, dryRunServer)
	}
}

// connect checks the flags, and then connects to the cluster.
func (f *changeOptions) connect(p *Plugin) (*connection, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	return p.connect()
}

// edit applies change to the stack and patches only what it has changed, so that other writers'
// changes are kept. It tries again after a conflict. dryRun is a value of --dry-run.
func (c *connection) edit(ctx context.Context, name, dryRun string, change func(*v1alpha1.AppStack) error) (*v1alpha1.AppStack, error) {
	var stack *v1alpha1.AppStack
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		raw := &unstructured.Unstructured{}
		raw.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AppStack"))
		err := c.Get(ctx, c.key(name), raw)
		if err != nil {
			return err
		}
		if stack, err = typed(raw); err != nil {
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

// apply edits the stack, prints the result, and waits for the stack if --wait is set.
func (f *changeOptions) apply(ctx context.Context, c *connection, name string, change func(*v1alpha1.AppStack) error) error {
	stack, err := c.edit(ctx, name, f.dryRun, change)
	if err != nil {
		return err
	}
	return f.finish(ctx, c, stack)
}

// release is apply for a change that starts a rollout. If something blocks the rollout, it does not
// wait: it returns the reason as an error if --wait is set, and prints it otherwise.
func (f *changeOptions) release(ctx context.Context, c *connection, name string, change func(*v1alpha1.AppStack) error) error {
	stack, err := c.edit(ctx, name, f.dryRun, change)
	if err != nil {
		return err
	}
	blocker, err := c.rolloutBlocker(ctx, stack)
	if err != nil {
		return err
	}
	if blocker == "" {
		return f.finish(ctx, c, stack)
	}
	if err := f.printResult(c, stack); err != nil {
		return err
	}
	if f.wait {
		return errors.New(blocker)
	}
	fmt.Fprintln(c.plugin.ErrOut, c.plugin.errView().Wrap("", blocker))
	return nil
}

// finish prints the result, and waits for the stack if --wait is set.
func (f *changeOptions) finish(ctx context.Context, c *connection, stack *v1alpha1.AppStack) error {
	if err := f.printResult(c, stack); err != nil || !f.wait {
		return err
	}
	progress := c.plugin.Out
	if !f.humanReadable() {
		progress = c.plugin.ErrOut // standard output has only the object, for programs
	}
	return c.wait(ctx, progress, stack.Name, stack.Generation, f.timeout)
}

// printResult prints the result of the change.
func (f *changeOptions) printResult(c *connection, stack *v1alpha1.AppStack) error {
	done := f.done
	switch f.dryRun {
	case dryRunClient:
		done += " (dry run)"
	case dryRunServer:
		done += " (server dry run)"
	}
	f.NamePrintFlags.Operation = done
	return f.print(c, stack)
}

// rolloutBlocker returns the reason why the stack's content is not rolled out now; empty if nothing
// blocks it.
func (c *connection) rolloutBlocker(ctx context.Context, stack *v1alpha1.AppStack) (string, error) {
	scope := c.plugin.scope()
	if stack.Spec.Paused {
		return fmt.Sprintf("%s is paused: to roll out the change, run kubectl appstack resume %s%s", stack.Name, stack.Name, scope), nil
	}
	rollback := stack.Spec.Rollback
	if rollback == nil {
		return "", nil
	}
	if rollback.FromRevision != nil {
		r, err := c.release(ctx, stack.Name)
		if err != nil || !revision.Holds(stack.Spec, r.Revisions) {
			return "", err
		}
	}
	return fmt.Sprintf("a rollback to revision %d is in effect: to roll out the spec, run kubectl appstack resume-spec %s%s",
		rollback.ToRevision, stack.Name, scope), nil
}

// setCause sets the cause of the change, and ties it to the stack's current content, so that it is
// not taken for the cause of any other change.
func setCause(stack *v1alpha1.AppStack, cause string) {
	if stack.Annotations == nil {
		stack.Annotations = map[string]string{}
	}
	stack.Annotations[v1alpha1.AnnotationChangeCause] = cause
	stack.Annotations[v1alpha1.AnnotationChangeCauseOf] = revision.CauseMark(stack.Spec, cause)
}

// causeFlag adds --cause to a command that changes what runs.
func causeFlag(cmd *cobra.Command, cause *string) {
	cmd.Flags().StringVar(cause, "cause", "", "Reason for the change, shown in the history. Defaults to the command and your user name.")
}
