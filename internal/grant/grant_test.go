// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package grant_test

import (
	"context"
	"errors"
	"testing"

	"github.com/appstack-dev/appstack/internal/grant"
)

// TestCommands checks the commands, and that the operator's name is queried once, and again only after an
// error.
func TestCommands(t *testing.T) {
	for name, test := range map[string]struct {
		user string
		err  error
		want string
	}{
		"R29 a service account":               {"system:serviceaccount:ops:manager", nil, "--serviceaccount=ops:manager"},
		"R29 a user":                          {"jane", nil, "--user=jane"},
		"R29 the API server does not tell it": {"", errors.New("oops"), "--serviceaccount=appstack-system:appstack-controller-manager"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			granter := &grant.Granter{Identity: func(context.Context) (string, error) {
				asked++
				return test.user, test.err
			}}
			want := "kubectl create role reader -n team-a --verb=get,list --resource=secrets && " +
				"kubectl create rolebinding reader -n team-a --role=reader " + test.want
			for range 2 {
				if got := granter.Commands(t.Context(), "team-a", "reader", "get,list", "secrets"); got != want {
					t.Errorf("Commands = %q, want %q", got, want)
				}
			}
			if wanted := map[bool]int{true: 1, false: 2}[test.err == nil]; asked != wanted {
				t.Errorf("the API server was asked %d times, want %d", asked, wanted)
			}
		})
	}
}
