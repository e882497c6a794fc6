# Everything a newcomer, a developer and CI type. `make` alone says what there is.

GO    ?= go
TOOL  := $(GO) tool -modfile=tools/go.mod
DYNO  := bin/dyno
SCALE ?= full
COMMA := ,
# Without VCS stamps, so that the same sources always give the same binary.
BUILD := -trimpath -buildvcs=false
# Without what only debuggers read, which is a sixth of the compiler's time and which
# the linker would leave out.
LEAN  := $(BUILD) -gcflags=all=-dwarf=false
# What is measured is small: no C library in it, no tracing pages of gRPC's. For
# everything that is compiled, so that it is compiled once.
export CGO_ENABLED := 0
export GOFLAGS := -tags=grpcnotrace

.DEFAULT_GOAL := help
LANES := smoke-balancing smoke-payments smoke-others
.PHONY: help build image kube parquet rivals quick experiments report test smoke $(LANES) race bench lint proto contract soak clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

POSTGRES := /usr/lib/postgresql/15/bin/postgres
PACKAGES := nginx-light haproxy redis-server postgresql etcd-server mawk
# The client of PostgreSQL is a module of its own: nobody else downloads its driver.
RIVALS := $(GO) build -C rivals $(LEAN) -o ../bin/dyno-rivals .

# dyno lets the slim program beside it run the roles if both have the same stamp:
# a hash of all sources that go into either.
SOURCES = find . -type d \( -name .git -o -name testdata -o -path ./out -o -path ./bin -o -path ./results -o -path ./plots -o -path ./tools \
	-o -path ./findings -o -path ./docs \) -prune -o -type f ! -name '*_test.go' ! -name '*.md' ! -name report.html -print0
STAMP = $$($(SOURCES) | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-32)

# Half of what there is to download and to compile is for bin/dyno-whole, which the
# quick run does without. The first build compiles of the standard library what all
# else waits for while modules are downloaded. A compiler does not live long: it
# collects its garbage only where memory would run short.
FEW := GOGC=off GOMEMLIMIT=1GiB
PROGRAMS = mkdir -p bin; stamp=$(STAMP); echo "$(GO) build -o bin/ $(1)"; \
	test -e bin/dyno || { $(FEW) $(GO) build $(LEAN) net crypto/x509 encoding/json & $(GO) list -deps $(1) >/dev/null; wait; }; \
	$(FEW) $(GO) build $(LEAN) -ldflags "-s -w" -tags grpcnotrace,sources_$$stamp -o bin/ $(1)

build: ## bin/dyno with dyno-role, dyno-large and dyno-whole, which it finds beside it, and dyno-rivals where PostgreSQL is installed
	@$(call PROGRAMS,./cmd/...)
	@if test -x $(POSTGRES); then $(RIVALS); fi

parquet: ## bin/dyno-parquet, by which dyno export writes Parquet
	$(GO) build -C tools/parquet $(LEAN) -o ../../bin/dyno-parquet .

IMAGE ?= localhost/dyno:latest

image: ## out/image.tar, an OCI image (static, without a shell) called IMAGE=..., written without Docker; prints its digest
	@mkdir -p out/image
	@stamp=$(STAMP); for program in dyno dyno-role dyno-large dyno-whole; do \
		$(GO) build $(LEAN) -ldflags "-s -w" -tags grpcnotrace,sources_$$stamp -o out/image/$$program ./cmd/$$program || exit 1; done
	@$(GO) run -C tools ./image -name $(IMAGE) -o ../out/image.tar ../out/image/dyno ../out/image/dyno-role ../out/image/dyno-large ../out/image/dyno-whole

KUBE_PACKAGES := containerd runc containernetworking-plugins etcd-server
KUBE_BUILD := env GOFLAGS= $(GO) build -C tools/kube $(BUILD)
KUBE_VERSION := -s -w -X k8s.io/component-base/version.gitVersion=v1.36.3

