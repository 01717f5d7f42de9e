// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/appstack-dev/appstack/hack/rights/granted"
	"github.com/appstack-dev/appstack/test/world"
)

// account is a service account with the operator's permissions in config/rbac.
type account struct {
	user   string
	config *rest.Config
	rights []granted.Right
}

// operatorAccount creates an account that may also use leader election in the spec's namespace.
func (w scene) operatorAccount(ctx context.Context) account {
	GinkgoHelper()
	made := account{config: w.as(ctx, "operator"), user: "system:serviceaccount:" + w.Namespace + ":operator"}
	for _, file := range []string{"role.yaml", "metrics_auth_role.yaml"} {
		rules := w.grant(ctx, file, "operator")
		made.rights = append(made.rights, granted.Rights("", rules)...)
	}
	var role rbacv1.Role
	readRBAC("leader_election_role.yaml", &role)
	role.Namespace = w.Namespace
	Expect(world.Kube.Create(ctx, &role)).To(Succeed())
	Expect(world.Kube.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects:   w.subjects("operator"),
	})).To(Succeed())
	made.rights = append(made.rights, granted.Rights(w.Namespace, role.Rules)...)
	w.areKnown(ctx, made.config, made.rights)
	return made
}

// areKnown waits until the API server grants the permissions in the spec's namespace:
// its authorizer watches the bindings, and observes a new one after a moment.
func (w scene) areKnown(ctx context.Context, config *rest.Config, rights []granted.Right) {
	GinkgoHelper()
	var here []granted.Right
	for _, right := range rights {
		right.Namespace = ""
		here = append(here, right)
	}
	Eventually(ctx, func() []granted.Right { return rightsOf(ctx, config, w.Namespace) }).Should(ContainElements(here))
}

// as creates a service account and returns a client config with its permissions.
func (w scene) as(ctx context.Context, name string) *rest.Config {
	GinkgoHelper()
	serviceAccount := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: name}}
	Expect(world.Kube.Create(ctx, serviceAccount)).To(Succeed())
	token := &authenticationv1.TokenRequest{}
	Expect(world.Kube.SubResource("token").Create(ctx, serviceAccount, token)).To(Succeed())
	config := rest.AnonymousClientConfig(world.Connection("rights"))
	config.BearerToken = token.Status.Token
	return config
}

func (w scene) subjects(name string) []rbacv1.Subject {
	return []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: name}}
}

// grant binds a service account of the spec to a ClusterRole in config/rbac until the
// spec ends, and returns the rules.
func (w scene) grant(ctx context.Context, file, name string) []rbacv1.PolicyRule {
	GinkgoHelper()
	var role rbacv1.ClusterRole
	readRBAC(file, &role)
	role.Name = w.Namespace + "-" + role.Name
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   w.subjects(name),
	}
	for _, object := range []client.Object{&role, binding} {
		Expect(world.Kube.Create(ctx, object)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(world.Kube.Delete(ctx, object)).To(Succeed()) })
	}
	return role.Rules
}

func readRBAC(file string, into any) {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(world.Root(), "config", "rbac", file))
	Expect(err).NotTo(HaveOccurred())
	Expect(yaml.UnmarshalStrict(text, into)).To(Succeed())
}

// rightsOf returns a user's permissions in a namespace, as the API server reports them.
func rightsOf(ctx context.Context, config *rest.Config, namespace string) []granted.Right {
	GinkgoHelper()
	asking, err := client.New(config, client.Options{})
	Expect(err).NotTo(HaveOccurred())
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
	Expect(asking.Create(ctx, review)).To(Succeed())
	Expect(review.Status.Incomplete).To(BeFalse())
	var rules []rbacv1.PolicyRule
	for _, rule := range review.Status.ResourceRules {
		rules = append(rules, rbacv1.PolicyRule{
			Verbs: rule.Verbs, APIGroups: rule.APIGroups, Resources: rule.Resources, ResourceNames: rule.ResourceNames,
		})
	}
	for _, rule := range review.Status.NonResourceRules {
		rules = append(rules, rbacv1.PolicyRule{Verbs: rule.Verbs, NonResourceURLs: rule.NonResourceURLs})
	}
	return granted.Rights("", rules)
}

