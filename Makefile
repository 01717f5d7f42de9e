# SPDX-License-Identifier: Apache-2.0
# `make help` lists the targets. All tools of a target are pinned in a go.mod and built on first use. Build output and
# temporary files go to bin/; nothing is installed anywhere else.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

ROOT := $(CURDIR)
BIN := $(ROOT)/bin
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
IMG ?= ghcr.io/appstack-dev/appstack:latest
CONTAINER_TOOL ?= docker
# The cluster of `make kind-up`, and the node image if it is not kind's default.
KIND ?= kind
KIND_CLUSTER ?= appstack
KIND_IMAGE ?=
# The cluster of `make cluster`. Targets that use your own cluster honor KUBECONFIG as kubectl does.
CLUSTER_KUBECONFIG := $(BIN)/kubeconfig

# The same flags for every build, so that all builds share one cache. Programs contain neither paths nor git metadata:
# builds of a clone, of a source archive and in the image are identical.
export CGO_ENABLED := 0
export GOFLAGS := $(filter-out -trimpath -buildvcs%,$(shell go env GOFLAGS)) -trimpath -buildvcs=false
LDFLAGS := -s -w -X main.version=$(VERSION)

TOOL := go tool -modfile=hack/tools/go.mod
GOLANGCI_LINT := $(BIN)/golangci-lint
# The registry of the integration tests.
REGISTRY := $(BIN)/registry
HELM := $(BIN)/helm
PROMTOOL := $(BIN)/promtool
HELM_FLAGS ?=
# Your kubectl, or the one of the local control plane.
KUBECTL ?= $(shell command -v kubectl || echo $(BIN)/kubectl)

UNIT_PACKAGES := ./api/... ./cmd/... ./internal/... ./hack/plan ./hack/testreport
SIMULATION := ./test/sim
REGISTRY_PACKAGES := ./test/registry/... ./test/images/...
MICRO_PACKAGES := ./internal/model ./internal/plan ./internal/render ./internal/revision ./internal/status
TEST_FLAGS ?=
FUZZTIME ?= 10s
# The scale of `make bench`: full, short or smoke; and its measures, by default all.
SCALE ?= full
MEASURES ?=
TESTREPORT := go run ./hack/testreport
# The number of processes of the integration and the cluster tests. Most of their specs wait most of the time.
PROCS ?= 4
# The race detector needs cgo and thus a C compiler. If there is none, or RACE is empty, the tests run without it.
RACE ?= $(if $(shell command -v "$$(go env CC)"),-race)
raced = $(if $(RACE),CGO_ENABLED=1)

##@ General

.PHONY: help
help: ## Show this help.
	@awk 'BEGIN {FS = ":.*##"; print "Usage: make TARGET"} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-zA-Z0-9_-]+:.*##/ {printf "  %-18s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

##@ First steps

.PHONY: demo
demo: ## Run a demo: a local control plane, the operator, and a stack, step by step.
	@hack/demo/run

.PHONY: demo-down
demo-down: ## Stop the processes of the demo, and remove its data.
	@hack/demo/down

##@ Development

.PHONY: generate
generate: ## Generate deep copies and apply configurations from the API types.
	@$(TOOL) controller-gen object:headerFile=hack/boilerplate.go.txt \
		applyconfiguration:headerFile=hack/boilerplate.go.txt paths=./api/...

.PHONY: manifests
manifests: ## Generate the CRD and the manager's roles in config/, and their copies in the Helm chart.
	@$(TOOL) controller-gen crd paths=./api/... output:crd:dir=config/crd/bases
	@$(TOOL) controller-gen rbac:roleName=manager-role paths=./internal/... output:rbac:dir=config/rbac
	@sed -e 's/^kind: ClusterRole$$/kind: Role/' -e 's/^  name: manager-role$$/  name: appstack-manager/' \
		config/rbac/role.yaml > config/namespaced/tenant/role.yaml
	@mkdir -p dist/chart/files
	@cp config/crd/bases/apps.appstack.dev_appstacks.yaml dist/chart/files/crd.yaml
	@cp config/rbac/role.yaml config/guard/copies_policy.yaml config/prometheus/alerts.yaml config/grafana/dashboard.json dist/chart/files/

