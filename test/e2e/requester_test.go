// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The requester is a pod that sends requests from inside the cluster for the
// tests. It runs on the control plane node, which no test drains.
const (
	requesterNamespace = "appstack-e2e-requester"
	requester          = "requester"
	requesterPort      = 9090
)

func startRequester(ctx context.Context) {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: requesterNamespace}}
	Expect(client.IgnoreAlreadyExists(kube.Create(ctx, namespace))).To(Succeed())
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: requesterNamespace, Name: requester},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name: "app", Image: images + "v1", ImagePullPolicy: corev1.PullAlways, Args: []string{"client"},
				ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
					HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(requesterPort)}}},
			}},
			NodeSelector:                  map[string]string{"node-role.kubernetes.io/control-plane": ""},
			Tolerations:                   []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			TerminationGracePeriodSeconds: ptr.To[int64](1),
			// resolve full names first, before those with a search domain
			DNSConfig: &corev1.PodDNSConfig{Options: []corev1.PodDNSConfigOption{{Name: "ndots", Value: ptr.To("2")}}},
		},
	}
	// the pod of an earlier run may have another image
	Expect(client.IgnoreNotFound(kube.Delete(ctx, pod, client.GracePeriodSeconds(0)))).To(Succeed())
	Eventually(ctx, func() error { return kube.Create(ctx, pod.DeepCopy()) }).Should(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(kube.Delete(ctx, namespace)).To(Succeed()) })
	Eventually(ctx, func() (bool, error) {
		running, err := get[corev1.Pod](ctx, requesterNamespace, requester)
		return isReady(*running), err
	}).Should(BeTrue(), "the requester must become ready")
}

// ask sends a request to the requester itself.
func ask(verb, path string) *rest.Request {
	return core.CoreV1().RESTClient().Verb(verb).Namespace(requesterNamespace).Resource("pods").
		Name(fmt.Sprintf("%s:%d", requester, requesterPort)).SubResource("proxy").Suffix(path)
}

// fetched is the answer to one request.
type fetched struct {
	Status int    `json:"status"`
	Body   string `json:"body"`
	Error  string `json:"error"`
}

// fetch sends one request from inside the cluster, with a token if there is one.
func fetch(ctx context.Context, url, token string) fetched {
	GinkgoHelper()
	request := ask("GET", "/fetch").Param("url", url).Param("insecure", "true")
	if token != "" {
		request = request.SetHeader("X-Token", token)
	}
	raw, err := request.DoRaw(ctx)
	Expect(err).NotTo(HaveOccurred(), "asking the requester: %s", raw)
	var answer fetched
	Expect(json.Unmarshal(raw, &answer)).To(Succeed())
	return answer
}

// answers returns a function for Gomega that returns the text of a page.
func answers(ctx context.Context, url string) func() string {
	return func() string {
		got := fetch(ctx, url, "")
		if got.Error != "" || got.Status != 200 {
			return fmt.Sprintf("%d %s", got.Status, got.Error)
		}
		return strings.TrimSpace(got.Body)
	}
}

// load is the result of a constant load, half of it on kept-alive connections, half
// with a new connection for each request.
type load struct {
	Seconds        float64 `json:"seconds"`
	KeepAlive      attack  `json:"keepAlive"`
	NewConnections attack  `json:"newConnections"`
}

type attack struct {
	Requests    int               `json:"requests"`
	Errors      int               `json:"errors"`
	FirstErrors []json.RawMessage `json:"firstErrors"`
	Answers     map[string]int    `json:"answers"`
	Rate        float64           `json:"rate"`
	Connections int               `json:"connections"`
	Retries     int               `json:"retries"`
	P50         float64           `json:"p50Ms"`
	P90         float64           `json:"p90Ms"`
	P99         float64           `json:"p99Ms"`
	P999        float64           `json:"p999Ms"`
	Max         float64           `json:"maxMs"`
}

