// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

// Package faults_test lets every write of an operator fail in every way, and lets it read outdated
// states, and compares the end with that of an operator without faults. It runs against the cluster
// of `make cluster`.
package faults_test

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/format"
	"k8s.io/client-go/rest"

	"github.com/appstack-dev/appstack/test/world"
)

// config is the operators' client config, without faults.
var config *rest.Config

func TestFaults(t *testing.T) {
	RegisterFailHandler(Fail)
	format.MaxLength = 8000
	SetDefaultEventuallyTimeout(time.Minute)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	EnforceDefaultTimeoutsWhenUsingContexts()
	RunSpecs(t, "Faults")
}

var _ = SynchronizedBeforeSuite(world.Open, func() {
	world.Reach()
	config = world.Connection(world.OperatorAgent)
})
