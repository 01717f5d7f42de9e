// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/image"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/operator"
	"github.com/appstack-dev/appstack/test/registry"
)

var _ = Describe("Private images", func() {
	var (
		vault             *registry.Registry
		reference, digest string
	)
	pullSecret := func(name string) *corev1.Secret {
		return &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Type:       corev1.SecretTypeDockerConfigJson,
			StringData: map[string]string{corev1.DockerConfigJsonKey: fmt.Sprintf(
				`{"auths":{%q:{"username":"team","password":"secret"}}}`, vault.Host())},
		}
	}
	private := func(secrets ...string) option {
		return func(s *v1alpha1.AppStack) {
			s.Spec = v1alpha1.AppStackSpec{Image: reference}
			for _, name := range secrets {
				s.Spec.ImagePullSecrets = append(s.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: name})
			}
		}
	}
	runs := func() string { return deployment(app).Spec.Template.Spec.Containers[0].Image }

	BeforeEach(func() {
		var err error
		vault, err = registry.Start(ctx, registry.Options{Users: map[string]string{"team": "secret"}, TLS: true})
		Expect(err).NotTo(HaveOccurred(), "starting the registry")
		DeferCleanup(func() error { return vault.Stop() })
		digest, err = vault.Push(ctx, "team/app", "1", registry.Image(registry.Expose("8080/tcp")))
		Expect(err).NotTo(HaveOccurred(), "pushing")
		reference = vault.Host() + "/team/app:1"
	})

	It("R23 R29 run as written at once without rights, and the condition says what to run to have them looked up", func() {
		asAccount, account := operatorAccount()
		// longer than the spec takes: no release happens because the wait ends
		instead(asAccount, operator.Options{Registries: &image.Registries{CA: vault.CA()}, ImageWait: time.Hour})
		Expect(k8s.Create(ctx, pullSecret("registry"))).To(Succeed())
		stack := created(private("registry"))
		Expect(runs()).To(Equal(reference))
		Expect(stack).To(haveCondition(v1alpha1.ConditionImagesResolved, metav1.ConditionFalse, v1alpha1.ReasonImageUnauthorized))

		command := regexp.MustCompile(`kubectl create role .*&& kubectl create rolebinding .*`).
			FindString(condition(stack, v1alpha1.ConditionImagesResolved).Message)
		Expect(command).To(HaveSuffix("--serviceaccount=%s:%s", account.Namespace, account.Name))
		By("running it: " + command)
		for part := range strings.SplitSeq(command, " && ") {
			kubectl(strings.Fields(part)[1:]...)
		}

		released(fixture.RestartedAt(time.Now()))
		Eventually(current).Should(haveCondition(v1alpha1.ConditionImagesResolved, metav1.ConditionTrue, v1alpha1.ReasonImagesPinned))
		Expect(runs()).To(Equal(reference + "@" + digest))
		Expect(service(app).Spec.Ports).To(HaveExactElements(HaveField("Port", int32(8080))))
	})

	It("R21 are looked up with the ServiceAccount's pull secrets", func() {
		instead(config, operator.Options{Registries: &image.Registries{CA: vault.CA()}, ImageWait: time.Hour})
		Expect(k8s.Create(ctx, pullSecret("registry"))).To(Succeed())
		Expect(k8s.Create(ctx, &corev1.ServiceAccount{
			ObjectMeta:       metav1.ObjectMeta{Namespace: namespace, Name: "puller"},
			ImagePullSecrets: []corev1.LocalObjectReference{{Name: "registry"}},
		})).To(Succeed())
		created(private(), func(s *v1alpha1.AppStack) { s.Spec.ServiceAccountName = "puller" })
		Expect(runs()).To(Equal(reference + "@" + digest))
	})

	It("R23 wait for a Secret that comes a moment after the stack", func() {
		instead(config, operator.Options{Registries: &image.Registries{CA: vault.CA()}, ImageWait: time.Hour})
		create(private("registry"))
		Eventually(func() int {
			return vault.Count(registry.OfKind(registry.Ping))
		}).Should(BeNumerically(">", 0), "the registry is asked without credentials")
		Expect(k8s.Create(ctx, pullSecret("registry"))).To(Succeed())
		ready()
		Expect(runs()).To(Equal(reference + "@" + digest))
	})
})
