// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package tenants_test

import (
	"encoding/json"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/test/fixture"
)

// secret is the Secret that the author may not read.
const secret = "crown-jewels"

// reference is a field that refers to a Secret or a service account.
type reference struct {
	option fixture.Option
	// field is the field in the policy's message.
	field string
	// rejected says that the API server rejects the template, with or without the policy.
	rejected bool
}

// inWorker puts the podTemplate into a further component.
func inWorker(template string) fixture.Option {
	return fixture.Component("worker", 1, func(c *v1alpha1.Component) {
		c.PodTemplate = fixture.Stack(app, fixture.PodTemplate(template)).Spec.PodTemplate
	})
}

// volumeOver returns a podTemplate with a volume of the source.
func volumeOver(source string) fixture.Option {
	return fixture.PodTemplate(`{"spec":{"volumes":[{"name":"v",` + source + `}]}}`)
}

const fromSecret = `[{"name":"A","valueFrom":{"secretKeyRef":{"name":"` + secret + `","key":"a"}}}]`

// secretReferences are all fields by which a pod can read a Secret.
var secretReferences = map[string]reference{
	"env": {field: "spec.env", option: func(s *v1alpha1.AppStack) {
		s.Spec.Env = []corev1.EnvVar{{Name: "A", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: "a",
		}}}}
	}},
	"envFrom": {field: "spec.envFrom", option: func(s *v1alpha1.AppStack) {
		s.Spec.EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: secret},
		}}}
	}},
	"volume": {field: "spec.volumes", option: func(s *v1alpha1.AppStack) {
		s.Spec.Volumes = []v1alpha1.Volume{{
			Name: "v", MountPath: "/v", Secret: &corev1.SecretVolumeSource{SecretName: secret, Optional: ptr.To(true)},
		}}
	}},
	"pull secret": {field: "spec.imagePullSecrets", option: func(s *v1alpha1.AppStack) {
		s.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: secret}}
	}},
	"env of a component": {field: "spec.components[worker].envFrom", option: fixture.Component("worker", 1, func(c *v1alpha1.Component) {
		c.EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: secret},
		}}}
	})},
	"podTemplate: env": {
		field: "spec.podTemplate.spec container app", option: fixture.PodTemplate(overApp(`"env":` + fromSecret)),
	},
	"podTemplate: envFrom": {
		field:  "spec.podTemplate.spec container app",
		option: fixture.PodTemplate(overApp(`"envFrom":[{"secretRef":{"name":"` + secret + `"}}]`)),
	},
	"podTemplate: a sidecar": {
		field:  "spec.podTemplate.spec container thief",
		option: fixture.PodTemplate(`{"spec":{"containers":[{"name":"thief","image":"thief:1","env":` + fromSecret + `}]}}`),
	},
	"podTemplate: an init container of a component": {
		field:  "spec.components[worker].podTemplate.spec container thief",
		option: inWorker(`{"spec":{"initContainers":[{"name":"thief","image":"thief:1","env":` + fromSecret + `}]}}`),
	},
	"podTemplate: an ephemeral container": {
		field:    "spec.podTemplate.spec container thief",
		option:   fixture.PodTemplate(`{"spec":{"ephemeralContainers":[{"name":"thief","image":"thief:1","env":` + fromSecret + `}]}}`),
		rejected: true,
	},
	"podTemplate: a pull secret": {
		field:  "spec.podTemplate.spec.imagePullSecrets",
		option: fixture.PodTemplate(`{"spec":{"imagePullSecrets":[{"name":"` + secret + `"}]}}`),
	},
	"podTemplate: a volume": {
		field: "spec.podTemplate.spec.volumes", option: volumeOver(`"secret":{"secretName":"` + secret + `"}`),
	},
	"podTemplate: a projected volume": {
		field:  "spec.podTemplate.spec.volumes",
		option: volumeOver(`"projected":{"sources":[{"configMap":{"name":"x","optional":true}},{"secret":{"name":"` + secret + `"}}]}`),
	},
	"podTemplate: CSI": {
		field:  "spec.podTemplate.spec.volumes",
		option: volumeOver(`"csi":{"driver":"d.example.com","nodePublishSecretRef":{"name":"` + secret + `"}}`),
	},
	"podTemplate: Azure files": {
		field: "spec.podTemplate.spec.volumes", option: volumeOver(`"azureFile":{"shareName":"s","secretName":"` + secret + `"}`),
	},
	"podTemplate: Ceph files": {
		field:  "spec.podTemplate.spec.volumes",
		option: volumeOver(`"cephfs":{"monitors":["m"],"secretRef":{"name":"` + secret + `"}}`),
	},
	"podTemplate: Cinder": {
		field: "spec.podTemplate.spec.volumes", option: volumeOver(`"cinder":{"volumeID":"i","secretRef":{"name":"` + secret + `"}}`),
	},
	"podTemplate: a flex volume": {
		field:  "spec.podTemplate.spec.volumes",
		option: volumeOver(`"flexVolume":{"driver":"example.com/d","secretRef":{"name":"` + secret + `"}}`),
	},
	"podTemplate: iSCSI": {
		field: "spec.podTemplate.spec.volumes",
		option: volumeOver(`"iscsi":{"targetPortal":"10.0.0.1:3260","iqn":"iqn.2001-04.com.example:disk","lun":0,` +
			`"chapAuthSession":true,"secretRef":{"name":"` + secret + `"}}`),
	},
	"podTemplate: RBD": {
		field:  "spec.podTemplate.spec.volumes",
		option: volumeOver(`"rbd":{"monitors":["m"],"image":"i","secretRef":{"name":"` + secret + `"}}`),
	},
	"podTemplate: ScaleIO": {
		field: "spec.podTemplate.spec.volumes",
		option: volumeOver(`"scaleIO":{"gateway":"https://g","system":"s","volumeName":"v","secretRef":{"name":"` +
			secret + `"}}`),
	},
	"podTemplate: StorageOS": {
		field:  "spec.podTemplate.spec.volumes",
		option: volumeOver(`"storageos":{"volumeName":"v","secretRef":{"name":"` + secret + `"}}`),
	},
}