.PHONY: api-docs
api-docs: ## Generate docs/api.md from the API types.
	@mkdir -p $(BIN) docs
	@$(TOOL) crd-ref-docs --source-path=./api/v1alpha1 --config=hack/api-docs/config.yaml \
		--renderer=markdown --output-path=$(BIN)/api.md --log-level=ERROR
	@# Markdown would take a placeholder such as <stack> for HTML.
	@sed -e 's|<br />|@BR@|g' -e 's|<|\&lt;|g' -e 's|@BR@|<br />|g' -e 's|[[:space:]]*$$||' $(BIN)/api.md | cat -s > docs/api.md

.PHONY: cli-docs
cli-docs: ## Generate docs/cli.md from the plugin's commands.
	@mkdir -p $(BIN) && go run ./hack/cli-docs > $(BIN)/cli.md && mv $(BIN)/cli.md docs/cli.md

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## Format the Go code.
	@$(GOLANGCI_LINT) fmt

.PHONY: vet
vet: ## Run go vet.
	@go vet ./...

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Lint: style, API conventions, architecture.
	@$(GOLANGCI_LINT) run
	@cd test/bench && $(GOLANGCI_LINT) run

.PHONY: lint-fix
lint-fix: $(GOLANGCI_LINT) ## Lint, and fix what can be fixed automatically.
	@$(GOLANGCI_LINT) run --fix

.PHONY: verify
verify: ## Check that generated files, modules and manifests are up to date; changes nothing.
	@hack/verify

.PHONY: verify-quick
verify-quick: ## Run the checks of verify that take seconds.
	@hack/verify quick

.PHONY: verify-tools
verify-tools: $(HELM) $(PROMTOOL) ## Compile the tools of `make verify` in advance: most of its time with a cold cache.
	@go build -modfile=hack/tools/go.mod -o /dev/null tool
	@cd hack/krew && go build -o /dev/null tool

