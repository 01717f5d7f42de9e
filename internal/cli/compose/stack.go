// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package compose

import (
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/imageconfig"
)

const conditionCompleted = types.ServiceConditionCompletedSuccessfully

// appStacks returns the stacks, each after those that it depends on.
func (c *converter) appStacks() []client.Object {
	made := map[*stack]client.Object{}
	for _, st := range c.stacks {
		made[st] = c.appStack(st)
	}
	var out []client.Object
	seen := map[*stack]bool{}
	var visit func(st *stack)
	visit = func(st *stack) {
		if seen[st] {
			return
		}
		seen[st] = true
		for _, s := range st.services {
			for _, name := range sortedKeys(s.DependsOn) {
				if other := c.service(name); other != nil {
					visit(other.stack)
				}
			}
		}
		out = append(out, made[st])
	}
	for _, st := range c.stacks {
		visit(st)
	}
	return out
}

func (c *converter) appStack(st *stack) *v1alpha1.AppStack {
	main := st.main()
	out := &v1alpha1.AppStack{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "AppStack"},
		ObjectMeta: metav1.ObjectMeta{Name: st.name},
	}
	out.Spec.Image = main.image
	out.Spec.ComponentSpec = c.component(main)
	c.noteBuild(main)
	for _, s := range st.services[1:] {
		component := v1alpha1.Component{Name: s.component, ComponentSpec: c.component(s)}
		if s.image != main.image {
			component.Image = s.image
			c.noteBuild(s)
		}
		out.Spec.Components = append(out.Spec.Components, component)
	}
	out.Spec.Rollout = c.rollout(st)
	c.noteDependencies(st)
	return out
}

// noteDependencies notes how depends_on differs, once per stack.
func (c *converter) noteDependencies(st *stack) {
	var waiting []string
	awaited := map[string]bool{}
	for _, s := range st.services {
		if len(s.DependsOn) == 0 {
			continue
		}
		waiting = append(waiting, s.Name)
		for name := range s.DependsOn {
			awaited[name] = true
		}
	}
	if len(waiting) > 0 {
		verb := "is"
		if len(awaited) > 1 {
			verb = "are"
		}
		c.note(c.service(waiting[0]), "depends_on", "AppStack starts everything at once: %s may exit until %s %s there, and with "+
			"rollout.failureDetection: DeadlineOnly that fails no release", enumerate(waiting, "and"), enumerate(sortedKeys(awaited), "and"), verb)
	}
}

// component converts the settings that the main component and further ones share.
func (c *converter) component(s *service) v1alpha1.ComponentSpec {
	out := v1alpha1.ComponentSpec{
		ImagePullPolicy: c.pullPolicy(s),
		WorkingDir:      s.WorkingDir,
		Env:             c.env(s),
		Ports:           c.servicePorts(s),
		Replicas:        c.replicas(s),
		Resources:       c.resources(s),
		ReadinessProbe:  c.readiness(s),
	}
	out.Command, out.Args = c.command(s)
	c.noteEnd(s)
	out.Volumes, out.Files = c.volumes(s)
	out.PodTemplate = c.podTemplate(s)
	return out
}

// noteBuild notes what to do with an image that Docker Compose would build.
func (c *converter) noteBuild(s *service) {
	switch {
	case s.Build == nil:
	case s.Image != "":
		c.note(s, "build", "the nodes pull %s: build and push it first: docker compose build %s && docker compose push %s",
			s.image, s.Name, s.Name)
	default:
		c.note(s, "build", "the nodes pull images from a registry: build %s from %s, push it, and write its full name in image",
			s.image, c.relative(s.Build.Context))
	}
}

func (c *converter) pullPolicy(s *service) corev1.PullPolicy {
	switch s.PullPolicy {
	case "", types.PullPolicyBuild: // noteBuild notes it
		return ""
	case types.PullPolicyAlways:
		return corev1.PullAlways
	case types.PullPolicyMissing, types.PullPolicyIfNotPresent:
		return corev1.PullIfNotPresent
	case types.PullPolicyNever:
		return corev1.PullNever
	default:
		c.note(s, "pull_policy", "%s is not carried over: AppStack pins the tag by its digest; set restartedAt to look the tag up again",
			s.PullPolicy)
		return ""
	}
}

// command returns what overrides the image's ENTRYPOINT and CMD. An empty entrypoint clears the
// image's, so the command becomes the program to run.
func (c *converter) command(s *service) (command, args []string) {
	command, args = imageconfig.EscapeAll(s.Entrypoint), imageconfig.EscapeAll(s.Command)
	if s.Entrypoint != nil && len(command) == 0 {
		if len(args) == 0 {
			c.note(s, "entrypoint", "clearing the image's ENTRYPOINT is not carried over: name the program to run in command")
			return nil, nil
		}
		return args, nil
	}
	if s.Command != nil && len(args) == 0 && len(command) == 0 {
		c.note(s, "command", "clearing the image's CMD is not carried over: name the program to run in command")
	}
	return command, args
}

// noteEnd notes that AppStack restarts a service that is meant to exit.
func (c *converter) noteEnd(s *service) {
	policy, field := restart(s)
	if waiting := c.waitedFor(s); len(waiting) > 0 {
		c.note(s, field, "%s waits until it has ended, and AppStack starts again whatever ends: make it a Job in place of a stack",
			enumerate(waiting, "and"))
	} else if policy == restartNo || policy == "none" || strings.HasPrefix(policy, types.RestartPolicyOnFailure) {
		c.note(s, field, "%s is not carried over: pods are always restarted; if it is a task that ends, make it a Job", policy)
	}
}

const restartNo = types.RestartPolicyNo

// restart returns the restart policy of a service, and the field that sets it.
func restart(s *service) (policy, field string) {
	if s.Deploy != nil && s.Deploy.RestartPolicy != nil {
		return s.Deploy.RestartPolicy.Condition, "deploy.restart_policy.condition"
	}
	return s.Restart, "restart"
}

// isTask reports whether the service is meant to exit.
func (c *converter) isTask(s *service) bool {
	policy, _ := restart(s)
	return policy == restartNo || policy == "none" || len(c.waitedFor(s)) > 0
}

// waitedFor returns the services that wait for the service to complete.
func (c *converter) waitedFor(s *service) []string {
	var out []string
	for _, other := range c.services {
		if dependency, ok := other.DependsOn[s.Name]; ok && dependency.Condition == conditionCompleted {
			out = append(out, other.Name)
		}
	}
	return out
}
