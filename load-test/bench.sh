#!/usr/bin/env bash
# Requests per second of /recommendations beside /health, both kinds of traffic, on the sample or on ARTIFACTS and EVENTS:
#   [ARTIFACTS=folder EVENTS=file.jsonl] [REDIS_URL=redis://...] [K=20] [SLATES_EVERY=1] bash load-test/bench.sh
set -euo pipefail
cd "$(dirname "$0")/.."
bin=target/release work=target/bench port=${PORT:-8099} k=${K:-20}
rm -rf "$work" && mkdir -p "$work"
if [ -z "${ARTIFACTS:-}" ]; then
    ARTIFACTS=$work/artifacts EVENTS=$work/events.jsonl
    "$bin/offline" run --events data/sample/events.csv --items data/sample/items.csv --artifacts "$ARTIFACTS" \
        ${REDIS_URL:+--redis "$REDIS_URL"} 2>/dev/null
    "$bin/offline" ingest --events data/sample/events.csv --out "$EVENTS" --rejects "$work/rejects.jsonl" 2>/dev/null
fi
TANDEM_SERVER__LISTEN="127.0.0.1:$port" TANDEM_ARTIFACTS__PATH="$ARTIFACTS" TANDEM_EVENTS__PATH="$work/events" \
    TANDEM_SLATES__PATH="$work/slates" TANDEM_SLATES__EVERY="${SLATES_EVERY:-1}" \
    TANDEM_STORE__REDIS_URL="${REDIS_URL:-}" TANDEM_LOG__LEVEL=warn TANDEM_SERVER__DRAIN_MS=0 "$bin/online" &
service=$!
trap 'kill "$service" 2>/dev/null; wait "$service" 2>/dev/null || true' EXIT
for traffic in known click-then-ask; do
    until (exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do kill -0 "$service"; sleep 0.1; done
    preload=$([ "$traffic" = known ] && echo 2000 || echo 0)
    "$bin/load-test" run --url "http://127.0.0.1:$port" --events "$EVENTS" --traffic "$traffic" --k "$k" --connections 16 \
        --duration "${SECONDS_EACH:-8}" --warm-up 2 --preload "$preload" --at 0.6 --baseline health
done
