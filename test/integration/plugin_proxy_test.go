// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package integration

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/cli"
	"github.com/appstack-dev/appstack/test/fixture"
)

// through returns a kubeconfig of a proxy in front of the API server. The handler
// decides whether to forward a request to api.
func through(someone func(w http.ResponseWriter, r *http.Request, api http.Handler)) string {
	GinkgoHelper()
	target, err := url.Parse(config.Host)
	Expect(err).NotTo(HaveOccurred())
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1
	proxy.Transport, err = rest.TransportFor(config)
	Expect(err).NotTo(HaveOccurred())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { someone(w, r, proxy) }))
	DeferCleanup(server.Close)

	file := clientcmdapi.NewConfig()
	file.Clusters["proxy"] = &clientcmdapi.Cluster{Server: server.URL}
	file.Contexts["proxy"] = &clientcmdapi.Context{Cluster: "proxy"}
	file.CurrentContext = "proxy"
	path := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(clientcmd.WriteToFile(*file, path)).To(Succeed())
	return path
}

// interrupted returns a kubeconfig of a proxy that calls by just before the first PATCH.
func interrupted(by func()) string {
	GinkgoHelper()
	var once sync.Once
	return through(func(w http.ResponseWriter, r *http.Request, api http.Handler) {
		if r.Method == http.MethodPatch {
			once.Do(func() {
				defer GinkgoRecover()
				by()
			})
		}
		api.ServeHTTP(w, r)
	})
}

// ofStacks reports whether the request reads stacks, and whether it watches them.
func ofStacks(r *http.Request) (read, watch bool) {
	read = r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/appstacks")
	return read, read && r.URL.Query().Get("watch") != ""
}

var _ = Describe("the plugin: an API server that is not at its best", func() {
	// underWay creates a stack whose rollout is in progress.
	underWay := func() {
		GinkgoHelper()
		created()
		change(fixture.Image("my-app:2"))
		moved(2)
	}

	It("ends a watch: another one is begun", func() {
		underWay()
		var watches atomic.Int32
		waiting := goesBy(through(func(w http.ResponseWriter, r *http.Request, api http.Handler) {
			if _, watch := ofStacks(r); watch && watches.Add(1) == 1 {
				w.WriteHeader(http.StatusOK)
				return
			}
			api.ServeHTTP(w, r)
		}), "wait", app)
		Eventually(watches.Load).Should(Equal(int32(2)))
		ready()
		Eventually(waiting.code).Should(Receive(BeZero()))
		Expect(string(waiting.err.Contents())).To(BeEmpty())
	})

	It("goes away for a while: it is waited for, which is said", func() {
		underWay()
		var reads atomic.Int32
		waiting := goesBy(through(func(w http.ResponseWriter, r *http.Request, api http.Handler) {
			read, watch := ofStacks(r)
			switch {
			case watch && reads.Load() == 1:
				w.WriteHeader(http.StatusOK)
			case read && !watch && reads.Add(1) == 2:
				http.Error(w, "overloaded", http.StatusInternalServerError)
			default:
				api.ServeHTTP(w, r)
			}
		}), "wait", app)
		Eventually(waiting.err).Should(gbytes.Say("; trying again\n"))
		ready()
		Eventually(waiting.code).Should(Receive(BeZero()))
	})

	It("is silent: the time is over all the same", func() {
		underWay()
		file := through(func(w http.ResponseWriter, r *http.Request, api http.Handler) {
			if _, watch := ofStacks(r); watch {
				w.WriteHeader(http.StatusOK)
				http.NewResponseController(w).Flush() //nolint:errcheck // the client may have disconnected
				<-r.Context().Done()
				return
			}
			api.ServeHTTP(w, r)
		})
		_, stderr, code := plugin{kubeconfig: file}.output("wait", app, "--timeout", "300ms")
		Expect(code).To(Equal(cli.ExitTimeout))
		Expect(stderr).To(ContainSubstring("not ready after 300ms: "))
	})

	It("does not have the operator's types: that is said", func() {
		file := through(func(w http.ResponseWriter, r *http.Request, api http.Handler) {
			switch {
			case strings.HasPrefix(r.URL.Path, "/apis/"+v1alpha1.GroupName):
				http.NotFound(w, r)
			case r.URL.Path == "/apis":
				groups, err := discovery.NewDiscoveryClientForConfigOrDie(config).ServerGroups()
				if err != nil {
					http.Error(w, err.Error(), http.StatusInternalServerError)
					return
				}
				groups.Groups = slices.DeleteFunc(groups.Groups, func(group metav1.APIGroup) bool { return group.Name == v1alpha1.GroupName })
				w.Header().Set("Content-Type", "application/json")
				_ = json.NewEncoder(w).Encode(groups) // the client may have disconnected
			default:
				api.ServeHTTP(w, r)
			}
		})
		_, stderr, code := plugin{kubeconfig: file}.output("status", app)
		Expect(code).To(Equal(cli.ExitError))
		Expect(stderr).To(ContainSubstring("the AppStack CRD is not installed in the cluster: install the operator"))
	})
})

var _ = Describe("the plugin: someone else, at the same time", func() {
	It("changes the content: a rollback is not made of what was looked at before", func() {
		created()
		released(fixture.Image("my-app:2"))
		file := interrupted(func() { change(fixture.Image("my-app:3")) })
		_, stderr, code := plugin{kubeconfig: file}.output("rollback", app, "--yes")
		Expect(code).To(Equal(cli.ExitError))
		Expect(stderr).To(ContainSubstring("my-app has changed in the meantime: check it with kubectl appstack why my-app"))
		Expect(current().Spec.Rollback).To(BeNil())
	})

	It("deletes the stack: a change says so", func() {
		created()
		file := interrupted(deleteStack)
		_, stderr, code := plugin{kubeconfig: file}.output("scale", app, "5")
		Expect(code).To(Equal(cli.ExitError))
		Expect(stderr).To(ContainSubstring(`AppStack "my-app" not found`))
	})

	It("touches the stack: watching goes on, and repeats nothing", func() {
		created()
		status := goes("status", app, "-w")
		Eventually(status.out).Should(gbytes.Say("my-app: ✔ Ready"))
		touch()
		Consistently(status.out).ShouldNot(gbytes.Say("Ready"))
	})
})
