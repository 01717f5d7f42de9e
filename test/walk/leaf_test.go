// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package walk_test

import (
	"fmt"
	"hash/fnv"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/appstack-dev/appstack/test/world"
)

// The fields to walk over: with WALK_SHARE=4 about a quarter, chosen
// by WALK_SEED, and with WALK_ONLY those whose path matches a pattern.
var (
	walkShare   = walkNumber("WALK_SHARE", 1)
	walkSeed    = walkNumber("WALK_SEED", 1) // the same in each process of the suite
	walkOnly    = regexp.MustCompile(os.Getenv("WALK_ONLY"))
	walkWorkers = walkNumber("WALK_WORKERS", 10)
)

func walkNumber(variable string, otherwise int64) int64 {
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 1 {
		panic(fmt.Sprintf("%s=%s is no number above 0", variable, text))
	}
	return number
}

// chosen reports whether this run walks over the node.
func chosen(node schemaNode) bool {
	hash := fnv.New64a()
	_, _ = fmt.Fprint(hash, walkSeed, node.path)
	return hash.Sum64()%uint64(walkShare) == 0 && walkOnly.MatchString(node.path)
}

// allNodes are the nodes of the CRD's schema.
var allNodes = schemaNodes()

var _ = Describe("Every field of the schema", func() {
	It("has values to try, valid and invalid ones", func() {
		var wrong []string
		used := map[string]bool{}
		for _, node := range allNodes {
			if missing := lacking(node); missing != "" {
				wrong = append(wrong, node.path+": "+missing)
			}
			used[node.relative], used[kin(node.relative)] = true, true
		}
		for path := range leafHints {
			if !used[path] {
				wrong = append(wrong, "there is a hint for "+path+", but no such field")
			}
		}
		for path := range noEffects {
			if !used[path] {
				wrong = append(wrong, "docs/fields.md lists "+path+", but there is no such field")
			}
		}
		for path := range stays {
			if !used[path] {
				wrong = append(wrong, "docs/fields.md lists "+path+", but there is no such field")
			}
		}
		Expect(strings.Join(wrong, "\n")).To(BeEmpty())
	})

	Describe("does what it says, refuses what is wrong, and has a way back (R1, R4, R28, R30)", Ordered, ContinueOnFailure, func() {
		var results map[string]*leafResult
		var walked []schemaNode
		for _, node := range allNodes {
			if chosen(node) {
				walked = append(walked, node)
			}
		}

		BeforeAll(func(ctx SpecContext) {
			var namespaces []string
			for range walkWorkers {
				namespace := world.New(ctx).Namespace
				Expect(furnish(ctx, namespace)).To(Succeed())
				namespaces = append(namespaces, namespace)
			}
			operate(namespaces...)
			began := time.Now()
			results = walkLeaves(ctx, namespaces, walked)
			report := reportOf(allNodes, walked, results, time.Since(began))
			AddReportEntry("fields", report, ReportEntryVisibilityAlways)
			Expect(writeReport("fields.txt", report)).To(Succeed())
		}, NodeTimeout(50*time.Minute))

		for _, node := range walked {
			It(node.path, func() {
				Expect(strings.Join(results[node.path].surprises, "\n\n")).To(BeEmpty())
				Expect(results[node.path].tried()).To(Equal(len(leafValues(node))), "not every value was tried")
			})
		}
	})
})
