// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package cluster_test tests the operator against a whole control plane: the real
// controllers, scheduler and garbage collector, with simulated nodes.
package cluster_test

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

// app is the name of the stack in the specs.
const app = world.App

// scene extends the World of a spec with the helpers of this suite.
type scene struct{ world.World }

func newScene(ctx context.Context) scene {
	GinkgoHelper()
	return scene{world.New(ctx)}
}

// stopOperator stops the shared operator, which runs in the first of the suite's processes.
// A spec that replaces the operator is Serial, and so runs in that process, alone.
var stopOperator func() error

func TestCluster(t *testing.T) {
	RegisterFailHandler(Fail)
	format.MaxLength = 4000
	SetDefaultEventuallyTimeout(90 * time.Second) // for a busy machine
	EnforceDefaultTimeoutsWhenUsingContexts()
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	SetDefaultConsistentlyDuration(time.Second)
	SetDefaultConsistentlyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "Cluster")
}

var _ = SynchronizedBeforeSuite(func(ctx SpecContext) {
	world.Open(ctx)
	startOperator(operator.Options{})
}, func() { world.Reach() })

var _ = SynchronizedAfterSuite(func() {}, endOperator)

// startOperator runs the operator in this process.
func startOperator(options operator.Options) {
	GinkgoHelper()
	Expect(stopOperator).To(BeNil(), "the operator already runs")
	// the operator outlives the Ginkgo node that starts it
	stop, err := operator.Start(context.Background(), world.Connection(world.OperatorAgent), options)
	Expect(err).NotTo(HaveOccurred())
	stopOperator = stop
}

// endOperator stops the operator if it runs.
func endOperator() {
	GinkgoHelper()
	if stopOperator == nil {
		return
	}
	stop := stopOperator
	stopOperator = nil
	Expect(stop()).To(Succeed())
}

// withOperator runs the rest of the spec with an operator with these options.
func withOperator(options operator.Options) {
	GinkgoHelper()
	withoutOperator()
	startOperator(options)
}

// withoutOperator stops the operator for the rest of the spec. Later specs get the
// default one.
func withoutOperator() {
	GinkgoHelper()
	Expect(CurrentSpecReport().IsSerial).To(BeTrue(), "the operator is shared with other specs: mark this spec Serial")
	DeferCleanup(func() {
		endOperator()
		startOperator(operator.Options{})
	})
	endOperator()
}
