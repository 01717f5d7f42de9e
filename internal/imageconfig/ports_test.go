// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package imageconfig_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/appstack-dev/appstack/api/v1alpha1"
	"github.com/appstack-dev/appstack/internal/imageconfig"
)

func exposing(keys ...string) *dockerspec.DockerOCIImageConfig {
	return config(func(c *dockerspec.DockerOCIImageConfig) { c.ExposedPorts = set(keys...) })
}

func TestPorts(t *testing.T) {
	var twenty []v1alpha1.Port
	for number := int32(7001); number <= 7020; number++ {
		twenty = append(twenty, v1alpha1.Port{Name: fmt.Sprintf("port-%d", number), ContainerPort: number})
	}
	const leftOut = "left out, as the image exposes them but they are no ports of TCP, UDP or SCTP: "
	tests := map[string]struct {
		config *dockerspec.DockerOCIImageConfig
		want   []v1alpha1.Port
		note   string
	}{
		"R22 no config": {},
		"R22 no EXPOSE": {config: exposing()},
		"R22 ports are named by number, 80 and 443 by protocol": {
			config: exposing("8080/tcp", "80/tcp", "443/tcp"),
			want: []v1alpha1.Port{
				{Name: "http", ContainerPort: 80}, {Name: "https", ContainerPort: 443}, {Name: "port-8080", ContainerPort: 8080},
			},
		},
		"R22 one number, all protocols": {
			config: exposing("80/sctp", "80/udp", "80/tcp"),
			want: []v1alpha1.Port{
				{Name: "http", ContainerPort: 80},
				{Name: "port-80-udp", ContainerPort: 80, Protocol: corev1.ProtocolUDP},
				{Name: "port-80-sctp", ContainerPort: 80, Protocol: corev1.ProtocolSCTP},
			},
		},
		"R22 the longest names": {
			config: exposing("65535/udp", "65535/sctp", "65535"),
			want: []v1alpha1.Port{
				{Name: "port-65535", ContainerPort: 65535},
				{Name: "port-65535-udp", ContainerPort: 65535, Protocol: corev1.ProtocolUDP},
				{Name: "port-65535-sctp", ContainerPort: 65535, Protocol: corev1.ProtocolSCTP},
			},
		},
		"R22 without a protocol, or in another case, is the same port": {
			config: exposing("80", "80/tcp", "80/TCP", "80/", "080"),
			want:   []v1alpha1.Port{{Name: "http", ContainerPort: 80}},
		},
		"R22 sorted by number and not by text": {
			config: exposing("9", "10", "1000", "53/udp"),
			want: []v1alpha1.Port{
				{Name: "port-9", ContainerPort: 9}, {Name: "port-10", ContainerPort: 10},
				{Name: "port-53-udp", ContainerPort: 53, Protocol: corev1.ProtocolUDP}, {Name: "port-1000", ContainerPort: 1000},
			},
		},
		"R22 ranges that overlap, and what lies in them": {
			config: exposing("7000-7002/udp", "7001-7003/UDP", "7002/udp", "7000-7000/udp"),
			want: []v1alpha1.Port{
				{Name: "port-7000-udp", ContainerPort: 7000, Protocol: corev1.ProtocolUDP},
				{Name: "port-7001-udp", ContainerPort: 7001, Protocol: corev1.ProtocolUDP},
				{Name: "port-7002-udp", ContainerPort: 7002, Protocol: corev1.ProtocolUDP},
				{Name: "port-7003-udp", ContainerPort: 7003, Protocol: corev1.ProtocolUDP},
			},
		},
		"R22 the maximum number": {config: exposing("7001-7020"), want: twenty},
		"R22 one too many": {
			config: exposing("7001-7020", "80"),
			note:   "the image exposes 21 ports, which is more than 20: name those to be served in ports",
		},
		"R22 a port range of a media server": {
			config: exposing("16384-32767/udp"),
			note:   "the image exposes 16384 ports, which is more than 20: name those to be served in ports",
		},
		"R22 every port, repeated, and values that are no ports": {
			config: exposing("1-65535", "01-65535", "001-65535/tcp", "1-65535/udp", "1-65535/sctp", "x"),
			note:   "the image exposes 196605 ports, which is more than 20: name those to be served in ports",
		},
		"R22 values that are no ports are left out": {
			config: exposing("0", "80", "x/tcp"),
			want:   []v1alpha1.Port{{Name: "http", ContainerPort: 80}},
			note:   leftOut + `"0", "x/tcp"`,
		},
		"R22 the first of them are named": {
			config: exposing("65536/tcp", "80-79", "80/icmp", "80/tcp/udp", "-80", "80-", "+80", " 80", "8080:80", "/tcp", "", "٨٠", "0-1"),
			note:   leftOut + `"", " 80", "+80" and 10 more`,
		},
		"R22 the longest of them are cut": {
			config: exposing("a-port-that-somebody-described-at-length\n"),
			note:   leftOut + `"a-port-that-somebody-des…"`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, note := imageconfig.Ports(test.config)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("ports (-want +got):\n%s", diff)
			}
			if note != test.note {
				t.Errorf("note is\n%s, want\n%s", note, test.note)
			}
		})
	}
}

// TestPortsStay checks that one more EXPOSE renames no other port.
func TestPortsStay(t *testing.T) {
	before, _ := imageconfig.Ports(exposing("8080", "9090"))
	after, _ := imageconfig.Ports(exposing("8080", "8081", "9090"))
	if diff := cmp.Diff(before, []v1alpha1.Port{after[0], after[2]}); diff != "" {
		t.Errorf("R22 unchanged ports (-before +after):\n%s", diff)
	}
}
