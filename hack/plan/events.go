// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/model"
	"github.com/appstack-dev/appstack/test/sim"
)

// happen carries out an event.
type happen func(context.Context, *scene) error

// verbs contains the kinds of events. Each function decodes the event's value.
var verbs = map[string]func(json.RawMessage) (happen, error){
	"apply":    verb((*scene).apply),
	"settle":   verb((*scene).settle),
	"wait":     verb((*scene).wait),
	"break":    verb((*scene).breakImage),
	"mend":     verb((*scene).mend),
	"kill":     verb((*scene).kill),
	"delete":   verb((*scene).remove),
	"change":   verb((*scene).change),
	"quota":    verb((*scene).quota),
	"room":     verb((*scene).room),
	"push":     verb((*scene).push),
	"registry": verb((*scene).registry),
	"config":   verb((*scene).config),
	"secret":   verb((*scene).secret),
}

// verb returns the decoder of an event with a value of the type V.
func verb[V any](do func(*scene, context.Context, V) error) func(json.RawMessage) (happen, error) {
	return func(raw json.RawMessage) (happen, error) {
		var value V
		if err := decode(raw, &value); err != nil {
			return nil, err
		}
		return func(ctx context.Context, s *scene) error { return do(s, ctx, value) }, nil
	}
}

// apply applies the manifest with other fields of the spec; null removes a field.
func (s *scene) apply(ctx context.Context, fields map[string]any) error {
	spec, err := json.Marshal(s.manifest.Spec)
	if err != nil {
		return err
	}
	var merged map[string]any
	if err := json.Unmarshal(spec, &merged); err != nil {
		return err
	}
	maps.Copy(merged, fields)
	maps.DeleteFunc(merged, func(_ string, value any) bool { return value == nil })
	if spec, err = json.Marshal(merged); err != nil {
		return err
	}
	earlier := s.manifest.DeepCopy()
	earlier.Spec = v1alpha1.AppStackSpec{}
	if err := decode(spec, &earlier.Spec); err != nil {
		return err
	}
	return s.put(ctx, earlier)
}

// settle waits until nothing changes anymore.
func (s *scene) settle(_ context.Context, most metav1.Duration) error {
	n, err := s.seconds(most.Duration)
	if err != nil {
		return err
	}
	if s.Settle(n); !s.AtRest() {
		return fmt.Errorf("the world has not come to rest in %s: give it more time, or wait instead", most.Duration)
	}
	return nil
}

// wait lets time pass.
func (s *scene) wait(_ context.Context, time metav1.Duration) error {
	n, err := s.seconds(time.Duration)
	if err == nil {
		s.Wait(n)
	}
	return err
}

// seconds converts a duration to whole seconds, in which the operator runs.
func (s *scene) seconds(d time.Duration) (int, error) {
	if s.Stack() == nil {
		return 0, errors.New("there is no stack yet: apply one before")
	}
	if d < time.Second || d > patience || d%time.Second != 0 {
		return 0, fmt.Errorf("%s: give whole seconds, from 1s to %s", d, patience)
	}
	return int(d / time.Second), nil
}

// breakImage makes new pods of an image behave as defined by a word.
func (s *scene) breakImage(_ context.Context, how struct {
	Image string `json:"image"`
	Word  string `json:"word"`
}) error {
	if how.Image == "" {
		return errors.New("image: it is missing")
	}
	if !slices.Contains(sim.Words(), how.Word) {
		return fmt.Errorf("word: %q is none: use one of %s", how.Word, strings.Join(sim.Words(), ", "))
	}
	s.Break(how.Image, how.Word)
	return nil
}

// mend undoes breakImage.
func (s *scene) mend(_ context.Context, image string) error {
	s.Mend(image)
	return nil
}

// kill deletes a ready pod of a Deployment.
func (s *scene) kill(_ context.Context, deployment string) error {
	live := s.State().Children.Deployment(deployment)
	if live == nil || live.Status.ReadyReplicas == 0 {
		return fmt.Errorf("there is no ready pod of a Deployment %q", deployment)
	}
	s.Kill(deployment)
	return nil
}

