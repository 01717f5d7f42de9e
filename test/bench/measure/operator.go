// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package measure

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/appstack-dev/appstack/test/bench/cluster"
	"github.com/appstack-dev/appstack/test/bench/contender"
	"github.com/appstack-dev/appstack/test/bench/result"
)

// manager is one of several running operators, with the addresses of its endpoints.
type manager struct {
	*contender.Program
	metrics, profiles, probes string
}

// managers numbers the managers of one trial, so that each has its own log.
type managers struct {
	on      *cluster.Cluster
	started int
}

// start starts a manager, which is a standby if another one leads.
func (m *managers) start(ctx context.Context) (manager, error) {
	m.started++
	addresses, err := freeAddresses(ctx, 3)
	if err != nil {
		return manager{}, err
	}
	one := manager{metrics: addresses[0], profiles: addresses[1], probes: addresses[2]}
	program, err := contender.Operator(ctx, m.on, fmt.Sprintf("manager-%d", m.started%10),
		"--leader-elect", "--leader-election-namespace="+contender.Namespace,
		"--metrics-bind-address="+one.metrics, "--pprof-bind-address="+one.profiles,
		"--health-probe-bind-address="+one.probes)
	if err != nil {
		return manager{}, err
	}
	one.Program = program
	return one, one.until(ctx, "its cache is filled", func() bool {
		_, err := get(ctx, "http://"+one.probes+"/readyz")
		return err == nil
	})
}

// freeAddresses returns that many unused addresses.
func freeAddresses(ctx context.Context, count int) ([]string, error) {
	var addresses []string
	for range count {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("looking for a free port: %w", err)
		}
		defer func() { _ = listener.Close() }() // only at the end, or else the next one might be the same
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses, nil
}

// leads waits until the manager leads.
func (m manager) leads(ctx context.Context) error {
	return m.until(ctx, "it leads", func() bool {
		values, err := scrape(ctx, m.metrics)
		return err == nil && values["leader_election_master_status"] == 1
	})
}

// until waits until the condition is true.
func (m manager) until(ctx context.Context, what string, is func() bool) error {
	for !is() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("manager %d: waiting until %s: %w", m.Process, what, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// spends records how long a function takes, and the CPU time of a program meanwhile.
func spends(program *contender.Program, sample *result.Sample, name string, during func() error) error {
	before, err := program.CPU()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := during(); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := program.CPU()
	if err != nil {
		return err
	}
	sample.Values[name+".seconds"], sample.Values[name+".cpu.seconds"] = took.Seconds(), (after - before).Seconds()
	return nil
}

// wait waits for the duration.
func wait(ctx context.Context, duration time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(duration):
		return nil
	}
}

// series is the name under which scrape returns the number of all series.
const series = "series"

// scrape reads the metrics at an address. It returns the sum over the series for each name.
func scrape(ctx context.Context, address string) (map[string]float64, error) {
	body, err := get(ctx, "http://"+address+"/metrics")
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(body)))
	if err != nil {
		return nil, fmt.Errorf("reading metrics: %w", err)
	}
	values := map[string]float64{}
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			values[name] += metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
			values[series]++
		}
	}
	return values, nil
}

// memory runs the garbage collector, waits until the memory is stable, and returns it.
func (m manager) memory(ctx context.Context) (cluster.Memory, error) {
	if _, err := get(ctx, "http://"+m.profiles+"/debug/pprof/heap?gc=1"); err != nil {
		return cluster.Memory{}, err
	}
	const still = 5 // times in a row
	var last cluster.Memory
	for same := 0; same < still; {
		held, err := m.Memory()
		if err != nil {
			return cluster.Memory{}, err
		}
		const little = 256 << 10
		if held.Resident < last.Resident-little || held.Resident > last.Resident+little {
			same, last = 0, held
		} else {
			same++
		}
		if err := wait(ctx, time.Second); err != nil {
			return cluster.Memory{}, err
		}
	}
	return m.Memory()
}

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", url, err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", url, err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", url, err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking %s: %s", url, answer.Status)
	}
	return body, nil
}
