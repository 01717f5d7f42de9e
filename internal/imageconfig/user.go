// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig

import (
	"strconv"
	"strings"

	"k8s.io/utils/ptr"
)

// User is the value of USER. On Windows users have only names, and the statements about root here
// do not apply.
type User struct {
	// Text is the value as written.
	Text string
	// UID is the user's number. It is nil if the image uses a name, which only files inside the
	// image map to a number.
	UID *int64
}

// ParseUser parses a USER such as 1000, 1000:1000 or app:app. It ignores the group. No user means
// root. The name root is treated as 0, as programs and the runtime do: root is 0 in every image
// that works.
func ParseUser(user string) User {
	name, _, _ := strings.Cut(user, ":")
	if name == "" || name == "root" {
		return User{Text: user, UID: ptr.To[int64](0)}
	}
	uid, err := strconv.ParseUint(name, 10, 31) // the runtime rejects larger ones
	if err != nil {
		return User{Text: user}
	}
	return User{Text: user, UID: ptr.To(int64(uid))}
}

// Restricted reports whether the user is certainly not root. Only then does Kubernetes start a
// container with runAsNonRoot.
func (u User) Restricted() bool { return u.UID != nil && *u.UID != 0 }

// Note describes what prevents runAsNonRoot if the image's author can fix it, and is empty
// otherwise.
func (u User) Note() string {
	if u.UID != nil {
		return ""
	}
	name, _, _ := strings.Cut(u.Text, ":")
	return "the image's user " + quote(name) + " is a name, and Kubernetes cannot tell that it is not root: " +
		"write a number in USER, or set runAsUser in podTemplate"
}
