// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/appstack-dev/appstack/api/v1alpha1"
)

var _ = Describe("the plugin: create", func() {
	missing := func() {
		GinkgoHelper()
		Consistently(gone(&v1alpha1.AppStack{}, app)).Should(BeTrue())
	}

	It("makes a stack of its flags, and says who made it", func() {
		putConfig("all", map[string]string{"A": "b"})
		Expect(does("create", app, "--image", "my-app:1", "--port", "80:8080", "--port", "metrics=9090:9090", "--replicas", "2",
			"-e", "MODE=fast", "-e", "EMPTY=", "--env-from", "secret/db", "--env-from", "configmap/all", "--requests", "cpu=100m",
			"--limits", "memory=64Mi", "--image-pull-secret", "registry", "--", "serve", "--all"),
		).To(Equal("appstack.apps.appstack.dev/my-app created\n"))

		stack := current()
		Expect(stack.Spec.Image).To(Equal("my-app:1"))
		Expect(*stack.Spec.Replicas).To(Equal(int32(2)))
		Expect(stack.Spec.Args).To(Equal([]string{"serve", "--all"}))
		Expect(stack.Spec.Command).To(BeEmpty())
		Expect(stack.Spec.Env).To(Equal([]corev1.EnvVar{{Name: "MODE", Value: "fast"}, {Name: "EMPTY"}}))
		Expect(stack.Spec.EnvFrom).To(HaveExactElements(HaveField("SecretRef.Name", "db"), HaveField("ConfigMapRef.Name", "all")))
		Expect(stack.Spec.ImagePullSecrets).To(HaveExactElements(HaveField("Name", "registry")))
		Expect(stack.Spec.Resources.Requests.Cpu().Equal(resource.MustParse("100m"))).To(BeTrue())
		Expect(stack.Spec.Resources.Limits.Memory().Equal(resource.MustParse("64Mi"))).To(BeTrue())
		Expect(cause(stack)).To(Equal("create --image my-app:1, by admin"))

		stack = ready()
		Expect(stack.Status.History[0].Cause).To(Equal("create --image my-app:1, by admin"))
		Expect(service(app).Spec.Ports).To(HaveExactElements(
			And(HaveField("Port", int32(80)), HaveField("TargetPort.StrVal", "port-80")),
			And(HaveField("Name", "metrics"), HaveField("Port", int32(9090)))))
	})

	It("leaves the number of pods open, and takes a cause and a program", func() {
		does("create", app, "--image", "my-app:1", "--cause", "first try", "--command", "--", "/bin/serve")
		stack := current()
		Expect(stack.Spec.Replicas).To(BeNil())
		Expect(stack.Spec.Command).To(Equal([]string{"/bin/serve"}))
		Expect(stack.Spec.Args).To(BeEmpty())
		Expect(cause(stack)).To(Equal("first try"))
	})

	It("waits for the stack", func() {
		e := meanwhile(rollOut, "create", app, "--image", "my-app:1", "--port", "80", "--replicas", "1", "--wait")
		Expect(e.code).To(BeZero(), e.stderr)
		Expect(e.stdout).To(And(ContainSubstring("my-app created"), ContainSubstring("my-app: ✔ Ready")))
	})

	It("--dry-run=client makes nothing, and writes what can be applied", func() {
		text := does("create", app, "--image", "my-app:1", "--port", "80:8080", "--replicas", "3", "--cause", "first",
			"--dry-run=client", "-o", "yaml")
		missing()
		Expect(text).NotTo(Or(ContainSubstring("status"), ContainSubstring("null")))

		stack := read[*v1alpha1.AppStack](text)
		Expect(stack.APIVersion).To(Equal(v1alpha1.GroupVersion.String()))
		Expect(stack.Kind).To(Equal("AppStack"))
		Expect(k8s.Create(ctx, stack)).To(Succeed())
		Expect(ready().Status.History[0].Cause).To(Equal("first"))
	})

	It("--dry-run=client says that it is one", func() {
		Expect(does("create", app, "--image", "my-app:1", "--dry-run")).To(Equal("appstack.apps.appstack.dev/my-app created (dry run)\n"))
		missing()
	})

	It("--dry-run=server makes nothing, and has the API server check", func() {
		Expect(does("create", app, "--image", "my-app:1", "--dry-run=server")).To(ContainSubstring("my-app created (server dry run)"))
		missing()
		Expect(refuses("create", app, "--image", "https://my-app:1", "--dry-run=server")).
			To(ContainSubstring("image must be an image reference such as registry.example.com/team/app:1.4.2"))
		Expect(refuses("create", "my.app", "--image", "my-app:1", "--dry-run=server")).
			To(ContainSubstring("metadata.name must consist of lower case letters, digits and '-'"))
		missing()
	})

	DescribeTable("refuses what makes no sense, and makes nothing",
		func(told string, args ...string) {
			Expect(refuses(append([]string{"create", app}, args...)...)).To(ContainSubstring(told))
			missing()
		},
		Entry("no image", `required flag(s) "image" not set`),
		Entry("two names", "exactly one NAME is required", "other", "--image", "my-app:1"),
		Entry("no port", "--port web: must be ", "--image", "my-app:1", "--port", "web"),
		Entry("a port too far", "numbers from 1 to 65535", "--image", "my-app:1", "--port", "80:65536"),
		Entry("no variable", "--env =1: must be NAME=VALUE", "--image", "my-app:1", "--env", "=1"),
		Entry("no amount", "--limits memory=much: must be a quantity", "--image", "my-app:1", "--limits", "memory=much"),
		Entry("a negative number of pods", "replicas", "--image", "my-app:1", "--replicas=-1"),
		Entry("an unknown kind of dry run", `--dry-run=maybe: must be "none", "client" or "server"`, "--image", "my-app:1", "--dry-run=maybe"),
		Entry("waiting for a dry run", "--wait cannot be used with --dry-run=server", "--image", "my-app:1", "--dry-run=server", "--wait"),
		Entry("an unknown output", "bogus", "--image", "my-app:1", "-o", "bogus"),
	)

	It("of a stack that is there says what to do instead, and changes nothing", func() {
		create()
		changesNothing(func() {
			Expect(refuses("create", app, "--image", "my-app:2")).To(And(
				ContainSubstring(`AppStack "my-app" already exists`),
				ContainSubstring("kubectl appstack set-image my-app IMAGE -n "+namespace)))
		})
	})
})
