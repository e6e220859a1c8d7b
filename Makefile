# The one entry point for people and CI. "make help" lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# Everything downloaded or built for tests is kept here; delete it to start afresh.
export CAISSON_CACHE ?= $(CURDIR)/.cache
# Which engine the demo runs: oldest or newest.
ENGINE ?= oldest
# How long "make fuzz" runs each fuzz target.
FUZZTIME ?= 5m
# What "make plugin" creates, and whether with the host's network: none or host. What "make plugin-push" pushes.
PLUGIN ?= caisson
export NETWORK ?= none
REF ?=
# Where "make install" puts things: below DESTDIR, the program in prefix, systemd's units in unitdir.
export DESTDIR ?=
export prefix ?= /usr/local
export unitdir ?= /etc/systemd/system

GOLANGCI_VERSION := v2.15.0
golangci := $(CAISSON_CACHE)/tools/golangci-lint-$(GOLANGCI_VERSION)

go_dir := $(shell test/engines/need-go 2>/dev/null)
export PATH := $(go_dir):$(PATH)
export GOTOOLCHAIN := local

shell_scripts := .ci/run $(shell grep --files-with-matches --recursive --no-messages '^#!/bin/\(ba\)\?sh' hack packaging test/demo test/engines test/operate test/packaging)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: need-go ## build bin/caisson, static; VERSION= is what "caisson version" says
	hack/build bin/caisson

.PHONY: install
install: bin/stage ## put Caisson in place (DESTDIR, prefix, unitdir); starts nothing, keeps the policy
	bin/stage/install

.PHONY: uninstall
uninstall: ## remove what install put in place, unless dockerd depends on it
	packaging/uninstall

.PHONY: deb
deb: bin/stage ## build a Debian package for this machine, in bin
	hack/deb bin/stage $$(dpkg --print-architecture) bin

.PHONY: release
release: install-tools ## build archives, packages, plugins, bills of materials and checksums, in dist
	hack/release dist

.PHONY: demo
demo: build engine-$(ENGINE) ## see Caisson refuse and permit on a private engine (ENGINE=newest for the other)
	@test/demo/demo $(ENGINE)

.PHONY: demo-shell
demo-shell: build engine-$(ENGINE) ## try docker commands yourself behind Caisson
	@test/demo/demo $(ENGINE) shell

.PHONY: check
check: install-tools lint ## generated files, linters and unit tests
	hack/check-generated
	go vet ./... && cd test && go vet ./...
	CGO_ENABLED=1 go test -race ./... # as "test" does, which then need not do it again

.PHONY: test
test: install-tools engines registry prometheus clair notation ## all tests: unit, short fuzz, and end-to-end on both engines
	CGO_ENABLED=1 go test -race ./...
	hack/fuzz 10s
	$(MAKE) --no-print-directory e2e

.PHONY: e2e
# The tests mostly wait for engines, so more of them at a time than there are cores.
e2e: build engines registry prometheus clair notation ## end-to-end tests on both engines
	cd test && CGO_ENABLED=1 CAISSON_REQUIRE_ENGINE=1 CAISSON_BINARY=$(CURDIR)/bin/caisson go test -race -count=1 -timeout=30m -parallel=8 ./...

.PHONY: fuzz
fuzz: need-go ## run each fuzz target for FUZZTIME (5m)
	hack/fuzz $(FUZZTIME)

.PHONY: bench
bench: need-go engines registry ## measure Caisson beside plugins that decide nothing, for docs/performance.md
	cd test && go run ./bench
	go test -run="^$$" -bench=RoundTrips ./authz/state/docker
	go test -run="^$$" -bench=. ./authz/image ./authz/image/notation ./authz/image/cosign
	cd test && go test -run="^$$" -bench=ImageTrust -benchtime=15x .

.PHONY: profile
profile: need-go ## profile Caisson at work, for the compiler
	go test -run="^$$" -bench=Serve -benchtime=20s -cpuprofile=$(CURDIR)/packaging/caisson.pgo -o /dev/null ./plugin

.PHONY: generate
generate: need-go ## make docs and defaults anew from the rules
	go generate ./...

.PHONY: lint
lint: install-tools ## run the linters
	$(golangci) run ./...
	cd test && $(golangci) run --config ../.golangci.yml ./...
	shellcheck --external-sources $(shell_scripts)

.PHONY: plugin
plugin: build ## create the managed plugin PLUGIN in the engine of DOCKER_HOST (NETWORK=host: with the host's network)
	hack/plugin create $(PLUGIN)

.PHONY: plugin-push
plugin-push: build ## create the managed plugin REF=registry/name:tag and push it
	@[[ -n "$(REF)" ]] || { echo 'say where to: make plugin-push REF=registry.example/caisson:1.0' >&2; exit 2; }
	hack/plugin push $(REF)

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

.PHONY: registry
registry: ## provide a registry, which images are signed in and plugins installed from
	@test/engines/get-registry

.PHONY: notation
notation: need-go ## provide notation, which docs/first-signed-image.md is tried with
	@test/engines/get-notation

.PHONY: prometheus
prometheus: ## provide Prometheus, which tests of metrics and alerts run with
	@test/engines/get-prometheus

.PHONY: clair
clair: need-go ## provide Clair, which tells tests what is in images
	@test/engines/install-tools develop
	@test/engines/get-clair

.PHONY: clean
clean: ## remove what was built, but not the cache
	rm -rf bin dist

# Made anew each time: what is laid out depends on nearly every file.
.PHONY: bin/stage
bin/stage: build
	rm -rf bin/stage
	hack/stage bin/caisson bin/stage

.PHONY: need-go
need-go:
	@test/engines/need-go >/dev/null

$(golangci):
	@hack/install-go-tool $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
