// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/naming"
	"github.com/appstack-dev/appstack/test/fixture"
	"github.com/appstack-dev/appstack/test/operator"
)

var _ = Describe("the Secrets of a stack", func() {
	// password is a value that is found nowhere else.
	const password = "correct-horse-battery-staple"
	// recordedVersions waits until the newest revision records the version of each Secret.
	recordedVersions := func(names ...string) map[string]string {
		GinkgoHelper()
		var versions map[string]string
		Eventually(func(g Gomega) {
			all := revisions()
			versions = all[len(all)-1].Record.SecretVersions
			g.Expect(versions).To(HaveLen(len(names)))
			for _, name := range names {
				secret := find(g, &corev1.Secret{}, name)
				g.Expect(versions).To(HaveKeyWithValue(name, string(secret.UID)+"/"+secret.ResourceVersion))
			}
		}).Should(Succeed())
		return versions
	}

	It("R36 replace the pods of the component that uses one, wherever its template names it, and nothing shows what is in them", func() {
		names := []string{"env", "env-from", "projected", "volume"}
		for _, name := range names {
			putSecret(name, password)
		}
		putSecret("registry", password)
		stack := created(restarting, fixture.Component("worker", 1, nil, "work"), fixture.PodTemplate(`{"spec":{"containers":[{"name":"app",
			"env":[{"name":"A","valueFrom":{"secretKeyRef":{"name":"env","key":"key"}}}],"envFrom":[{"secretRef":{"name":"env-from"}}]}],
			"imagePullSecrets":[{"name":"registry"}],
			"volumes":[{"name":"volume","secret":{"secretName":"volume"}},
				{"name":"projected","projected":{"sources":[{"secret":{"name":"projected"}}]}}]}}`))
		recordedVersions(names...)
		main, other := deployment(app).Spec.Template, deployment(worker).Spec.Template

		By("changing what is not their data, or is not used")
		edit(find(Default, &corev1.Secret{}, "env"), func(s *corev1.Secret) { s.Labels = map[string]string{"rotated": "no"} })
		putSecret("registry", "other")
		putSecret("unused", "other")
		recordedVersions(names...)
		Consistently(func() int64 { return current().Status.Revision }, 7*time.Second).Should(BeEquivalentTo(1))

		for i, name := range names {
			By("changing " + name)
			putSecret(name, password+"-2")
			moved(int64(i + 2))
			stack = ready()
			Expect(rollouts(stack)[0]).To(Equal(fmt.Sprintf("%d SecretChanged Succeeded", i+2)))
			Expect(stack.Status.History[0].Message).To(Equal("Secret " + name + " changed"))
		}
		recordedVersions(names...)
		Expect(deployment(worker).Spec.Template).To(Equal(other), "its pods use no Secret")
		changed := deployment(app).Spec.Template
		Expect(changed.Annotations).To(HaveKey(naming.AnnotationSecretsChangedAt))
		changed.Annotations = main.Annotations
		Expect(changed).To(Equal(main), "nothing else differs")

		By("looking for the data everywhere")
		shown := []string{bytesOf(current()), bytesOf(eventsOf(Default, stack)), CurrentSpecReport().CapturedGinkgoWriterOutput}
		for _, object := range owned() {
			shown = append(shown, bytesOf(object))
		}
		Expect(CurrentSpecReport().CapturedGinkgoWriterOutput).To(ContainSubstring("Secret volume changed"), "the log is captured")
		for _, value := range []string{password, password + "-2"} {
			sum, md := sha256.Sum256([]byte(value)), md5.Sum([]byte(value))
			for _, form := range []string{
				value, base64.StdEncoding.EncodeToString([]byte(value))[:16], fmt.Sprintf("%x", sum)[:16], fmt.Sprintf("%x", md)[:16],
				base64.StdEncoding.EncodeToString(sum[:])[:16],
			} {
				Expect(slices.ContainsFunc(shown, func(text string) bool { return strings.Contains(text, form) })).To(BeFalse(), form)
			}
		}
	})

	It("R36 are left alone without secretChanges, and are released with the spec", func() {
		putSecret("db", password)
		created(restarting, usesSecret("db"))
		recordedVersions("db")
		change(fixture.Paused(true))
		putSecret("db", "two")
		Expect(does("diff", app)).To(Equal("Secret db has changed, and has now: key (3 bytes)\n"))
		change(fixture.Image("my-app:2"), fixture.Paused(false))
		moved(2)
		stack := ready()
		Expect(rollouts(stack)).To(Equal([]string{"2 SpecChanged Succeeded", "1 SpecChanged Succeeded"}))
		recordedVersions("db")

		change(func(s *v1alpha1.AppStack) { s.Spec.SecretChanges = "" })
		Eventually(func() map[string]string { return revisions()[1].Record.SecretVersions }).Should(BeEmpty())
		putSecret("db", "3")
		touch()
		Consistently(func() int64 { return current().Status.Revision }, 7*time.Second).Should(BeEquivalentTo(2))
	})

	It("R36 are noticed after an operator was away", func() {
		putSecret("db", password)
		putSecret("same", password)
		created(restarting, usesSecret("db", "same"))
		recordedVersions("db", "same")
		Expect(stopOperator()).To(Succeed())
		putSecret("db", "2")
		stopOperator = func() error { return nil }
		instead(config, operator.Options{})
		moved(2)
		Expect(ready().Status.History[0].Message).To(Equal("Secret db changed"))
	})

	It("R29 R36 need a right, and Ready says which commands give it", func() {
		asAccount, account := operatorAccount()
		counted := &requests{}
		observedConfig := rest.CopyConfig(asAccount)
		observedConfig.Wrap(counted.transport)
		instead(observedConfig, operator.Options{})
		putSecret("db", password)
		created(usesSecret("db"))
		Expect(counted.since()).NotTo(ContainElement(ContainSubstring("secrets")), "without secretChanges no Secret is watched")
		change(restarting)
		var message string
		Eventually(func(g Gomega) {
			message = condition(observed(g), v1alpha1.ConditionReady).Message
			g.Expect(message).To(ContainSubstring("secretChanges has no effect"))
		}).Should(Succeed())
		Expect(current()).To(haveCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded))

		command := regexp.MustCompile(`kubectl create role .*&& kubectl create rolebinding .*`).FindString(message)
		Expect(command).To(HaveSuffix("--serviceaccount=%s:%s", account.Namespace, account.Name))
		By("running it: " + command)
		for part := range strings.SplitSeq(command, " && ") {
			kubectl(strings.Fields(part)[1:]...)
		}
		Eventually(func(g Gomega) {
			g.Expect(condition(observed(g), v1alpha1.ConditionReady).Message).To(Equal("revision 1 runs"))
		}, time.Minute).Should(Succeed())
		recordedVersions("db")
		putSecret("db", "2")
		moved(2)
		ready()
	})
})

// restarting replaces pods when a Secret changes.
func restarting(s *v1alpha1.AppStack) { s.Spec.SecretChanges = v1alpha1.SecretChangesRestart }

// usesSecret gives the main component Secrets as its environment.
func usesSecret(names ...string) option {
	return func(s *v1alpha1.AppStack) {
		policy := s.Spec.SecretChanges
		fixture.SecretEnv(names...)(s)
		s.Spec.SecretChanges = policy
	}
}

// putSecret creates or changes a Secret.
func putSecret(name, value string) {
	GinkgoHelper()
	object := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	err := k8s.Get(ctx, key(name), object)
	object.Data = map[string][]byte{"key": []byte(value)}
	if err != nil {
		Expect(k8s.Create(ctx, object)).To(Succeed())
	} else {
		Expect(k8s.Update(ctx, object)).To(Succeed())
	}
}
