// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package controller

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"github.com/appstack-dev/appstack/internal/configwatch"
	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/internal/model"
)

// Answers looks up what plans ask for.
type Answers interface {
	// Answer returns the answers to the stack's questions that are known by now. It starts to
	// resolve unknown images; their answers trigger another reconcile. ConfigMaps are read last, in
	// this call, which returns any error.
	Answer(ctx context.Context, stack types.NamespacedName, questions model.Questions) (model.Answers, error)
	// Forget cancels the work for the stack.
	Forget(stack types.NamespacedName)
}

// sources answers questions about images and ConfigMaps.
type sources struct {
	images  *image.Resolver
	configs *configwatch.ConfigMaps
	secrets *configwatch.Watcher
}

var _ Answers = sources{}

// Answer implements Answers. ConfigMaps are read when nothing else is pending, so that a release
// gets them as they are when it starts (R31).
func (s sources) Answer(ctx context.Context, stack types.NamespacedName, questions model.Questions) (model.Answers, error) {
	answers := s.images.Answer(ctx, stack, questions)
	if len(questions.Config) == 0 || answers.Waiting != "" {
		return answers, nil
	}
	var err error
	answers.Config, answers.ConfigVersions, err = s.configs.Read(ctx, stack.Namespace, questions.Config)
	return answers, err //nolint:wrapcheck // it names the ConfigMap
}

// Forget implements Answers.
func (s sources) Forget(stack types.NamespacedName) {
	s.images.Forget(stack)
	s.configs.Forget(stack)
	s.secrets.Forget(stack)
}
