// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package sim_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/sim"
)

var _ = Describe("a word for an image", func() {
	// tell releases an image, and then another one.
	tell := func(word, in string) string {
		world := sim.New()
		if in == "break" {
			world.Break("my-app:1", word)
		}
		image := "my-app:1"
		if in == "name" {
			image = "my-app:" + word
		}
		world.Apply(With(Stack("shop"), Image(image)))
		world.Settle(700)
		world.Apply(With(world.Stack().DeepCopy(), Image("my-app:next")))
		world.Settle(700)
		return strings.ReplaceAll(world.Transcript(), "my-app:"+word, "my-app:1")
	}
	for _, word := range sim.Words() {
		It("has the same effect in its name and in Break: "+word, func() {
			broken := tell(word, "break")
			Expect(broken).NotTo(Equal(tell(word, "")))
			Expect(broken).To(Equal(tell(word, "name")))
		})
	}
})
