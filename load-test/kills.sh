#!/usr/bin/env bash
# Kills the service KILLS times while events are posted to it, and looks for each acknowledged event afterwards: in the log,
# exactly once in the histories, and once in what the batch reads. On the sample, or on ARTIFACTS, with Redis or without:
#   [KILLS=100] [ARTIFACTS=folder] [REDIS_URL=redis://...] [PORT=8098] bash load-test/kills.sh
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${BIN:-target/release} work=${WORK:-target/kills} port=${PORT:-8098} kills=${KILLS:-100}
rm -rf "$work" && mkdir -p "$work"
if [ -z "${ARTIFACTS:-}" ]; then
    ARTIFACTS=$work/artifacts
    "$bin/offline" run --events data/sample/events.csv --items data/sample/items.csv --artifacts "$ARTIFACTS" 2>/dev/null
fi
start() {
    TANDEM_SERVER__LISTEN="127.0.0.1:$port" TANDEM_ARTIFACTS__PATH="$ARTIFACTS" TANDEM_EVENTS__PATH="$work/events" \
        TANDEM_SLATES__PATH="$work/slates" TANDEM_MODELS__ROWS="$work/rows" \
        TANDEM_STORE__REDIS_URL="${REDIS_URL:-}" TANDEM_LOG__LEVEL=error "$bin/online" &
    service=$!
    until curl --silent --fail --output /dev/null "http://127.0.0.1:$port/health"; do kill -0 "$service"; sleep 0.02; done
}
stop() { kill -9 "$service"; wait "$service" 2>/dev/null || true; }
start
trap 'kill -9 "$service" ${stream:-} 2>/dev/null || true' EXIT
# It posts until all are acknowledged, which takes longer than the kills.
"$bin/load-test" stream --url "http://127.0.0.1:$port" --events-total $((kills * 60)) --users $kills --rate 100 \
    --log "$work/acknowledged.jsonl" &
stream=$!
for _ in $(seq "$kills"); do
    sleep "0.$((RANDOM % 20 + 10))"
    stop
    start
done
wait "$stream"
"$bin/load-test" audit --url "http://127.0.0.1:$port" --log "$work/acknowledged.jsonl" --event-log "$work/events"
stop
"$bin/offline" ingest --events "$work/events" --out "$work/ingested.jsonl" --rejects "$work/rejects.jsonl" 2>/dev/null
acknowledged=$(wc -l < "$work/acknowledged.jsonl") read=$(wc -l < "$work/ingested.jsonl")
[ "$acknowledged" = "$read" ] || { echo "BROKEN: $acknowledged events acknowledged, the batch reads $read"; exit 1; }
echo "kept: $kills kills, the batch reads each of $read acknowledged events once"
