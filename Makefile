# The one entry point for people and CI. "make help" lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# Everything downloaded or built for tests is kept here; delete it to start afresh.
export CAISSON_CACHE ?= $(CURDIR)/.cache
# Which engine the demo runs: oldest or newest.
ENGINE ?= oldest
# How long "make fuzz" runs each fuzz target.
FUZZTIME ?= 5m
# What "caisson version" says.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
# What "make plugin" creates.
PLUGIN ?= caisson

GOLANGCI_VERSION := v2.15.0
golangci := $(CAISSON_CACHE)/tools/golangci-lint-$(GOLANGCI_VERSION)

go_dir := $(shell test/engines/need-go 2>/dev/null)
export PATH := $(go_dir):$(PATH)
export GOTOOLCHAIN := local

shell_scripts := .ci/run $(shell grep --files-with-matches --recursive --no-messages '^#!/bin/bash' hack test/demo test/engines test/operate)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: need-go ## build bin/caisson, static
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/caisson ./cmd/caisson

.PHONY: demo
demo: build engine-$(ENGINE) ## see Caisson refuse and permit on a private engine (ENGINE=newest for the other)
	@test/demo/demo $(ENGINE)

.PHONY: demo-shell
demo-shell: build engine-$(ENGINE) ## try docker commands yourself behind Caisson
	@test/demo/demo $(ENGINE) shell

.PHONY: check
check: install-tools lint ## generated files, linters and fast tests
	hack/check-generated
	go vet ./... && cd test && go vet ./...
	CGO_ENABLED=1 go test -race -short ./...

.PHONY: test
test: install-tools engines ## all tests: unit, short fuzz, and end-to-end on both engines
	CGO_ENABLED=1 go test -race ./...
	hack/fuzz 10s
	$(MAKE) --no-print-directory e2e

.PHONY: e2e
# The tests mostly wait for engines, so more of them at a time than there are cores.
e2e: build engines ## end-to-end tests on both engines
	cd test && CGO_ENABLED=1 CAISSON_REQUIRE_ENGINE=1 CAISSON_BINARY=$(CURDIR)/bin/caisson go test -race -count=1 -parallel=8 ./...

.PHONY: fuzz
fuzz: need-go ## run each fuzz target for FUZZTIME (5m)
	hack/fuzz $(FUZZTIME)

.PHONY: bench
bench: need-go ## measure Caisson beside plugins that decide nothing, for docs/performance.md
	cd test && go run ./bench
	go test -run="^$$" -bench=RoundTrips ./authz/state/docker

.PHONY: generate
generate: need-go ## make docs and defaults anew from the rules
	go generate ./...

.PHONY: lint
lint: install-tools ## run the linters
	$(golangci) run ./...
	cd test && $(golangci) run --config ../.golangci.yml ./...
	shellcheck --external-sources $(shell_scripts)

.PHONY: plugin
plugin: build ## create the managed plugin in the engine of DOCKER_HOST
	hack/plugin $(PLUGIN)

.PHONY: install-tools
install-tools: need-go ## install what builds and tests need: Debian packages, golangci-lint
	@test/engines/install-tools develop
	@$(MAKE) --no-print-directory $(golangci)

.PHONY: engines
engines: engine-oldest engine-newest ## provide both Docker Engines that tests run on

.PHONY: engine-oldest
engine-oldest:
	@test/engines/install-tools run
	@test/engines/get-oldest
	@test/engines/seed oldest

.PHONY: engine-newest
engine-newest: need-go
	@test/engines/install-tools develop
	@test/engines/get-newest
	@test/engines/seed newest

.PHONY: clean
clean: ## remove what was built, but not the cache
	rm -rf bin

.PHONY: need-go
need-go:
	@test/engines/need-go >/dev/null

$(golangci):
	@hack/install-golangci-lint $(GOLANGCI_VERSION)
