# What the demos share: steps with their time, requests without a client of HTTP. To be sourced; needs $bin, $work and $port.

SECONDS=0 began=0
# say TEXT: a step begins.
say() { began=$SECONDS; printf '\n\033[1m%s\033[0m\n' "$*"; }
# took: how long the step has taken so far.
took() { printf '  took %d s\n' "$((SECONDS - began))"; }

# http METHOD PATH [BODY]: one request to the service, the answer's body on standard output.
http() {
    local body=${3:-} line
    exec 9<>"/dev/tcp/127.0.0.1/$port" || return 1
    printf '%s %s HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s' \
        "$1" "$2" "${#body}" "$body" >&9
    while IFS= read -r line <&9 && [ "$line" != $'\r' ]; do :; done
    cat <&9
    exec 9>&- 9<&-
}

ready() {
    local left=300
    until http GET /ready 2>/dev/null | grep -q . ; do
        kill -0 "$service" 2>/dev/null || { echo "the service ended; is port $port taken? PORT=8090 make ..." >&2; exit 1; }
        left=$((left - 1)); [ "$left" -gt 0 ] || { echo "the service does not become ready" >&2; exit 1; }
        sleep 0.1
    done
}

# build: builds the programs, and says how long that takes.
build() {
    if [ -x "$bin/offline" ] && [ -x "$bin/online" ]; then
        say "1. Build what has changed"
    else
        say "1. Build: the first time takes about 10 minutes on 2 cores"
    fi
    make --no-print-directory build
    took
}

# serve: starts the service over "$work/artifacts" until the script ends, and waits until it answers.
serve() {
    TANDEM_SERVER__LISTEN="127.0.0.1:$port" TANDEM_ARTIFACTS__PATH="$work/artifacts" TANDEM_EVENTS__PATH="$work/events" \
        TANDEM_SLATES__PATH="$work/slates" TANDEM_SERVER__DRAIN_MS=0 "$bin/online" 2>"$work/online.log" &
    service=$!
    trap 'kill "$service" 2>/dev/null; wait "$service" 2>/dev/null || true' EXIT
    ready
}
