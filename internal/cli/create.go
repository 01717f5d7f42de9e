// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

// createOptions holds the flags that describe a new stack.
type createOptions struct {
	image       string
	ports       []string
	replicas    int32
	env         []string
	envFrom     []string
	requests    map[string]string
	limits      map[string]string
	serviceType string
	pullPolicy  string
	pullSecrets []string
	cause       string
	command     bool
}

func (p *Plugin) create() *cobra.Command {
	var o createOptions
	var flags *changeOptions
	cmd := &cobra.Command{
		Use:   "create NAME --image IMAGE [-- ARGS...]",
		Short: "Create a stack from an image",
		Long: `Create a stack from an image. Settings that you omit, such as the ports, the health
check and the user, come from the image or have safe defaults.

Arguments after -- replace the image's CMD, or with --command its ENTRYPOINT.`,
		Example: `  kubectl appstack create my-app --image my-app:1.4.2 --port 80:8080 --replicas 3 --wait
  kubectl appstack create my-app --image my-app:1.4.2 --dry-run=client -o yaml > my-app.yaml`,
		Args: func(cmd *cobra.Command, args []string) error {
			if n := len(args); n == 0 || cmd.ArgsLenAtDash() != 1 && n > 1 {
				return fmt.Errorf("exactly one NAME is required: %s (put arguments for the container after --)", cmd.UseLine())
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.check(); err != nil {
				return err
			}
			switch {
			case !cmd.Flags().Changed("replicas"):
				o.replicas = -1
			case o.replicas < 0:
				return fmt.Errorf("--replicas %d: must be 0 or more", o.replicas)
			}
			stack, err := o.stack(args[0], args[1:])
			if err != nil {
				return err
			}
			c, err := p.connect()
			if err != nil {
				return err
			}
			if flags.dryRun != dryRunClient || *p.flags.Namespace != "" {
				stack.Namespace = c.namespace
			}
			options := []client.CreateOption{client.FieldOwner(fieldOwner)}
			switch flags.dryRun {
			case dryRunClient:
				return flags.finish(cmd.Context(), c, stack)
			case dryRunServer:
				options = append(options, client.DryRunAll)
			}
			setCause(stack, c.causeOrDefault(cmd.Context(), o.cause, "create --image "+o.image))
			if err := c.Create(cmd.Context(), stack, options...); err != nil {
				if apierrors.IsAlreadyExists(err) {
					return fmt.Errorf("AppStack %q already exists: change it with kubectl appstack set-image %s IMAGE%s, or with kubectl apply",
						stack.Name, stack.Name, p.scope())
				}
				return err
			}
			return flags.finish(cmd.Context(), c, stack)
		},
	}
	o.flags(cmd)
	flags = p.changeFlags(cmd, "created")
	flags.flags(cmd)
	return cmd
}

func (o *createOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.image, "image", "", "Image to run.")
	f.StringArrayVar(&o.ports, "port", nil,
		"Port that the container listens on, as [NAME=][SERVICEPORT:]PORT[/PROTOCOL]. May be repeated. Defaults to the image's ports.")
	f.Int32Var(&o.replicas, "replicas", 1, "Number of pods. If omitted, it starts at 1 and is not managed.")
	f.StringArrayVarP(&o.env, "env", "e", nil, "Environment variable, as NAME=VALUE. May be repeated.")
	f.StringArrayVar(&o.envFrom, "env-from", nil, "Source of environment variables, as secret/NAME or configmap/NAME. May be repeated.")
	f.StringToStringVar(&o.requests, "requests", nil, "Resource requests, such as cpu=100m,memory=64Mi.")
	f.StringToStringVar(&o.limits, "limits", nil, "Resource limits, such as memory=256Mi.")
	f.StringVar(&o.serviceType, "service-type", "", "Type of the Service: ClusterIP, NodePort or LoadBalancer.")
	f.StringVar(&o.pullPolicy, "image-pull-policy", "", "Image pull policy: Always, IfNotPresent or Never.")
	f.StringArrayVar(&o.pullSecrets, "image-pull-secret", nil, "Name of a Secret to pull the image with. May be repeated.")
	f.BoolVar(&o.command, "command", false, "Use the arguments after -- as the container's command instead of its args.")
	causeFlag(cmd, &o.cause)
	complete(cmd, "service-type", "ClusterIP", "NodePort", "LoadBalancer")
	complete(cmd, "image-pull-policy", "Always", "IfNotPresent", "Never")
	if err := cmd.MarkFlagRequired("image"); err != nil {
		panic(err)
	}
}

