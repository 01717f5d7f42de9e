// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig

import (
	"strconv"
	"strings"

	"k8s.io/utils/ptr"
)

// User is what USER says. Images for Windows have names only, and none of what
// is said here of root holds for them.
type User struct {
	// Text is the USER as written.
	Text string
	// UID is the number of the user; nil where the image has a name, and only
	// the files in it say whose number that is.
	UID *int64
}

// ParseUser reads a USER such as 1000, 1000:1000 or app:app. The group does not
// matter. No user is root, and root is 0 in every image that works: programs,
// among them the runtime itself, take the two for one.
func ParseUser(user string) User {
	name, _, _ := strings.Cut(user, ":")
	if name == "" || name == "root" {
		return User{Text: user, UID: ptr.To[int64](0)}
	}
	uid, err := strconv.ParseUint(name, 10, 31) // the runtime refuses larger ones
	if err != nil {
		return User{Text: user}
	}
	return User{Text: user, UID: ptr.To(int64(uid))}
}

// Restricted says whether it is certain that the user is not root: Kubernetes
// starts a container that must not run as root only then.
func (u User) Restricted() bool { return u.UID != nil && *u.UID != 0 }

// Note says what stands in the way of running as not root, where that can be mended.
func (u User) Note() string {
	if u.UID != nil {
		return ""
	}
	name, _, _ := strings.Cut(u.Text, ":")
	return "the image's user " + quote(name) + " is a name, and Kubernetes cannot tell that it is not root: " +
		"write a number in USER, or set runAsUser in podTemplate"
}
