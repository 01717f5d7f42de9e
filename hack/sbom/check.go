// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/package-url/packageurl-go"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/spdxlib"
)

// check reads a document as other tools do, and returns its differences from the
// program.
func check(file string, of program) error {
	content, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	var document spdx.Document
	if err := spdxjson.ReadInto(content, &document); err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	if err := spdxlib.ValidateDocument(&document); err != nil {
		return err
	}
	described, err := spdxlib.GetDescribedPackageIDs(&document)
	if err != nil {
		return err
	}
	var problems []error
	if !slices.Equal(described, []common.ElementID{mainID}) {
		problems = append(problems, fmt.Errorf("it describes %v", described))
	}
	wanted := map[common.ElementID]module{mainID: of.module}
	for _, m := range of.modules {
		wanted[m.id()] = m
	}
	if len(wanted) != len(of.modules)+1 {
		problems = append(problems, errors.New("two modules have the same id"))
	}
	for _, pack := range document.Packages {
		m, ok := wanted[pack.PackageSPDXIdentifier]
		if !ok {
			problems = append(problems, fmt.Errorf("%s: it is not in the program, or twice in the document", pack.PackageName))
			continue
		}
		delete(wanted, pack.PackageSPDXIdentifier)
		sum := of.sum
		if pack.PackageSPDXIdentifier != mainID {
			if sum, err = m.hexSum(); m.sum == "" {
				sum, err = "", nil
			}
		}
		if err := errors.Join(err, checkPackage(pack, m, sum)); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", pack.PackageName, err))
		}
	}
	for _, m := range wanted {
		problems = append(problems, fmt.Errorf("%s %s is missing", m.path, m.version))
	}
	return errors.Join(problems...)
}

// checkPackage checks the package of a module.
func checkPackage(pack *spdx.Package, m module, sum string) error {
	if pack.PackageName != m.path || pack.PackageVersion != m.version {
		return fmt.Errorf("it is %s %s in the program", m.path, m.version)
	}
	if pack.PackageLicenseDeclared == "" || pack.PackageLicenseDeclared == unknown {
		return errors.New("its license is missing")
	}
	var sums []common.Checksum
	if sum != "" {
		sums = []common.Checksum{{Algorithm: common.SHA256, Value: sum}}
	}
	if !slices.Equal(pack.PackageChecksums, sums) {
		return fmt.Errorf("its checksum is %s", sum)
	}
	if len(pack.PackageExternalReferences) != 1 {
		return errors.New("it has no package URL, or several")
	}
	url, err := packageurl.FromString(pack.PackageExternalReferences[0].Locator)
	if err != nil {
		return err
	}
	if path := url.Namespace + "/" + url.Name; path != m.path && url.Name != m.path || url.Version != m.version {
		return fmt.Errorf("its package URL names %s %s", path, url.Version)
	}
	return nil
}
