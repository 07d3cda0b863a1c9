#!/usr/bin/env bash
# What becomes of slates and events when Redis fails in each of six ways while RATE requests a second come in and a stream of
# events is acknowledged: which answers came, for how long slates lacked the user, and whether an event was lost. Needs
# redis-server and python3.
#   [RATE=300] [PORT=8070] bash load-test/faults.sh
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${BIN:-target/release} work=${WORK:-target/faults} port=${PORT:-8070} rate=${RATE:-300}
redis=$((port + 1)) proxy=$((port + 2)) service= store= between= stream= load=
rm -rf "$work" && mkdir -p "$work/redis"
trap 'kill -CONT $store 2>/dev/null; kill $service $store $between $stream $load 2>/dev/null || true' EXIT

start_redis() {
    redis-server --port "$redis" --bind 127.0.0.1 --save "" --appendonly yes --dir "$work/redis" >>"$work/redis.log" & store=$!
    until redis-cli -p "$redis" ping 2>/dev/null | grep -q PONG; do kill -0 "$store"; sleep 0.05; done
}
stop_redis() { { kill -9 "$store" && wait "$store"; } 2>/dev/null || true; }
# A proxy that does what the file `mode` says: none, delay (300 ms each way), cut (connections end at once), half-open (nothing
# comes through, and nobody is told).
cat >"$work/proxy.py" <<'PYTHON'
import asyncio, sys
listen, to, file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
mode = lambda: open(file).read().strip()
async def pipe(reader, writer):
    try:
        while data := await reader.read(65536):
            while mode() == "half-open":
                await asyncio.sleep(0.02)
            if mode() == "cut":
                break
            if mode() == "delay":
                await asyncio.sleep(0.3)
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
async def serve(reader, writer):
    try:
        there = await asyncio.open_connection("127.0.0.1", to)
    except OSError:
        return writer.close()
    await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))
async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", listen) as server:
        await server.serve_forever()
asyncio.run(main())
PYTHON
mode() { echo "$1" >"$work/mode.new" && mv "$work/mode.new" "$work/mode"; }

start_redis
mode none
python3 "$work/proxy.py" "$proxy" "$redis" "$work/mode" 2>"$work/proxy.log" & between=$!
"$bin/offline" run --events data/sample/events.csv --items data/sample/items.csv --artifacts "$work/artifacts" 2>>"$work/batch.log" >/dev/null
"$bin/offline" ingest --events data/sample/events.csv --out "$work/events.jsonl" 2>>"$work/batch.log" >/dev/null
TANDEM_SERVER__LISTEN="127.0.0.1:$port" TANDEM_ARTIFACTS__PATH="$work/artifacts" TANDEM_EVENTS__PATH="$work/events" \
    TANDEM_SLATES__PATH="$work/slates" TANDEM_STORE__REDIS_URL="redis://127.0.0.1:$proxy/" TANDEM_LOG__LEVEL=error \
    "$bin/online" 2>"$work/online.log" & service=$!
until curl -sf -o /dev/null "http://127.0.0.1:$port/ready"; do kill -0 "$service"; sleep 0.05; done

counted() { curl -sf "http://127.0.0.1:$port/metrics" | awk -v name="^$1[{ ]" '$0 ~ name { sum += $2 } END { print sum + 0 }'; }
fallbacks() { counted tandem_fallbacks_total; }
ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
failing() { # failing NAME COMMAND...: the command makes Redis fail and brings it back, under load
    local name=$1 before after degraded=0 since now shed
    shift
    "$bin/load-test" run --url "http://127.0.0.1:$port" --traffic mixed --events "$work/events.jsonl" --rate "$rate" \
        --connections 64 --duration 16 --warm-up 0 >"$work/$name.txt" 2>/dev/null & load=$!
    (sleep 3; "$@") & local fault=$!
    before=$(fallbacks) since=$(ms) shed=$(counted http_requests_shed_total)
    while kill -0 "$load" 2>/dev/null; do
        sleep 0.1
        after=$(fallbacks) now=$(ms)
        [ "$after" = "$before" ] || degraded=$((degraded + now - since))
        before=$after since=$now
    done
    wait "$fault"
    echo "$name: slates lacked the user for about $degraded ms; $(($(counted http_requests_shed_total) - shed)) requests shed"
    tail -n +3 "$work/$name.txt"
}
killed() { stop_redis; sleep 5; start_redis; echo "$store" >"$work/pid"; }
emptied() { stop_redis; rm -rf "$work"/redis/appendonlydir; start_redis; echo "$store" >"$work/pid"; }
paused() { kill -STOP "$store"; sleep 5; kill -CONT "$store"; }
network() { mode "$1"; sleep 5; mode none; }

"$bin/load-test" stream --url "http://127.0.0.1:$port" --events-total 10000 --users 200 --rate 100 --log "$work/acknowledged.jsonl" & stream=$!
for fault in killed emptied paused; do
    failing "$fault" "$fault"
    # It was started in a subshell.
    [ ! -e "$work/pid" ] || store=$(cat "$work/pid")
done
for fault in delay cut half-open; do failing "$fault" network "$fault"; done
wait "$stream"
"$bin/load-test" audit --url "http://127.0.0.1:$port" --log "$work/acknowledged.jsonl" --event-log "$work/events" --within 30
