// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/internal/imageconfig"
)

func TestParseUser(t *testing.T) {
	tests := map[string]struct {
		user       string
		uid        *int64
		restricted bool
		named      string // in the expected note, if any
	}{
		"R22 no user is root":                       {"", ptr.To[int64](0), false, ""},
		"R22 a group alone runs as root":            {":1000", ptr.To[int64](0), false, ""},
		"R22 root":                                  {"root", ptr.To[int64](0), false, ""},
		"R22 root and its group":                    {"root:root", ptr.To[int64](0), false, ""},
		"R22 the number of root":                    {"0", ptr.To[int64](0), false, ""},
		"R22 the numbers of root and its group":     {"0:0", ptr.To[int64](0), false, ""},
		"R22 the number of root with leading zeros": {"0000", ptr.To[int64](0), false, ""},
		"R22 a number":                              {"1000", ptr.To[int64](1000), true, ""},
		"R22 a user number and the root group":      {"1000:0", ptr.To[int64](1000), true, ""},
		"R22 a user number and a group name":        {"1000:group", ptr.To[int64](1000), true, ""},
		"R22 the largest number":                    {"2147483647", ptr.To[int64](2147483647), true, ""},
		"R22 a number that is too large":            {"2147483648", nil, false, `"2147483648"`},
		"R22 a number beyond all integer types":     {"99999999999999999999", nil, false, `"99999999999999999999"`},
		"R22 a number below zero":                   {"-1", nil, false, `"-1"`},
		"R22 a number with a sign":                  {"+1", nil, false, `"+1"`},
		"R22 a name":                                {"app", nil, false, `"app"`},
		"R22 a user name and a group name":          {"app:app", nil, false, `"app"`},
		"R22 a name that looks like root":           {"Root", nil, false, `"Root"`},
		"R22 a user name and a group number":        {"nobody:65534", nil, false, `"nobody"`},
		"R22 a number in another notation":          {"0x10", nil, false, `"0x10"`},
		"R22 a long name is truncated":              {"somebody-whose-name-does-not-end", nil, false, `"somebody-whose-name-does…"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := imageconfig.ParseUser(test.user)
			if diff := cmp.Diff(imageconfig.User{Text: test.user, UID: test.uid}, got); diff != "" {
				t.Errorf("user (-want +got):\n%s", diff)
			}
			if got.Restricted() != test.restricted {
				t.Errorf("restricted is %t, want %t", got.Restricted(), test.restricted)
			}
			want := ""
			if test.named != "" {
				want = "the image's user " + test.named + " is a name, and Kubernetes cannot tell that it is not root: " +
					"write a number in USER, or set runAsUser in podTemplate"
			}
			if got.Note() != want {
				t.Errorf("note is\n%s, want\n%s", got.Note(), want)
			}
		})
	}
}