$(GOLANGCI_LINT): $(wildcard hack/lint/*.go) hack/lint/go.mod hack/lint/go.sum
	@echo "building golangci-lint (once; a few minutes from a cold cache)" >&2
	@cd hack/lint && go build -o $@ .

.PHONY: chart
chart: ## Check the Helm chart: lint it, render it, and compare it with config/.
	@hack/chart

$(HELM): hack/helm/go.mod hack/helm/go.sum
	@echo "building helm (once; a few minutes from a cold cache)" >&2
	@cd hack/helm && go build -o $@ helm.sh/helm/v4/cmd/helm

# Service discovery is left out: it is half of the code to compile, and promtool scrapes nothing here. Go does not write
# the program again if only the timestamp of go.mod is newer, hence the touch.
$(PROMTOOL): hack/monitoring/go.mod hack/monitoring/go.sum
	@echo "building promtool (once; some minutes from a cold cache)" >&2
	@cd hack/monitoring && go build -tags remove_all_sd -o $@ github.com/prometheus/prometheus/cmd/promtool
	@touch $@

##@ Tests

.PHONY: test
test: $(REGISTRY) ## Run the unit, simulation and integration tests (a real API server, etcd and registry) with the race detector.
	@[ -n "$(RACE)" ] || echo 'without the race detector: it takes a C compiler' >&2
	@assets="$$(hack/controlplane/assets envtest)"; $(raced) KUBEBUILDER_ASSETS="$$assets" $(TESTREPORT) \
		-unraced $(SIMULATION) -procs $(PROCS) -suite ./test/integration \
		$(RACE) -timeout=30m $(TEST_FLAGS) $(UNIT_PACKAGES) $(REGISTRY_PACKAGES)

.PHONY: test-unit
test-unit: ## Run the unit and simulation tests only: seconds.
	@$(TESTREPORT) $(TEST_FLAGS) $(UNIT_PACKAGES) $(SIMULATION)

.PHONY: test-integration
test-integration: $(REGISTRY) ## Run the integration tests only.
	@assets="$$(hack/controlplane/assets envtest)"; $(raced) KUBEBUILDER_ASSETS="$$assets" $(TESTREPORT) \
		-procs $(PROCS) -suite ./test/integration $(RACE) -timeout=30m $(TEST_FLAGS) $(REGISTRY_PACKAGES)

.PHONY: test-fuzz
test-fuzz: ## Fuzz each target for FUZZTIME (10s).
	@hack/fuzz $(FUZZTIME)

.PHONY: test-cluster
test-cluster: plugin ## Run the cluster tests against `make cluster`.
	@test -s $(CLUSTER_KUBECONFIG) || { echo "no $(CLUSTER_KUBECONFIG): run 'make cluster' first" >&2; exit 1; }
	@cd hack/kstatus && go build -o $(BIN)/kstatus .
	@KUBECONFIG=$(CLUSTER_KUBECONFIG) $(TESTREPORT) -procs $(PROCS) -suite ./test/cluster -timeout=30m $(TEST_FLAGS)

.PHONY: test-faults
test-faults: build ## Inject faults into every write of the operator, against `make cluster`; with FAULTS_SHARE=10 into a tenth of them.
	@test -s $(CLUSTER_KUBECONFIG) || { echo "no $(CLUSTER_KUBECONFIG): run 'make cluster' first" >&2; exit 1; }
	@KUBECONFIG=$(CLUSTER_KUBECONFIG) $(TESTREPORT) -procs $(PROCS) -suite ./test/faults -timeout=150m $(TEST_FLAGS)

.PHONY: test-walk
test-walk: ## Test every field of the schema and random changes, against `make cluster`; see docs/reliability.md.
	@test -s $(CLUSTER_KUBECONFIG) || { echo "no $(CLUSTER_KUBECONFIG): run 'make cluster' first" >&2; exit 1; }
	@KUBECONFIG=$(CLUSTER_KUBECONFIG) $(TESTREPORT) -procs 2 -suite ./test/walk -timeout=90m $(TEST_FLAGS)

.PHONY: test-tenants
test-tenants: plugin ## Test what authors of stacks gain beyond their rights, against `make cluster`, and the rendered pods against Pod Security.
	@test -s $(CLUSTER_KUBECONFIG) || { echo "no $(CLUSTER_KUBECONFIG): run 'make cluster' first" >&2; exit 1; }
	@$(TESTREPORT) -C test/podsecurity $(TEST_FLAGS) ./...
	@hack/fuzz $(FUZZTIME) test/podsecurity
	@KUBECONFIG=$(CLUSTER_KUBECONFIG) $(TESTREPORT) -timeout=30m $(TEST_FLAGS) ./test/tenants/...

# The parts of the campaign to run, as listed by `hack/campaign -list`; by default all that have not passed.
PARTS ?=

.PHONY: campaign
campaign: ## Run the tests that take too long for CI, in PARTS that can be resumed: hours.
	@hack/campaign $(PARTS)

.PHONY: bench-micro
bench-micro: ## Measure the computations of a reconcile, and compare them with bin/bench/micro-base.txt, a copy of an earlier micro.txt.
	@mkdir -p $(BIN)/bench
	@go test -run '^$$' -bench . -count 6 $(TEST_FLAGS) $(MICRO_PACKAGES) > $(BIN)/bench/micro.txt || { cat $(BIN)/bench/micro.txt; exit 1; }
	@$(TOOL) benchstat $(wildcard $(BIN)/bench/micro-base.txt) $(BIN)/bench/micro.txt

.PHONY: test-e2e-app
test-e2e-app: ## Test the program that the end-to-end tests run.
	@$(TESTREPORT) -C test/e2e/app $(TEST_FLAGS) ./...

e2e = KUBECONFIG=$(BIN)/e2e/kubeconfig KUBECTL='$(KUBECTL)' $(TESTREPORT) -timeout=60m ./test/e2e $(TEST_FLAGS)
loads = || result=$$?; cat $(BIN)/e2e/load.txt; exit $${result:-0}

.PHONY: test-e2e
test-e2e: $(HELM) e2e-image ## Run the end-to-end tests against the kind cluster of `make kind-up`.
	@hack/e2e/up '$(KIND_CLUSTER)'
	@$(e2e) $(loads)

.PHONY: test-e2e-short
test-e2e-short: e2e-image ## Run those of them that the gate runs: the ones labeled so.
	@hack/e2e/up '$(KIND_CLUSTER)' short
	@$(e2e) -ginkgo.label-filter=gate $(loads)

.PHONY: e2e-image
e2e-image: docker-build kind-load
	@[ '$(IMG)' = ghcr.io/appstack-dev/appstack:latest ] || { echo 'the suite installs the default IMG: leave it out' >&2; exit 1; }

$(REGISTRY): $(wildcard hack/registry/*.go) hack/registry/go.mod hack/registry/go.sum
	@cd hack/registry && go build -o $@ .

.PHONY: bench
bench: ## Compare AppStack with other ways to deploy, on separate control planes: hours; with SCALE=short less.
	@hack/controlplane/assets cluster >/dev/null
	@go build -ldflags '-s -w' -o $(BIN)/bench/manager ./cmd
	@$(TESTREPORT) -C test/bench ./...
	@cd test/bench && go build -o $(BIN)/bench/bench .
	@$(BIN)/bench/bench -root '$(ROOT)' -scale '$(SCALE)' -only '$(MEASURES)'

##@ Local control plane

.PHONY: cluster
cluster: ## Start a whole control plane with simulated nodes; its kubeconfig is bin/kubeconfig.
	@hack/cluster/up

.PHONY: cluster-down
cluster-down: ## Stop it and remove its data.
	@hack/cluster/down

##@ A cluster of kind

.PHONY: kind-up
kind-up: ## Create the kind cluster KIND_CLUSTER, with two workers, and make it the current one.
	@if $(KIND) get clusters 2>/dev/null | grep -qxF '$(KIND_CLUSTER)'; then \
		$(KIND) export kubeconfig --name '$(KIND_CLUSTER)'; \
	else \
		$(KIND) create cluster --name '$(KIND_CLUSTER)' --config hack/kind/cluster.yaml --wait 3m \
			$(if $(KIND_IMAGE),--image '$(KIND_IMAGE)'); \
	fi

.PHONY: kind-load
kind-load: ## Load the image IMG into the nodes of the kind cluster.
	@$(KIND) load docker-image '$(IMG)' --name '$(KIND_CLUSTER)'

.PHONY: kind-load-samples
kind-load-samples: ## Load the image of config/samples into the nodes, where they cannot pull it.
	@hack/kind/samples '$(KIND_CLUSTER)'

.PHONY: kind-down
kind-down: ## Delete the kind cluster.
	@$(KIND) delete cluster --name '$(KIND_CLUSTER)'

##@ Build

.PHONY: build
build: ## Build the operator: bin/manager.
	@go build -ldflags '$(LDFLAGS)' -o $(BIN)/manager ./cmd

.PHONY: plugin
plugin: ## Build the kubectl plugin and its completions: bin/kubectl-appstack.
	@go build -ldflags '$(LDFLAGS)' -o $(BIN)/kubectl-appstack ./cmd/kubectl-appstack
	@cp cmd/kubectl-appstack/kubectl_complete-appstack $(BIN)/

.PHONY: plugin-archives
plugin-archives: ## Build the plugin's archives and its krew manifest for the release VERSION (v0.1.0), into bin/krew.
	@VERSION='$(VERSION)' hack/krew/archives

.PHONY: sbom
sbom: build plugin ## Write the SBOMs of the operator and the plugin (SPDX) into bin/sbom.
	@VERSION='$(VERSION)' hack/sbom/make

.PHONY: reproducible
reproducible: ## Build the operator and the plugin twice, the second time without caches, and compare: some minutes.
	@hack/reproducible -cold

.PHONY: vulncheck
vulncheck: ## Look for known vulnerabilities in the released programs; exit code 75 means that the database could not be read.
	@hack/vulncheck/check

.PHONY: run
run: ## Run the operator on this host against the current kubeconfig.
	@go run ./cmd

.PHONY: docker-build
docker-build: ## Build the image IMG.
	$(CONTAINER_TOOL) build --build-arg VERSION=$(VERSION) \
		--build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) -t $(IMG) .

.PHONY: build-installer
build-installer: $(BIN)/deploy/kustomization.yaml ## Write all manifests for the image IMG into dist/install.yaml.
	@mkdir -p dist
	@$(TOOL) kustomize build $(BIN)/deploy > dist/install.yaml
	@echo dist/install.yaml

##@ Deployment

.PHONY: install
install: ## Install the CRD into the current cluster.
	@$(TOOL) kustomize build config/crd | $(KUBECTL) apply -f -

.PHONY: uninstall
uninstall: ## Remove the CRD, and with it every stack, from the current cluster; its guard must allow it.
	@$(TOOL) kustomize build config/crd | $(KUBECTL) delete --ignore-not-found -f -

.PHONY: deploy
deploy: $(BIN)/deploy/kustomization.yaml ## Deploy the operator with the image IMG into the current cluster.
	@$(TOOL) kustomize build $(BIN)/deploy | $(KUBECTL) apply -f -

.PHONY: undeploy
undeploy: ## Remove the operator from the current cluster; the CRD and its guard, the stacks and their objects stay.
	@mkdir -p $(BIN)/undeploy
	@{ echo 'resources: [../../config/default]'; echo 'patches:'; \
		for kind in CustomResourceDefinition ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding; do \
			printf '%s\n' "- target: {kind: $$kind}" '  patch: |-' '    $$patch: delete' "    kind: $$kind" \
				'    metadata: {name: unused}'; \
		done; } \
		> $(BIN)/undeploy/kustomization.yaml
	@$(TOOL) kustomize build $(BIN)/undeploy | $(KUBECTL) delete --ignore-not-found -f -

.PHONY: helm-deploy
helm-deploy: $(HELM) ## Deploy the Helm chart with the image IMG into the current cluster, and HELM_FLAGS such as --set workers=8.
	@img='$(IMG)'; name="$${img%:*}"; tag="$${img##*:}"; \
		[[ "$$img" == *:* && "$$tag" != */* ]] || { name="$$img"; tag=latest; }; \
		$(HELM) upgrade appstack dist/chart --install --namespace appstack-system --create-namespace \
			--set-string "image.repository=$$name,image.tag=$$tag" $(HELM_FLAGS)

.PHONY: helm-undeploy
helm-undeploy: $(HELM) ## Remove the release of the Helm chart; the CRD, the stacks and their objects stay.
	@$(HELM) uninstall appstack --namespace appstack-system

# config/default with the image IMG. Phony, because IMG is not a file.
.PHONY: $(BIN)/deploy/kustomization.yaml
$(BIN)/deploy/kustomization.yaml:
	@mkdir -p $(@D)
	@img='$(IMG)'; name="$${img%:*}"; tag="$${img##*:}"; \
		[[ "$$img" == *:* && "$$tag" != */* ]] || { name="$$img"; tag=latest; }; \
		printf 'resources:\n- ../../config/default\nimages:\n- name: %s\n  newName: %s\n  newTag: "%s"\n' \
			ghcr.io/appstack-dev/appstack "$$name" "$$tag" > $@