// remove deletes an object as another client.
func (s *scene) remove(_ context.Context, object struct {
	Kind model.Kind `json:"kind"`
	Name string     `json:"name"`
}) error {
	state := s.State()
	isRecord := func(r model.Revision) bool { return object.Kind == model.KindRevision && r.Name == object.Name }
	if state.Children.Find(object.Kind, object.Name) == nil && !slices.ContainsFunc(state.Revisions, isRecord) {
		return fmt.Errorf("there is no %s %q", object.Kind, object.Name)
	}
	s.Delete(object.Kind, object.Name)
	return nil
}

// change patches a Deployment as another field manager.
func (s *scene) change(_ context.Context, by struct {
	Deployment string          `json:"deployment"`
	Manager    string          `json:"manager"`
	Patch      json.RawMessage `json:"patch"`
}) error {
	live := s.State().Children.Deployment(by.Deployment)
	if live == nil {
		return fmt.Errorf("deployment: there is no %q", by.Deployment)
	}
	before, err := json.Marshal(live)
	if err != nil {
		return err
	}
	after, err := strategicpatch.StrategicMergePatch(before, by.Patch, appsv1.Deployment{})
	if err != nil {
		return fmt.Errorf("patch: %w", err)
	}
	var changed appsv1.Deployment
	if err := decode(after, &changed); err != nil {
		return fmt.Errorf("patch: %w", err)
	}
	if changed.Spec.ProgressDeadlineSeconds == nil || len(changed.Spec.Template.Spec.Containers) == 0 {
		return errors.New("patch: the API server leaves no Deployment without containers or progressDeadlineSeconds")
	}
	s.Change(by.Deployment, by.Manager, func(d *appsv1.Deployment) { *d = changed })
	return nil
}

// quota sets the allowed number of pods.
func (s *scene) quota(_ context.Context, pods int) error {
	s.Quota = pods
	return nil
}

// room sets the number of pods that fit on the nodes.
func (s *scene) room(_ context.Context, pods int) error {
	s.Room = pods
	return nil
}

// push pushes an image to the registry. From the first push on, the operator resolves images there.
func (s *scene) push(_ context.Context, pushed struct {
	Image     string                           `json:"image"`
	Digest    string                           `json:"digest"`
	Platforms []string                         `json:"platforms"`
	Config    *dockerspec.DockerOCIImageConfig `json:"config"`
}) error {
	image := model.Image{Digest: pushed.Digest, Config: pushed.Config}
	for _, platform := range pushed.Platforms {
		os, architecture, ok := strings.Cut(platform, "/")
		if !ok {
			return fmt.Errorf("platforms: %q is none such as linux/amd64", platform)
		}
		image.Platforms = append(image.Platforms, model.Platform{OS: os, Architecture: architecture})
	}
	if s.Registry == nil {
		s.Registry = sim.NewRegistry()
	}
	s.Registry.Push(pushed.Image, image)
	return nil
}

// registry makes the registry hang, fail or answer.
func (s *scene) registry(_ context.Context, does string) error {
	if s.Registry == nil {
		s.Registry = sim.NewRegistry()
	}
	s.Registry.Recover()
	switch does {
	case "answers":
	case "hangs":
		s.Registry.Hang()
	case "fails":
		s.Registry.Fail(v1alpha1.ReasonRegistryUnavailable, "the registry answers 503 Service Unavailable")
	case "denies":
		s.Registry.Fail(v1alpha1.ReasonImageUnauthorized, "the registry answers 401 Unauthorized")
	default:
		return fmt.Errorf("%q is none: use answers, hangs, fails or denies", does)
	}
	return nil
}

// behaving is a ConfigMap or a Secret, and how pods that use it behave; without a behavior it is deleted.
type behaving struct {
	Name     string  `json:"name"`
	Behavior *string `json:"behavior"`
}

func (b behaving) put(set func(name, behavior string), remove func(name string)) error {
	switch {
	case b.Name == "":
		return errors.New("name: it is missing")
	case b.Behavior == nil:
		remove(b.Name)
	default:
		set(b.Name, *b.Behavior)
	}
	return nil
}

// config creates, changes or deletes a ConfigMap.
func (s *scene) config(_ context.Context, how behaving) error {
	return how.put(s.SetConfig, s.RemoveConfig)
}

// secret creates, changes or deletes a Secret.
func (s *scene) secret(_ context.Context, how behaving) error {
	return how.put(s.SetSecret, s.RemoveSecret)
}