kube: build ## a real Kubernetes of two nodes on this machine: see test-kube, which needs it (the build takes minutes)
	@dpkg -s $(KUBE_PACKAGES) >/dev/null 2>&1 || apt-get install -y --no-install-recommends $(KUBE_PACKAGES)
	$(KUBE_BUILD) -ldflags "$(KUBE_VERSION)" -o ../../bin/kube .
	@mkdir -p out/image
	$(KUBE_BUILD) -ldflags "-s -w" -o ../../out/image/pause ./pause
	@$(GO) run -C tools ./image -name localhost/pause:1 -o ../out/pause.tar ../out/image/pause
	@$(MAKE) --no-print-directory image IMAGE=localhost/dyno:1

.PHONY: test-kube
test-kube: kube ## (root) dyno deploy k8s on that cluster; outside CI
	env GOFLAGS= $(GO) test -C tools/kube -count 1 -v -timeout 20m ./cluster

rivals: build ## what others made, beside our own: installs it (Debian), says what is there, measures
	@dpkg -s $(PACKAGES) >/dev/null 2>&1 || apt-get install -y $(PACKAGES)
	$(RIVALS)
	$(DYNO) doctor
	$(DYNO) run --scale $(SCALE) lb-rivals lb-rival-faults 2pc-peer standby-peers standby-sentinel standby-quorum branch-peers mr-peers load-honesty

quick: ## flagship experiments in about a minute -> out/quick/REPORT.md
	@$(call PROGRAMS,./cmd/dyno ./cmd/dyno-role ./cmd/dyno-large)
	$(DYNO) run --scale quick

experiments: build ## all experiments -> results/, plots/, REPORT.md (SCALE=full, or deep)
	$(DYNO) run --scale $(SCALE)

report: build ## draw plots and REPORT.md again from results/; measures nothing
	$(DYNO) report

# Most of a test of processes is waiting for them, so more of them than there are
# processors are run at once.
AT_ONCE = $$((2 * $$(nproc)))

test: lint ## lint, import rules, tests, a smoke run of every experiment (what CI runs)
	$(GO) test -vet=off -timeout 8m -p $(AT_ONCE) ./... # lint has vetted
	$(GO) test -C rivals -vet=off ./...
	$(MAKE) --no-print-directory smoke

