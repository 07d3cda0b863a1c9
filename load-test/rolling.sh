#!/usr/bin/env bash
# Two replicas on one Redis behind haproxy: they must answer alike, be restarted one after the other ROUNDS times and change
# their version SWAPS times under load, without a failed request. Needs redis-server and haproxy.
#   [ROUNDS=3] [SWAPS=50] [RATE=300] [PORT=8090] bash load-test/rolling.sh
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${BIN:-target/release} work=${WORK:-target/rolling} port=${PORT:-8090}
rounds=${ROUNDS:-3} swaps=${SWAPS:-50} rate=${RATE:-300}
proxy=$port first=$((port + 1)) second=$((port + 2)) redis=$((port + 3)) load= haproxy= store=
rm -rf "$work" && mkdir -p "$work"
declare -A replica
trap 'kill "${replica[@]}" $load $haproxy $store 2>/dev/null || true' EXIT

redis-server --port "$redis" --bind 127.0.0.1 --save "" --dir "$work" >"$work/redis.log" & store=$!
until redis-cli -p "$redis" ping >/dev/null 2>&1; do kill -0 "$store"; sleep 0.05; done
url=redis://127.0.0.1:$redis/
batch() { "$bin/offline" "$@" --artifacts "$work/artifacts" 2>>"$work/batch.log"; }
for factors in 32 40; do
    TANDEM_ALS__FACTORS=$factors batch run --events data/sample/events.csv --items data/sample/items.csv --redis "$url" --no-gate >/dev/null
done
versions=("$work"/artifacts/v*)

start() { # start PORT: a replica with a log of its own; returns when it is ready
    TANDEM_SERVER__LISTEN="127.0.0.1:$1" TANDEM_SERVER__DRAIN_MS=2000 TANDEM_ARTIFACTS__PATH="$work/artifacts" \
        TANDEM_ARTIFACTS__POLL_MS=100 TANDEM_EVENTS__PATH="$work/events" TANDEM_EVENTS__REPLICA="$1" \
        TANDEM_SLATES__PATH="$work/slates" TANDEM_STORE__REDIS_URL="$url" TANDEM_LOG__LEVEL=warn "$bin/online" 2>>"$work/$1.log" &
    replica[$1]=$!
    until curl -sf -o /dev/null "http://127.0.0.1:$1/ready"; do kill -0 "${replica[$1]}"; sleep 0.05; done
}
start "$first"
start "$second"
cat >"$work/haproxy.cfg" <<CONFIG
defaults
    mode http
    timeout connect 1s
    timeout client 75s
    timeout server 10s
frontend shop
    bind 127.0.0.1:$proxy
    default_backend replicas
backend replicas
    option httpchk GET /ready
    default-server check inter 200ms fall 1 rise 1
    server first 127.0.0.1:$first
    server second 127.0.0.1:$second
CONFIG
haproxy -f "$work/haproxy.cfg" >"$work/haproxy.log" 2>&1 & haproxy=$!
until curl -sf -o /dev/null "http://127.0.0.1:$proxy/ready"; do kill -0 "$haproxy"; sleep 0.05; done
"$bin/offline" ingest --events data/sample/events.csv --out "$work/events.jsonl" 2>>"$work/batch.log" >/dev/null

alike() { # the same slates from both, for every 20th user
    slate() { curl -sf "http://127.0.0.1:$1/recommendations?user_id=$2&k=20" | sed 's/"recommendation_id":"[^"]*",//'; }
    local asked=0
    for user in $(grep -o '"visitorid":"[^"]*"' "$work/events.jsonl" | cut -d'"' -f4 | sort -u | awk 'NR % 20 == 0'); do
        [ "$(slate "$first" "$user")" = "$(slate "$second" "$user")" ] || { echo "BROKEN: they differ for $user"; exit 1; }
        asked=$((asked + 1))
    done
    echo "kept: both replicas gave the same slates to $asked users"
}
alike

under_load() { # under_load NAME SECONDS COMMAND...: a mixed load at the proxy while the command runs
    local name=$1 seconds=$2 code=0
    "$bin/load-test" run --url "http://127.0.0.1:$proxy" --traffic mixed --events "$work/events.jsonl" --rate "$rate" \
        --connections 64 --duration "$seconds" --warm-up 0 --max-error-share 0 >"$work/$name.txt" & load=$!
    shift 2
    "$@"
    kill -0 "$load" 2>/dev/null || { echo "BROKEN: the load ended before $name"; exit 1; }
    wait "$load" || code=$?
    tail -n +2 "$work/$name.txt"
    [ "$code" = 0 ] || exit "$code"
}
restarts() {
    for _ in $(seq "$rounds"); do
        for one in "$first" "$second"; do
            kill "${replica[$one]}"
            wait "${replica[$one]}"
            start "$one"
            # The proxy has to see it before the other may go.
            sleep 0.6
        done
    done
}
swap() {
    for number in $(seq "$swaps"); do
        batch publish --version "$(basename "${versions[number % 2]}")" --redis "$url" >/dev/null
        for one in "$first" "$second"; do
            until curl -sf "http://127.0.0.1:$one/model/metadata" | grep -q "$(cat "$work/artifacts/champion")"; do sleep 0.02; done
        done
    done
}
under_load restarts $((rounds * 12)) restarts
echo "kept: $((2 * rounds)) restarts under load"
under_load swaps $((swaps * 2)) swap
echo "kept: $swaps swaps under load"
alike
