// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// forbiddenPattern matches the message of the API server's authorizers for a missing permission.
var forbiddenPattern = regexp.MustCompile(
	`User "([^"]*)" cannot (\S+) resource "([^"]*)" in API group "([^"]*)"(?: in the namespace "([^"]*)"| at the cluster scope)`)

// explain returns a message that says what went wrong and, where possible, what to do about it.
func (p *Plugin) explain(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case apierrors.IsForbidden(err):
		return forbiddenMessage(err)
	case apierrors.IsUnauthorized(err):
		return "you are not logged in to the cluster (Unauthorized): log in again, or select another context with --context"
	case apierrors.IsNotFound(err):
		return p.notFound(err)
	case meta.IsNoMatchError(err):
		return "the AppStack CRD is not installed in the cluster: install the operator, or select another cluster with --context"
	}
	return err.Error()
}

// forbiddenMessage returns a message that names the missing permission.
func forbiddenMessage(err error) string {
	found := forbiddenPattern.FindStringSubmatch(err.Error())
	if found == nil {
		return err.Error() // from an admission policy, whose message suffices
	}
	user, verb, resource, group, namespace := found[1], found[2], found[3], found[4], found[5]
	if group != "" {
		resource += "." + group
	}
	where := "in all namespaces"
	if namespace != "" {
		where = "in namespace " + namespace
	}
	return fmt.Sprintf("%s cannot %s %s %s: ask an administrator for a role with this permission, such as %s",
		user, verb, resource, where, roleFor(verb))
}

// roleFor returns the ClusterRole of AppStack that has the permission.
func roleFor(verb string) string {
	switch verb {
	case "get", "list", "watch":
		return "appstack-viewer-role"
	default:
		return "appstack-editor-role"
	}
}

func (p *Plugin) notFound(err error) string {
	status := apierrors.APIStatus(nil)
	if errors.As(err, &status) {
		if details := status.Status().Details; details != nil && details.Group == v1alpha1.GroupName && details.Name != "" {
			return fmt.Sprintf("AppStack %q not found%s", details.Name, p.scopeHint())
		}
	}
	return err.Error()
}

// scopeHint names the namespace that was searched, and the command that lists all stacks.
func (p *Plugin) scopeHint() string {
	namespace, _, err := p.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" in namespace %s: see kubectl appstack list -A", namespace)
}
