# make help lists the targets.
SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LDFLAGS  := -X main.version=$(VERSION) -X main.revision=$(REVISION)

# How long each fuzz target and the differential test run in make fuzz.
FUZZTIME ?= 60s
# Versions of PostgreSQL in make test-matrix.
MATRIX ?= 14 18
# Where make bench writes its figures.
RESULTS ?= bench/results

GOLANGCI_VERSION := 2.15.0
CACHE := $(CURDIR)/.cache
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64

# Tests of a package wait for a server of their own; with a server a package,
# more packages at a time than this only slow each other down.
TEST_PARALLEL ?= 2
TEST_FLAGS    ?=

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## start a Postgres, play workflows with failures, follow them; ends with Ctrl-C or after DEMO_SECONDS
	bin/tasker-sidecar demo

.PHONY: build
build: ## build bin/tasker-sidecar
	go build -ldflags '$(LDFLAGS)' -o bin/tasker-sidecar ./sidecar

.PHONY: test
test: ## run all tests, on a Postgres that they find or start themselves
	build/install-clients
	go test -p $(TEST_PARALLEL) -timeout 30m $(TEST_FLAGS) ./...

.PHONY: test-race
test-race: ## run all tests under the race detector
	go test -race -p $(TEST_PARALLEL) -timeout 60m $(TEST_FLAGS) ./...

.PHONY: test-matrix
test-matrix: ## run the golden and differential tests on other versions of Postgres (MATRIX="14 18")
	build/test-matrix $(MATRIX)

.PHONY: models
models: ## check the models of docs/models with spin
	build/install-clients
	go test -count=1 ./docs/models

.PHONY: lint
lint: ## check formatting, go vet (also for macOS) and golangci-lint
	@files=$$(git ls-files '*.go' | xargs gofmt -l); \
		if [ -n "$$files" ]; then echo "not formatted, run gofmt -w:" $$files >&2; exit 1; fi
	go vet ./...
	GOOS=darwin go vet ./...
	"$$(build/golangci-lint $(GOLANGCI_VERSION) $(CACHE)/bin)" run ./...

.PHONY: fuzz
fuzz: ## run every fuzz target and the differential tests for FUZZTIME each
	build/fuzz $(FUZZTIME)

.PHONY: bench
bench: build ## measure against the baselines; figures go to RESULTS as JSON
	mkdir -p $(RESULTS)
	bin/tasker-sidecar bench --json $(RESULTS)/claim.json
	bin/tasker-sidecar bench --suite follow --json $(RESULTS)/follow.json
	bin/tasker-sidecar bench --suite rows --json $(RESULTS)/rows.json
	bin/tasker-sidecar bench --suite write --json $(RESULTS)/write.json
	bin/tasker-sidecar bench --suite shapes --json $(RESULTS)/shapes.json

.PHONY: bench-quick
bench-quick: build ## compare all answers, and print in a minute what would be measured
	bin/tasker-sidecar bench --quick

.PHONY: bench-held
bench-held: build ## measure what 15 minutes of somebody's open transaction do to the rows
	mkdir -p $(RESULTS)
	bin/tasker-sidecar bench --suite held --json $(RESULTS)/held.json

.PHONY: readme-figures
readme-figures: ## write the figures of bench/results into README.md
	go test -count=1 ./bench/figures -run ReadmeIsCurrent -update

# How long make soak runs.
SOAK ?= 10m

.PHONY: soak
soak: build ## follow, project and compare under load for SOAK: does anything grow?
	bin/tasker-sidecar bench soak --duration $(SOAK)

.PHONY: release
release: ## build static binaries, a container file and checksums in dist/
	rm -rf dist && mkdir dist
	set -e; for platform in $(PLATFORMS); do \
		os=$${platform%/*} arch=$${platform#*/}; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -tags timetzdata -ldflags '-s -w $(LDFLAGS)' \
			-o dist/tasker-sidecar-$$os-$$arch ./sidecar; \
	done
	cp build/Containerfile LICENSE dist/
	cd dist && { if command -v sha256sum >/dev/null; then sha256sum *; else shasum -a 256 *; fi; } >../SHA256SUMS.new
	mv SHA256SUMS.new dist/SHA256SUMS

.PHONY: generate
generate: ## write generated files anew (documentation among them)
	go generate ./...

.PHONY: clean
clean: ## remove what the other targets built, the cache of tools too
	rm -rf bin dist .cache