var _ = Describe("A Secret that the author may not read", func() {
	It("can be used by their pods, as by those of anybody who may create pods", func(ctx SpecContext) {
		t := newTenant(ctx, nil)
		names := map[string]string{}
		for way, reference := range secretReferences {
			name := fmt.Sprintf("way-%d", len(names))
			names[name] = way
			t.applies(one(name, reference.option))
		}
		for name, way := range names {
			if secretReferences[way].rejected {
				Expect(t.stalled(ctx, name, v1alpha1.ReasonRejected)).To(ContainSubstring("ephemeralContainers"))
				continue
			}
			t.ready(ctx, name)
			text, err := json.Marshal([]any{t.Deployment(ctx, name).Spec.Template, t.podsOf(ctx, name)})
			Expect(err).NotTo(HaveOccurred())
			Expect(string(text)).To(ContainSubstring(secret), way)
		}
	})

	It("cannot be used by their stacks under the policy, until they may read it", func(ctx SpecContext) {
		t := newTenant(ctx, underPolicy)
		for way, reference := range secretReferences {
			refusal := t.creates(ctx, one(app, reference.option))
			Expect(refusal).To(MatchError(And(ContainSubstring("denied request: "+reference.field+": "),
				ContainSubstring("may not get Secret \""+secret+"\" in namespace "+t.Namespace),
				ContainSubstring("ask for that right (get secrets, resourceNames "+secret+"), or remove the reference"))), way)
			tell(way, refusal.Error())
		}
		t.grant(ctx, "", "secrets", []string{"get"}, "another")
		Expect(t.creates(ctx, one(app, secretReferences["env"].option))).NotTo(Succeed())
		t.grant(ctx, "", "secrets", []string{"get"}, secret)
		for way, reference := range secretReferences {
			Eventually(t.creates).WithArguments(ctx, one(app, reference.option)).Should(Succeed(), way)
		}
		t.applies(one(app, secretReferences["env"].option))
		t.ready(ctx, app)
	})

	It("can be used under the policy by users who may create pods or Deployments, as without AppStack", func(ctx SpecContext) {
		for group, resource := range map[string]string{"": "pods", "apps": "deployments"} {
			t := newTenant(ctx, underPolicy)
			Expect(t.creates(ctx, one(app, secretReferences["env"].option))).NotTo(Succeed())
			t.grant(ctx, group, resource, []string{"create"})
			Eventually(t.creates).WithArguments(ctx, one(app, secretReferences["env"].option)).Should(Succeed(), resource)
		}
	})
})