// startLoad sends rate requests per second until the returned function stops
// it, which also returns the result.
func startLoad(ctx context.Context, url string, rate int) (stop func(context.Context) load) {
	GinkgoHelper()
	raw, err := ask("POST", "/load").Param("url", url).Param("rate", strconv.Itoa(rate)).Param("for", "20m").DoRaw(ctx)
	Expect(err).NotTo(HaveOccurred(), "starting the load: %s", raw)
	stopped := false
	stop = func(ctx context.Context) load {
		GinkgoHelper()
		stopped = true
		raw, err := ask("DELETE", "/load").DoRaw(ctx)
		Expect(err).NotTo(HaveOccurred(), "stopping the load: %s", raw)
		var result load
		Expect(json.Unmarshal(raw, &result)).To(Succeed())
		return result
	}
	DeferCleanup(func(ctx SpecContext) {
		if !stopped {
			stop(ctx)
		}
	})
	Eventually(ctx, func() int { return soFar(ctx) }).Should(BeNumerically(">", rate), "the load must be running")
	return stop
}

// soFar returns how many requests of the load were answered.
func soFar(ctx context.Context) int {
	GinkgoHelper()
	raw, err := ask("GET", "/load").DoRaw(ctx)
	Expect(err).NotTo(HaveOccurred(), "asking for the load: %s", raw)
	var result load
	Expect(json.Unmarshal(raw, &result)).To(Succeed())
	return result.KeepAlive.Requests + result.NewConnections.Requests
}

// losesNothing expects at least that rate without a lost request, and records the measurements.
func (l load) losesNothing(what string, rate int) {
	GinkgoHelper()
	l.writeDown(what)
	for kind, attack := range map[string]attack{"keep-alive": l.KeepAlive, "new connections": l.NewConnections} {
		Expect(attack.FirstErrors).To(BeEmpty(), "%s: %d of %d requests were lost", kind, attack.Errors, attack.Requests)
		Expect(attack.Errors).To(BeZero(), kind)
		// A request may arrive while its kept-alive connection is being closed, and every client sends it again. This happens
		// here if the requester got no CPU for so long that it closed an idle connection too late. A server that resets
		// connections would cause far more retries.
		Expect(attack.Retries).To(BeNumerically("<=", attack.Requests/1000), "%s: sent again", kind)
	}
	Expect(l.KeepAlive.Rate+l.NewConnections.Rate).To(BeNumerically(">=", rate), "requests a second")
}

// writeDown records the measurements.
func (l load) writeDown(what string) {
	GinkgoHelper()
	table := l.table(what)
	AddReportEntry("load", table)
	file, err := os.OpenFile(built("load.txt"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	Expect(err).NotTo(HaveOccurred())
	_, err = file.WriteString(table + "\n")
	Expect(err).NotTo(HaveOccurred())
	Expect(file.Close()).To(Succeed())
}

func (l load) table(what string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %d requests in %s\n", what, l.KeepAlive.Requests+l.NewConnections.Requests,
		time.Duration(l.Seconds*float64(time.Second)).Round(time.Second))
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(columns, "\trequests\terrors\tper second\tconnections\tretried\tp50 ms\tp90\tp99\tp99.9\tmax\t")
	for _, row := range []struct {
		name string
		attack
	}{{"keep-alive", l.KeepAlive}, {"new connections", l.NewConnections}} {
		fmt.Fprintf(columns, "%s\t%d\t%d\t%.1f\t%d\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t\n", row.name, row.Requests, row.Errors,
			row.Rate, row.Connections, row.Retries, row.P50, row.P90, row.P99, row.P999, row.Max)
	}
	_ = columns.Flush() // to memory
	served := map[string]int{}
	for _, one := range []attack{l.KeepAlive, l.NewConnections} {
		for text, count := range one.Answers {
			served[text] += count
		}
	}
	for _, version := range slices.Sorted(maps.Keys(served)) {
		fmt.Fprintf(&text, "  answered by %s: %d\n", version, served[version])
	}
	return text.String()
}