// stack builds the stack that the flags describe. It leaves validation to the API server where that
// can check it.
func (o *createOptions) stack(name string, args []string) (*v1alpha1.AppStack, error) {
	stack := &v1alpha1.AppStack{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "AppStack"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
	}
	spec := &stack.Spec
	spec.Image = o.image
	spec.ImagePullPolicy = corev1.PullPolicy(o.pullPolicy)
	if o.command {
		spec.Command = args
	} else {
		spec.Args = args
	}
	if o.replicas >= 0 {
		spec.Replicas = &o.replicas
	}
	if o.serviceType != "" {
		spec.Service = &v1alpha1.ServiceSpec{Type: corev1.ServiceType(o.serviceType)}
	}
	if o.cause != "" { // not tied to the content, because users may edit the output before they apply it
		stack.Annotations = map[string]string{v1alpha1.AnnotationChangeCause: o.cause}
	}
	for _, secret := range o.pullSecrets {
		spec.ImagePullSecrets = append(spec.ImagePullSecrets, corev1.LocalObjectReference{Name: secret})
	}
	for _, read := range []func(*v1alpha1.AppStackSpec) error{o.readPorts, o.readEnv, o.readEnvFrom, o.readResources} {
		if err := read(spec); err != nil {
			return nil, err
		}
	}
	return stack, nil
}

func (o *createOptions) readPorts(spec *v1alpha1.AppStackSpec) error {
	for _, text := range o.ports {
		name, numbers, named := strings.Cut(text, "=")
		if !named {
			name, numbers = "", text
		}
		service, container, both := strings.Cut(numbers, ":")
		if !both {
			container = service
		}
		container, protocol, _ := strings.Cut(container, "/")
		if !both {
			service = container
		}
		port := v1alpha1.Port{Name: name, Protocol: corev1.Protocol(strings.ToUpper(protocol))}
		for _, part := range []struct {
			text string
			set  func(int32)
		}{
			{container, func(n int32) { port.ContainerPort = n }},
			{service, func(n int32) {
				if n != port.ContainerPort {
					port.ServicePort = &n
				}
			}},
		} {
			number, err := strconv.ParseUint(part.text, 10, 16)
			if err != nil || number == 0 {
				return fmt.Errorf("--port %s: must be [NAME=][SERVICEPORT:]PORT[/PROTOCOL], with port numbers from 1 to 65535", text)
			}
			part.set(int32(number))
		}
		spec.Ports = append(spec.Ports, port)
	}
	return nil
}

func (o *createOptions) readEnv(spec *v1alpha1.AppStackSpec) error {
	for _, text := range o.env {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return fmt.Errorf("--env %s: must be NAME=VALUE", text)
		}
		spec.Env = append(spec.Env, corev1.EnvVar{Name: name, Value: value})
	}
	return nil
}

func (o *createOptions) readEnvFrom(spec *v1alpha1.AppStackSpec) error {
	for _, text := range o.envFrom {
		kind, name, _ := strings.Cut(text, "/")
		reference := corev1.LocalObjectReference{Name: name}
		switch {
		case name != "" && kind == "secret":
			spec.EnvFrom = append(spec.EnvFrom, corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: reference}})
		case name != "" && kind == "configmap":
			spec.EnvFrom = append(spec.EnvFrom, corev1.EnvFromSource{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: reference}})
		default:
			return fmt.Errorf("--env-from %s: must be secret/NAME or configmap/NAME", text)
		}
	}
	return nil
}

func (o *createOptions) readResources(spec *v1alpha1.AppStackSpec) error {
	if len(o.requests)+len(o.limits) == 0 {
		return nil
	}
	spec.Resources = &corev1.ResourceRequirements{}
	for _, part := range []struct {
		flag string
		from map[string]string
		to   *corev1.ResourceList
	}{{"requests", o.requests, &spec.Resources.Requests}, {"limits", o.limits, &spec.Resources.Limits}} {
		for name, text := range part.from {
			quantity, err := resource.ParseQuantity(text)
			if err != nil {
				return fmt.Errorf("--%s %s=%s: must be a quantity such as 100m or 64Mi", part.flag, name, text)
			}
			if *part.to == nil {
				*part.to = corev1.ResourceList{}
			}
			(*part.to)[corev1.ResourceName(name)] = quantity
		}
	}
	return nil
}