# The smoke run proves no figure, so its trials may disturb each other: they are
# measured in lanes beside one another, since most of a trial is waiting. A wrong
# answer fails it, a trial without a result, a control that is missed; not a trial
# that proved nothing, since the machine is busy.
NAMES := $(patsubst experiments/%.yaml,%,$(wildcard experiments/*.yaml))
BALANCING := $(filter-out lb-controls lb-staleness,$(filter lb-% byzantine-%,$(NAMES)))
PAYMENTS := $(filter 2pc-% standby-% offline-queue knee lb-controls,$(NAMES))
OTHERS := $(filter-out load-honesty negative-control $(BALANCING) $(PAYMENTS),$(NAMES))

SMOKE = @mkdir -p out/smoke/$@; echo "$(DYNO) run $(1)"; \
	$(DYNO) run --scale quick --blocks 1 --out out/smoke/$@ $(1) >out/smoke/$@/said.txt; code=$$?; cat out/smoke/$@/said.txt; \
	[ $$code = 0 ] || { [ $$code = 1 ] && grep -q ', 0 invalid, .* 0 without' out/smoke/$@/said.txt && ! grep -q '[1-9][0-9]* missed' out/smoke/$@/said.txt; }

smoke: build ## one block of every experiment, and a report that matches it
	@rm -rf out/smoke
	@$(MAKE) --no-print-directory -j3 --output-sync=target $(LANES)
	$(DYNO) report --check

smoke-balancing:
	$(call SMOKE,--yardsticks=false $(BALANCING))
	$(DYNO) report --check --out out/smoke/$@

smoke-payments:
	$(call SMOKE,--yardsticks=false $(PAYMENTS))

# Yardsticks are measured once: they take longer than many an experiment.
smoke-others:
	$(call SMOKE,--yardsticks=false $(OTHERS))
	$(call SMOKE,--yardsticks=false load-honesty --only driver=open$(COMMA)ghz-async --only stall=500ms)
	$(call SMOKE,negative-control)

race: ## tests under the race detector
	CGO_ENABLED=1 $(GO) test -race -timeout 20m ./...

bench: ## micro-benchmarks in Go's benchmark format, for benchstat
	$(GO) test -run '^$$' -bench . -benchmem ./...

lint: ## formatting, vet, modern idioms, staticcheck, modules, generated code
	$(GO) build -C tools -o ../bin/lint ./lint
	bin/lint ./...
	cd rivals && $(GO) vet ./...
	$(GO) mod tidy -diff
	$(GO) mod tidy -C rivals -diff
	$(GO) run -C tools ./protogen -check ../proto

proto: ## generate the Go code beside every .proto
	$(GO) run -C tools ./protogen ../proto

contract: build ## what programs owe that stand in for roles -> docs/contract
	for page in docs/contract/*.md; do bin/dyno contract $$(basename $$page .md) > $$page; done

soak: ## the randomised and process tests, many times over, under the race detector
	$(GO) test -C tools/parquet ./...
	DYNO_INTERRUPTIONS=200 $(GO) test -timeout 30m -count 1 -v -run Interrupted ./internal/cli
	DYNO_LADDERS=all $(GO) test -timeout 30m -count 1 -v -run OwnLadders ./internal/cli
	DYNO_COMPARISONS=10 $(GO) test -timeout 60m -count 1 -v -run 'TestComparisons$$' ./internal/cli
	DYNO_LARGE_MB=2000 $(GO) test -timeout 30m -count 1 -v -run 'TestLargeInput$$' ./systems/mapreduce
	DYNO_SEEDS=2000 $(GO) test -timeout 30m -count 1 -v -run 'TestSimulatedFaults$$' ./systems/lookaside/simulator
	DYNO_SEEDS=100000 $(GO) test -timeout 60m -count 1 -v -run 'TestSync$$|TestAsync$$|TestNoWitness$$' ./systems/standby/core
	DYNO_SEEDS=1000000 $(GO) test -timeout 600m -count 1 -v -run 'TestHunt$$' ./systems/strife/simulator
	DYNO_SEEDS=20000 $(GO) test -timeout 30m -count 1 -v -run 'TestHunt$$' ./systems/sessionbank/check
	DYNO_SEEDS=20000 $(GO) test -timeout 30m -count 1 -v -run 'TestHunt$$' ./systems/strife/core/outbox
	DYNO_SOAK=1 $(GO) test -timeout 30m -count 1 -v -run 'TestKilled|TestFailingDisk' ./systems/strife/server
	DYNO_PAYMENTS=1000000 $(GO) test -timeout 30m -count 1 -v -run 'TestManyFinishedPayments$$' ./systems/strife/server
	$(GO) run ./cmd/dyno strife demo --soak 30m
	DYNO_SOAK=ground $(GO) test -timeout 30m -count 1 -v ./internal/wrong
	DYNO_SOAK=1 $(GO) test -timeout 30m -count 1 -v -run 'TestKit' ./internal/cli
	DYNO_SOAK=1 $(GO) test -timeout 30m -count 1 -v -run 'TestTutorial' ./internal/arch
	DYNO_OUTSIDE=1 $(GO) test -timeout 30m -count 1 -v -run 'TestGoGreeter$$' ./systems/target
	DYNO_SOAK=1 $(GO) test -timeout 30m -count 1 -v -run 'TestSpoiled$$' ./internal/journal
	DYNO_HISTORIES=all $(GO) test -timeout 30m -count 1 -v ./bench/history
	CGO_ENABLED=1 $(GO) test -race -timeout 60m -count 20 ./bench/... ./systems/...

clean: ## remove what was built and run outside the repository's results
	rm -rf bin out results/raw
