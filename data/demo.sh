#!/usr/bin/env bash
# The whole loop on the sample: build, train, serve, click, train again. Says of each step how long it took.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=target/release work=target/demo port=${PORT:-8080} user=u000123
rm -rf "$work" && mkdir -p "$work"

. data/demo-steps.sh

# Names, sources and reasons of a slate, a line an item.
show() {
    sed -e 's/{"item_id"/\n{"item_id"/g' | sed -n -E \
        's/.*"item_id":"([^"]*)","name":"([^"]*)".*"sources":\[([^]]*)\](,"because":"([^"]*)")?.*/  \1|\2|\3|\5/p' |
        tr -d '"' | awk -F'|' '{ printf "  %-22s %-34s %s\n", $1, $2, ($4 ? "because of " $4 : $3) }'
}

build

say "2. Train on data/sample: 20,000 events of a shop with 300 items"
"$bin/offline" run --events data/sample/events.csv --items data/sample/items.csv --artifacts "$work/artifacts" 2>"$work/offline.log" \
    || { cat "$work/offline.log"; exit 1; }
tail -n 1 "$work/offline.log" | awk '{ printf "  %s s, %s MiB\n", $2, $3 }'

say "3. Serve it on http://127.0.0.1:$port"
serve
echo "  GET /recommendations?user_id=$user&k=5"
http GET "/recommendations?user_id=$user&k=5" | tee "$work/before.json" | show
echo "  the first answer, $SECONDS s after the start"

say "4. The user looks at two lamps and puts one into the cart: the very next answer knows"
http POST /events '[{"visitorid":"'$user'","event":"view","itemid":"lamp-0001"},
 {"visitorid":"'$user'","event":"view","itemid":"lamp-0002"},
 {"visitorid":"'$user'","event":"addtocart","itemid":"lamp-0002"}]' | sed 's/^/  /'; echo
http GET "/recommendations?user_id=$user&k=5" | tee "$work/after.json" | show
items() { grep -o '"item_id":"[^"]*"' "$1"; }
[ "$(items "$work/before.json")" != "$(items "$work/after.json")" ] || { echo "the answer did not change" >&2; exit 1; }
took

say "5. The next batch reads the sample and the service's own event log; the service swaps without a pause"
before=$(cat "$work/artifacts/champion")
"$bin/offline" run --events data/sample/events.csv "$work/events" --items data/sample/items.csv --artifacts "$work/artifacts" \
    2>>"$work/offline.log" | sed 's/^/  /'
after=$(cat "$work/artifacts/champion")
[ "$before" != "$after" ] || { echo "the second batch did not change the model" >&2; exit 1; }
until http GET /model/metadata | grep -q "$after"; do sleep 0.1; done
echo "  $before -> $after"
http GET "/recommendations?user_id=$user&k=5" | show
took

say "Serving until Ctrl-C. Try:"
echo "  curl -s 'http://127.0.0.1:$port/recommendations?user_id=$user&k=5'"
echo "  open http://127.0.0.1:$port/?user_id=$user for the page, http://127.0.0.1:$port/docs for the API"
[ -n "${DEMO_EXIT:-}" ] || wait "$service"
