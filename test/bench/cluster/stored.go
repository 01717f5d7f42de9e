// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// prefix is the prefix of all keys of the API server in etcd.
const prefix = "/registry/"

// Stored returns, by resource, the size in etcd of the objects that the filter
// accepts, in bytes and without their keys.
func (c *Cluster) Stored(ctx context.Context, filter func(resource, name string) bool) (map[string]int64, error) {
	endpoint, err := c.etcdEndpoint()
	if err != nil {
		return nil, err
	}
	etcd, err := clientv3.New(clientv3.Config{
		Endpoints: []string{endpoint}, DialTimeout: 5 * time.Second, Logger: zap.NewNop(), Context: ctx,
	})
	if err != nil {
		return nil, fmt.Errorf("reaching etcd: %w", err)
	}
	defer func() { _ = etcd.Close() }()
	answer, err := etcd.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		return nil, fmt.Errorf("reading etcd: %w", err)
	}
	sizes := map[string]int64{}
	for _, kv := range answer.Kvs {
		parts := strings.Split(strings.TrimPrefix(string(kv.Key), prefix), "/")
		resource, name := parts[0], parts[len(parts)-1]
		if strings.Contains(resource, ".") && len(parts) > 1 { // /registry/<group>/<resource>/...
			resource = parts[1]
		}
		if filter(resource, name) {
			sizes[resource] += int64(len(kv.Value))
		}
	}
	return sizes, nil
}

// etcdEndpoint returns the address of the cluster's etcd.
func (c *Cluster) etcdEndpoint() (string, error) {
	process, err := c.Process(Etcd)
	if err != nil {
		return "", err
	}
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", process))
	if err != nil {
		return "", fmt.Errorf("finding etcd: %w", err)
	}
	for argument := range strings.SplitSeq(string(raw), "\x00") {
		if url, found := strings.CutPrefix(argument, "--listen-client-urls="); found {
			return url, nil
		}
	}
	return "", errors.New("finding etcd: it was given no --listen-client-urls")
}
