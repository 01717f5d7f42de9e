// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package walk_test applies valid and invalid values of every field of the schema,
// and random changes, to stacks on a complete control plane.
package walk_test

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/format"

	"github.com/appstack-dev/appstack/test/operator"
	"github.com/appstack-dev/appstack/test/world"
)

func TestWalk(t *testing.T) {
	RegisterFailHandler(Fail)
	format.MaxLength = 0
	SetDefaultEventuallyTimeout(90 * time.Second)
	EnforceDefaultTimeoutsWhenUsingContexts()
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	SetDefaultConsistentlyDuration(time.Second)
	SetDefaultConsistentlyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "Walk")
}

var _ = SynchronizedBeforeSuite(world.Open, world.Reach)

// operate runs an operator for these namespaces until the container or the spec ends.
func operate(namespaces ...string) {
	GinkgoHelper()
	// the operator outlives the context of the node that starts it
	stop, err := operator.Start(context.Background(), world.Connection(world.OperatorAgent),
		operator.Options{Namespaces: namespaces})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(stop()).To(Succeed()) })
}