// process is a running manager.
type process struct {
	session *gexec.Session
	metrics string
}

// buildManager builds the manager and returns the path of the binary.
func buildManager() string {
	GinkgoHelper()
	program, err := gexec.Build("github.com/appstack-dev/appstack/cmd")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(gexec.CleanupBuildArtifacts)
	return program
}

// startManager runs the manager as the account, with metrics and leader election as in
// config/manager. The lease is in the spec's namespace; variables are added to the environment.
func (w scene) startManager(program string, as account, variables ...string) process {
	GinkgoHelper()
	config := kubeconfig(as.config)
	for {
		started := process{metrics: freeAddress()}
		command := exec.Command(program, "--kubeconfig="+config, "--registry-skip=*",
			"--leader-elect", "--leader-election-namespace="+w.Namespace,
			"--metrics-bind-address="+started.metrics, "--health-probe-bind-address=0")
		command.Env = append(os.Environ(), variables...)
		var err error
		started.session, err = gexec.Start(command, GinkgoWriter, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { started.session.Kill().Wait() })
		if started.serves() {
			return started
		}
	}
}

// serves waits until the manager listens. It returns false if another socket has taken the
// address in the meantime, such as that of any outgoing connection.
func (p process) serves() bool {
	GinkgoHelper()
	taken := false
	Eventually(func(g Gomega) {
		if p.session.ExitCode() >= 0 {
			if taken = bytes.Contains(p.session.Err.Contents(), []byte("address already in use")); !taken {
				StopTrying("the manager has ended").Now()
			}
			return
		}
		connection, err := net.Dial("tcp", p.metrics)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(connection.Close()).To(Succeed())
	}).Should(Succeed())
	return !taken
}

// stop terminates the manager as the deletion of its pod does.
func (p process) stop() {
	GinkgoHelper()
	Expect(p.session.Terminate().Wait("30s")).To(gexec.Exit(0))
}

// kubeconfig writes a kubeconfig and returns its path.
func kubeconfig(config *rest.Config) string {
	GinkgoHelper()
	file := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"c": {
			Server: config.Host, CertificateAuthority: config.CAFile, CertificateAuthorityData: config.CAData,
			InsecureSkipTLSVerify: config.Insecure,
		}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": {Token: config.BearerToken}},
		Contexts:       map[string]*clientcmdapi.Context{"c": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "c",
	}, file)).To(Succeed())
	return file
}

// freeAddress returns an unused address on loopback.
func freeAddress() string {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer func() { Expect(listener.Close()).To(Succeed()) }()
	return listener.Addr().String()
}

// readMetrics reads the metrics with and without the permission.
func (w scene) readMetrics(ctx context.Context, from process) {
	GinkgoHelper()
	stranger, reader := w.as(ctx, "stranger"), w.as(ctx, "reader")
	w.areKnown(ctx, reader, granted.Rights("", w.grant(ctx, "metrics_reader_role.yaml", "reader")))
	get := func(as *rest.Config) (int, string) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+from.metrics+"/metrics", http.NoBody)
		Expect(err).NotTo(HaveOccurred())
		request.Header.Set("Authorization", "Bearer "+as.BearerToken)
		// the manager's certificate is self-signed
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		defer client.CloseIdleConnections()
		response, err := client.Do(request)
		Expect(err).NotTo(HaveOccurred())
		body, err := io.ReadAll(response.Body)
		Expect(err).NotTo(HaveOccurred())
		Expect(response.Body.Close()).To(Succeed())
		return response.StatusCode, string(body)
	}
	status, _ := get(stranger)
	Expect(status).To(Equal(http.StatusForbidden))
	status, body := get(reader)
	Expect(status).To(Equal(http.StatusOK), body)
	Expect(body).To(ContainSubstring("appstack_rollouts_total"))
}
