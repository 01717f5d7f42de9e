// A module of its own: what it takes decides no version of the operator's libraries.
module github.com/appstack-dev/appstack/hack/sbom

go 1.26.0

require (
	github.com/google/licensecheck v0.3.1
	github.com/package-url/packageurl-go v0.1.7
	github.com/spdx/tools-golang v0.5.7
	golang.org/x/mod v0.42.0
)

require github.com/anchore/go-struct-converter v0.1.0 // indirect