// account is a service account with more rights than the author.
const account = "boss"

// accountReferences are all fields by which a pod can act as a service account.
var accountReferences = map[string]struct {
	option      fixture.Option
	field, name string
}{
	"serviceAccountName": {func(s *v1alpha1.AppStack) { s.Spec.ServiceAccountName = account }, "spec.serviceAccountName", account},
	"podTemplate": {
		fixture.PodTemplate(`{"spec":{"serviceAccountName":"boss"}}`), "spec.podTemplate.spec.serviceAccountName", account,
	},
	"podTemplate, by the old name of the field": {
		fixture.PodTemplate(`{"spec":{"serviceAccount":"boss"}}`), "spec.podTemplate.spec.serviceAccountName", account,
	},
	"podTemplate of a component": {
		inWorker(`{"spec":{"serviceAccountName":"boss"}}`), "spec.components[worker].podTemplate.spec.serviceAccountName", account,
	},
	"podTemplate asks for the default token": {
		fixture.PodTemplate(`{"spec":{"automountServiceAccountToken":true}}`), "spec.podTemplate", "default",
	},
	"podTemplate takes the switch for the default token away": {
		fixture.PodTemplate(`{"spec":{"automountServiceAccountToken":null}}`), "spec.podTemplate", "default",
	},
	"podTemplate projects the default token": {
		volumeOver(`"projected":{"sources":[{"serviceAccountToken":{"path":"t"}}]}`), "spec.podTemplate", "default",
	},
	"podTemplate replaces the generated pod": {
		fixture.PodTemplate(`{"spec":{"$patch":"replace","containers":[{"name":"app","image":"my-app:1"}]}}`), "spec.podTemplate", "default",
	},
	"podTemplate replaces all that is generated": {
		fixture.PodTemplate(`{"$patch":"replace","spec":{"containers":[{"name":"app","image":"my-app:1"}]}}`), "spec.podTemplate", "default",
	},
	"podTemplate retains next to nothing": {
		fixture.PodTemplate(`{"spec":{"$retainKeys":["containers"]}}`), "spec.podTemplate", "default",
	},
	"podTemplate empties the name": {
		fixture.PodTemplate(`{"spec":{"serviceAccountName":""}}`), "spec.podTemplate.spec.serviceAccountName", "default",
	},
}

var _ = Describe("A service account with more rights than the author", func() {
	It("can be used by their pods, as by those of anybody who may create pods", func(ctx SpecContext) {
		t := newTenant(ctx, nil)
		t.Kubectl("create", "serviceaccount", account)
		t.applies(one(app, accountReferences["serviceAccountName"].option))
		t.ready(ctx, app)
		Expect(t.podsOf(ctx, app)).To(HaveEach(HaveField("Spec.ServiceAccountName", account)))
	})

	It("cannot be used by their stacks under the policy, until they may impersonate it", func(ctx SpecContext) {
		t := newTenant(ctx, underPolicy)
		Expect(t.creates(ctx, one(app))).To(Succeed())
		Expect(t.creates(ctx, one(app, fixture.PodTemplate(`{"spec":{"automountServiceAccountToken":false}}`)))).To(Succeed())
		for way, reference := range accountReferences {
			refusal := t.creates(ctx, one(app, reference.option))
			Expect(refusal).To(MatchError(And(ContainSubstring("denied request: "+reference.field+": "),
				ContainSubstring("may not act as service account \""+reference.name+"\" in namespace "+t.Namespace),
				ContainSubstring("(impersonate serviceaccounts, resourceNames "+reference.name+"), or name another account"))), way)
			tell(way, refusal.Error())
		}
		t.grant(ctx, "", "serviceaccounts", []string{"impersonate"}, account, "default")
		for way, reference := range accountReferences {
			Eventually(t.creates).WithArguments(ctx, one(app, reference.option)).Should(Succeed(), way)
		}
	})
})
