# Every target installs the Debian packages it needs, only where they are absent.
.PHONY: help run build test lint check compile compile-fuzz fuzz bench bench-check libvirt check-libvirt test-vm test-orchestration check-packages test-packages test-programs test-long deb rpm apt yum static footprint sampled packets applications guests top web clean
SHELL := /bin/bash
FUZZ_SECS ?= 4
# The helper for libvirt's domains, wherever it can be built: the same features everywhere are one build for all.
FEATURES = $(shell pkg-config --exists libvirt 2>/dev/null && echo --features libvirt)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

run: build ## build, start the agent with a demonstration configuration (no root), print its datagrams; Ctrl-C ends it
	target/release/hsflowctl demo

build: ## release programs in target/release
	tests/install.sh build
	cargo build --release --locked

test: ## everything, at sizes for 30 minutes on 2 cores
	tests/install.sh build test packages vm
	$(MAKE) --no-print-directory -j2 compile compile-fuzz
	$(MAKE) --no-print-directory check fuzz bench-check check-packages test-vm

# Side by side, because the end of each build keeps one processor only.
compile: lint
	cargo test --locked --no-run --quiet $(FEATURES)

compile-fuzz:
	tests/fuzz.sh build

lint: ## documentation; format and clippy, where this toolchain has them
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --locked
	@if cargo fmt --version >/dev/null 2>&1; then cargo fmt --check; else echo "lint: no rustfmt here, format not checked"; fi
	@if cargo clippy --version >/dev/null 2>&1; then cargo clippy --all-targets --locked $(FEATURES) -- -D warnings; else echo "lint: no clippy here, lints not checked"; fi

check: ## cargo's own tests, more at a time than there are processors: they mostly wait
	RUST_TEST_THREADS=4 cargo test --locked --no-fail-fast $(FEATURES)

libvirt: ## the helper for libvirt's domains, target/release/hsflowd-libvirt; needs libvirt-dev
	tests/install.sh build test
	cargo build --release --locked --features libvirt --bin hsflowd-libvirt

check-libvirt: ## the helper's tests alone, with a libvirtd of their own; part of check where libvirt-dev is
	cargo test --locked --features libvirt --test libvirt -- --test-threads=6 # they mostly wait

deb: ## Debian packages for amd64 and arm64, in target/packages/deb
	tests/install.sh build test packages
	packaging/build amd64 libvirt arm64
	for arch in amd64 arm64; do packaging/deb target/packages/programs/$$arch target/packages/deb || exit 1; done

rpm: ## RPM packages for x86_64 and aarch64, in target/packages/rpm
	tests/install.sh build test packages
	packaging/build amd64 libvirt arm64
	for arch in amd64 arm64; do packaging/rpm target/packages/programs/$$arch target/packages/rpm || exit 1; done

apt: deb ## a signed apt repository of them in target/packages/apt; KEY=a key of your GnuPG keyring
	packaging/apt target/packages/apt "$(KEY)" target/packages/deb/*.deb

yum: rpm ## a signed repository of them for dnf and yum in target/packages/yum; KEY=an RSA key of your GnuPG keyring
	packaging/yum target/packages/yum "$(KEY)" target/packages/rpm/*.rpm

static: ## programs that need no library, for containers and old systems, in target/packages/programs
	tests/install.sh build packages
	packaging/build static-amd64 static-arm64

test-packages: ## the packages of the debug build: contents, lintian, rpmlint, dpkg, apt, rpm and dnf in a copy of this system
	tests/install.sh build test packages
	cargo build --locked $(FEATURES) --bins
	tests/packages.sh

check-packages: ## the short form of test-packages: made once, looked through, installed and purged
	cargo build --locked $(FEATURES) --bins
	tests/packages.sh --quick

test-programs: ## release programs of packages and of `make static`: what they run on, that they run, that they are the same built elsewhere
	tests/install.sh build test packages
	packaging/build amd64 libvirt static-amd64 arm64 static-arm64
	tests/packages/programs amd64 static-amd64 arm64 static-arm64
	tests/packages.sh target/packages/programs/amd64
	tests/packages/reproduced static-amd64
	benches/footprint/footprint --idle --agent target/packages/programs/static-amd64/hsflowd

fuzz: ## every fuzz target for FUZZ_SECS, from the stored corpus
	tests/fuzz.sh $(FUZZ_SECS)

bench: ## benchmarks, measured
	cargo bench --locked --bench '*'

bench-check: ## benchmarks, each run once
	cargo test --locked $(FEATURES) --bench '*'
	cargo build --locked $(FEATURES) --bins
	benches/footprint/footprint --quick --agent target/debug/hsflowd
	benches/packets/packets --quick --agent target/debug/hsflowd
	benches/applications/applications --quick --agent target/debug/hsflowd
	benches/guests/guests --quick --agent target/debug/hsflowd

test-vm: ## the service and the kernel's devices, each test in a fresh Debian machine
	tests/install.sh build vm
	cargo build --locked $(FEATURES) --bins
	cargo test --locked $(FEATURES) --no-run --test packets --test policy --test ebpf --test guests_systemd --test guests_cgroup
	tests/vm/run

test-orchestration: ## the Ansible role, the Puppet module and the DNS zone, each in a Debian with systemd of its own
	tests/install.sh build orchestration
	cargo build --locked $(FEATURES) --bins
	tests/orchestration.sh

test-long: ## the full sizes (hours); writes tests/RESULTS.md, to be committed
	tests/install.sh build test packages vm orchestration
	tests/long.sh

footprint: build ## processor time, wake-ups and memory of a running agent, beside a floor
	tests/install.sh test
	benches/footprint/footprint

sampled: build ## what it costs a running agent that tc samples each of 4,000 ports, in a machine
	tests/install.sh vm
	benches/footprint/sampled

packets: build ## what packet sampling costs in a running agent, beside a floor
	tests/install.sh test
	benches/packets/packets

applications: build ## what the JSON messages of applications cost in a running agent, beside a floor
	tests/install.sh test
	benches/applications/applications

guests: build ## what containers and services cost in a running agent and in the engine, beside a floor
	tests/install.sh test
	benches/guests/guests

top: build ## what hsflowctl top costs on a screen, beside what is promised
	tests/install.sh test
	benches/top/top

web: ## the page of hsflowctl web, web/page.html, of web/src; needs npm, to be committed
	cd web && npm ci --no-audit --no-fund --ignore-scripts && node node_modules/esbuild/install.js && node build.mjs

clean: ## remove what was built here (not the machines in ~/.cache/hsflowd-vmrig)
	cargo clean
	rm -rf tests/fuzz/target
