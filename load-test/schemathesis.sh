#!/usr/bin/env bash
# Sends the service what /openapi.json allows and what it does not, and compares every answer with it: no 5xx, no status,
# content type or field that is not described, nothing accepted that is described as wrong. Once without API keys, once with.
#   [CASES=100] [SEED=1] [ARTIFACTS=folder] [PORT=8097] bash load-test/schemathesis.sh
# CASES: random requests a call. Needs schemathesis 4 (`pip install schemathesis`; SCHEMATHESIS=path) and curl.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${BIN:-target/release} work=${WORK:-target/schemathesis} port=${PORT:-8097} tester=$(command -v "${SCHEMATHESIS:-schemathesis}" || true)
[ -n "$tester" ] || { echo "skipped: the OpenAPI description (no schemathesis)"; exit 0; }
rm -rf "$work" && mkdir -p "$work"
if [ -z "${ARTIFACTS:-}" ]; then
    ARTIFACTS=$work/artifacts loans=shared/tests/golden/loans
    "$bin/offline" run --events data/sample/events.csv --items data/sample/items.csv --artifacts "$ARTIFACTS" >/dev/null 2>&1
    "$bin/offline" score train --config $loans/model.toml --data $loans/rows.csv --artifacts "$ARTIFACTS" >/dev/null 2>&1
fi
"$bin/online" keys new --name tester --scopes read,write,admin >"$work/keys.toml" 2>"$work/key"
key=$(grep -o 'tandem_[0-9a-f]*' "$work/key")
trap 'kill "${service:-}" 2>/dev/null || true' EXIT
# check NAME [KEYS]: starts the service, with a file of keys or without, and compares.
check() {
    TANDEM_SERVER__LISTEN="127.0.0.1:$port" TANDEM_ARTIFACTS__PATH="$ARTIFACTS" TANDEM_EVENTS__PATH="$work/$1" TANDEM_AUTH__KEYS="${2:-}" \
        TANDEM_SLATES__PATH="$work/$1-slates" TANDEM_SERVED__PATH="$work/$1-served" TANDEM_MODELS__ROWS="$work/$1-rows" \
        TANDEM_SERVER__DRAIN_MS=0 TANDEM_LOG__LEVEL=warn "$bin/online" 2>"$work/$1.log" &
    service=$!
    until curl --silent --fail --output /dev/null "http://127.0.0.1:$port/ready"; do kill -0 "$service"; sleep 0.1; done
    curl --silent --fail --header "X-API-Key: $key" --output "$work/openapi.json" "http://127.0.0.1:$port/openapi.json"
    # What is described as right may be refused: no schema can say what a filter, a time or a category of this shop is.
    # It leaves what it has tried in the folder that it runs in.
    (cd "$work" && "$tester" run openapi.json --url "http://127.0.0.1:$port" ${2:+--header "X-API-Key: $key"} --checks all \
        --exclude-checks positive_data_acceptance --phases examples,coverage,fuzzing --max-examples "${CASES:-100}" \
        --seed "${SEED:-1}" --continue-on-failure --warnings off)
    kill "$service" && wait "$service" || true
    ! grep -E 'ERROR|panic' "$work/$1.log" || { echo "the log has errors"; exit 1; }
}
check open
check keys "$work/keys.toml"
