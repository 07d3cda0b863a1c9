# The few verbs. `make demo` and `make test` work on a fresh machine with Rust and a C compiler.

CARGO ?= cargo
RELEASE = target/release

.PHONY: demo demo-score serve test test-mlflow check bench fuzz build tools

SECONDS ?= 60

demo:                  ## build, train on the sample, serve, show the loop closing; serves until Ctrl-C
	@bash data/demo.sh

demo-score:            ## a model of rows: train on a bank's calls, score a file, serve, explain; serves until Ctrl-C
	@bash data/demo-score.sh

serve: build           ## serve artifacts/ on 127.0.0.1:8080; trains on the sample first where nothing is published
	@$(RELEASE)/offline run --unless-published --events data/sample/events.csv --items data/sample/items.csv
	@$(RELEASE)/online

build:
	$(CARGO) build --release --workspace --bins

test: tools check      ## everything CI runs
	$(CARGO) test --workspace

check:                 ## formatting, lints, docs, container files, dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps
	@if command -v python3 >/dev/null; then python3 .ci/lint-containers; else echo "skipped: container files (no python3)"; fi
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny check bans licenses sources; else echo "skipped: dependencies (no cargo-deny)"; fi

test-mlflow:           ## the test with a real MLflow server, which it installs into target/
	@command -v target/mlflow/bin/mlflow >/dev/null || (python3 -m venv target/mlflow && target/mlflow/bin/pip install --quiet mlflow)
	TANDEM_TEST_MLFLOW=$(CURDIR)/target/mlflow/bin/mlflow $(CARGO) test -p offline --test main mlflow::

bench: build           ## requests per second beside /health, both kinds of traffic
	@bash load-test/bench.sh

fuzz:                  ## every fuzz target for SECONDS=60 each; needs nightly and cargo-fuzz, see fuzz/README.md
	@bash fuzz/run.sh $(SECONDS)

tools:                 ## the tests start their own redis-server and prometheus; here they are installed where that is allowed
	@bash .ci/install-tools
