// SPDX-License-Identifier: Apache-2.0
// Copyright The AppStack Authors.

package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/package-url/packageurl-go"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
)

const (
	// home is the prefix of the documents' namespaces. The URLs do not resolve.
	home = "https://github.com/appstack-dev/appstack/spdx/"
	// ownLicense is the license of this repository.
	ownLicense = "Apache-2.0"
	// unknown is SPDX's value for missing information.
	unknown = "NOASSERTION"
	// mainID is the ID of the program's own element.
	mainID = "Program"
)

// document returns the SPDX document of the program.
func (p program) document(licenses map[module]string, created time.Time) *spdx.Document {
	document := &spdx.Document{
		SPDXVersion:    spdx.Version,
		DataLicense:    spdx.DataLicense,
		SPDXIdentifier: "DOCUMENT",
		DocumentName:   p.name + " " + p.module.version,
		// unique for each content, because it contains the checksum of the program
		DocumentNamespace: home + p.name + "-" + p.module.version + "-" + p.sum,
		CreationInfo: &spdx.CreationInfo{
			Creators: []common.Creator{
				{CreatorType: "Organization", Creator: "The AppStack Authors"},
				{CreatorType: "Tool", Creator: "appstack-sbom"},
			},
			Created: created.UTC().Format(time.RFC3339),
		},
	}
	document.Packages = append(document.Packages, &spdx.Package{
		PackageName:               p.module.path,
		PackageSPDXIdentifier:     mainID,
		PackageVersion:            p.module.version,
		PackageFileName:           p.name,
		PackageSupplier:           &common.Supplier{SupplierType: "Organization", Supplier: "The AppStack Authors"},
		PackageDownloadLocation:   unknown,
		PackageChecksums:          []common.Checksum{{Algorithm: common.SHA256, Value: p.sum}},
		PackageLicenseConcluded:   ownLicense,
		PackageLicenseDeclared:    ownLicense,
		PackageCopyrightText:      "Copyright The AppStack Authors",
		PrimaryPackagePurpose:     "APPLICATION",
		PackageExternalReferences: references(p.module),

		IsFilesAnalyzedTagPresent: true,
	})
	document.Relationships = append(document.Relationships, relationship("DOCUMENT", common.TypeRelationshipDescribe, mainID))
	for _, m := range p.modules {
		document.Packages = append(document.Packages, m.pack(licenses[m]))
		document.Relationships = append(document.Relationships, relationship(mainID, common.TypeRelationshipContains, m.id()))
	}
	return document
}

// pack returns the package of a module that is linked into the program.
func (m module) pack(license string) *spdx.Package {
	made := &spdx.Package{
		PackageName:               m.path,
		PackageSPDXIdentifier:     m.id(),
		PackageVersion:            m.version,
		PackageDownloadLocation:   unknown,
		PackageLicenseConcluded:   unknown,
		PackageLicenseDeclared:    license,
		PackageCopyrightText:      unknown,
		PrimaryPackagePurpose:     "LIBRARY",
		PackageExternalReferences: references(m),

		IsFilesAnalyzedTagPresent: true,
	}
	if m.sum != "" {
		sum, err := m.hexSum()
		if err == nil {
			made.PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: sum}}
		}
		made.PackageComment = "The checksum is that of go.sum, " + m.sum + ": of the names and sums of the module's files."
	}
	return made
}

// references returns the identifiers of the module in vulnerability databases.
func references(m module) []*spdx.PackageExternalReference {
	return []*spdx.PackageExternalReference{{
		Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: m.purl(),
	}}
}

func (m module) purl() string {
	namespace, name := "", m.path
	if at := strings.LastIndex(m.path, "/"); at >= 0 {
		namespace, name = m.path[:at], m.path[at+1:]
	}
	return packageurl.NewPackageURL(packageurl.TypeGolang, namespace, name, m.version, nil, "").ToString()
}

// notInID matches the characters that are not allowed in an element's ID.
var notInID = regexp.MustCompile(`[^a-zA-Z0-9.-]+`)

func (m module) id() common.ElementID {
	return common.ElementID("Module-" + notInID.ReplaceAllString(m.path+"-"+m.version, "-"))
}

func relationship(from common.ElementID, kind string, to common.ElementID) *spdx.Relationship {
	return &spdx.Relationship{
		RefA: common.DocElementID{ElementRefID: from}, Relationship: kind, RefB: common.DocElementID{ElementRefID: to},
	}
}

// write writes the document.
func write(file string, document *spdx.Document) error {
	var text bytes.Buffer
	if err := spdxjson.Write(document, &text, spdxjson.Indent("  "), spdxjson.EscapeHTML(false)); err != nil {
		return fmt.Errorf("encoding: %w", err)
	}
	return os.WriteFile(file, text.Bytes(), 0o644)
}
