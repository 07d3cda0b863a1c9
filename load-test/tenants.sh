#!/usr/bin/env bash
# Two shops in one process, both under load, while one's key asks for whatever the other has: nothing of it may show, and every answer
# to the load is right.
#   [DURATION=20] [REDIS_URL=redis://...] bash load-test/tenants.sh
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${BIN:-target/release}") work=${WORK:-target/tenants} port=${PORT:-8097} duration=${DURATION:-20}
rm -rf "$work" && mkdir -p "$work"
{
    echo 'auth.keys = "operators.toml"'
    [ -z "${REDIS_URL:-}" ] || echo "store.redis_url = \"$REDIS_URL\""
    printf '[tenants]\nlamps = "lamps.toml"\nbooks = "books.toml"\n'
} >"$work/tenants.toml"
"$bin/online" keys new --name operator --scopes read,admin >"$work/operators.toml" 2>"$work/operator.key"
for shop in lamps books; do
    own=$work/$shop && mkdir -p "$own"
    "$bin/online" keys new --name shop --scopes read,write,admin >"$work/$shop-keys.toml" 2>"$own/key.txt"
    grep -o 'tandem_[0-9a-f]*' "$own/key.txt" | head -n 1 >"$own/key"
    # The same shop twice: of the second every id and every name has a mark.
    mark=$([ $shop = books ] && echo oftheother- || true)
    awk -F, -v OFS=, -v m="$mark" 'NR > 1 { $2 = m $2; $4 = m $4; if ($5 != "") $5 = m $5 } 1' data/sample/events.csv >"$own/events.csv"
    awk -F, -v OFS=, -v m="$mark" 'NR > 1 { $1 = m $1; $2 = m $2; $3 = m $3 } 1' data/sample/items.csv >"$own/items.csv"
    TANDEM_PUBLISH__PREFIX=$shop "$bin/offline" run --events "$own/events.csv" --items "$own/items.csv" \
        --artifacts "$own/artifacts" ${REDIS_URL:+--redis "$REDIS_URL"} 2>"$own/run.log"
    "$bin/offline" ingest --events "$own/events.csv" --out "$own/events.jsonl" --rejects "$own/rejects.jsonl" 2>/dev/null
    cat >"$work/$shop.toml" <<-TOML
		auth.keys = "$shop-keys.toml"
		store.prefix = "$shop"
		artifacts.path = "$shop/artifacts"
		events.path = "$shop/log"
		slates.path = "$shop/slates"
		served.path = "$shop/served"
		models.rows = "$shop/rows"
	TOML
done
# The paths of a config are those of the folder that the service starts in.
(
    cd "$work"
    TANDEM_SERVER__LISTEN="127.0.0.1:$port" TANDEM_SERVER__DRAIN_MS=0 TANDEM_LOG__LEVEL=warn exec "$bin/online" --config tenants.toml
) 2>"$work/online.log" &
service=$!
trap 'kill "$service" 2>/dev/null; wait "$service" 2>/dev/null || true' EXIT
until [ "$(curl -fsS "http://127.0.0.1:$port/ready" 2>/dev/null)" = '{"ready":true,"tenants":2,"open":2}' ]; do
    kill -0 "$service"
    sleep 0.1
done
loads=()
for shop in lamps books; do
    "$bin/load-test" run --url "http://127.0.0.1:$port" --key-file "$work/$shop/key" --events "$work/$shop/events.jsonl" \
        --traffic mixed --connections 4 --duration "$duration" --warm-up 2 --at 0.6 --rounds 1 --max-error-share 0 --baseline health >"$work/$shop.txt" 2>&1 &
    loads+=($!)
done
# As long as the loads take: a closed loop, an open one, and the baseline.
python3 load-test/tenants.py "http://127.0.0.1:$port" "$work" $((3 * duration))
for load in "${loads[@]}"; do wait "$load"; done
for shop in lamps books; do
    echo "== the load on $shop"
    cat "$work/$shop.txt"
done
python3 load-test/tenants.py --logs "$work"
