// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package cluster

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the times in /proc/[pid]/stat: USER_HZ is 100 on Linux,
// regardless of the kernel's timer frequency (proc_pid_stat(5), time(7)).
const tick = time.Second / 100

// Process is the ID of a process on this machine.
type Process int

// CPU returns the CPU time of the process, user and system together.
func (p Process) CPU() (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
	if err != nil {
		return 0, fmt.Errorf("reading the processor time: %w", err)
	}
	// the second field is a name in parentheses, which may contain spaces
	_, rest, _ := strings.Cut(string(raw), ") ")
	fields := strings.Fields(rest)
	const user, system = 11, 12 // utime and stime, which are fields 14 and 15
	if len(fields) <= system {
		return 0, fmt.Errorf("reading the processor time: %d fields", len(fields))
	}
	var ticks int64
	for _, field := range []string{fields[user], fields[system]} {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading the processor time: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// Memory is the memory of a process, in bytes.
type Memory struct {
	// Resident is the resident set: heap, stacks, and pages of the program itself.
	Resident int64
	// Anonymous is the part that is not backed by files: heap and stacks.
	Anonymous int64
	// Peak is the maximum of Resident so far.
	Peak int64
}

// Memory returns the current memory of the process.
func (p Process) Memory() (Memory, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
	if err != nil {
		return Memory{}, fmt.Errorf("reading the memory: %w", err)
	}
	var memory Memory
	for line := range strings.Lines(string(raw)) {
		key, value, _ := strings.Cut(line, ":")
		var into *int64
		switch key {
		case "VmRSS":
			into = &memory.Resident
		case "RssAnon":
			into = &memory.Anonymous
		case "VmHWM":
			into = &memory.Peak
		default:
			continue
		}
		kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return Memory{}, fmt.Errorf("reading the memory: %w", err)
		}
		*into = kilobytes << 10
	}
	if memory.Resident == 0 {
		return Memory{}, fmt.Errorf("process %d has ended", p)
	}
	return memory, nil
}
