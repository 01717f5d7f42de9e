// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"fmt"
	"strings"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
)

// assignment is an argument such as worker=2: a value for a component. Without a name it is for the
// main component.
type assignment struct {
	component, value string
}

// stackName returns the name of the stack in an argument, which may be in the form of -o name, such
// as appstack/my-app.
func stackName(arg string) string {
	for _, kind := range []string{"appstack", "appstacks", "aps", "appstack." + v1alpha1.GroupName, "appstacks." + v1alpha1.GroupName} {
		if name, found := strings.CutPrefix(arg, kind+"/"); found {
			return name
		}
	}
	return arg
}

// assignments parses arguments. Neither an image nor a number contains '='.
func assignments(args []string) []assignment {
	var all []assignment
	for _, arg := range args {
		component, value, named := strings.Cut(arg, "=")
		if !named {
			component, value = naming.Main, arg
		}
		all = append(all, assignment{component, value})
	}
	return all
}

// specOf returns the part of the spec for a component, and the field of its image. It returns an
// error that lists the components if there is none of that name.
func specOf(stack *v1alpha1.AppStack, component string) (spec *v1alpha1.ComponentSpec, image *string, err error) {
	if component == naming.Main {
		return &stack.Spec.ComponentSpec, &stack.Spec.Image, nil
	}
	names := []string{naming.Main}
	for i := range stack.Spec.Components {
		if stack.Spec.Components[i].Name == component {
			return &stack.Spec.Components[i].ComponentSpec, &stack.Spec.Components[i].Image, nil
		}
		names = append(names, stack.Spec.Components[i].Name)
	}
	return nil, nil, fmt.Errorf("%s has no component %q: use one of %s", stack.Name, component, strings.Join(names, ", "))
}
