#!/usr/bin/env bash
# Runs the fuzz targets, one after the other: run.sh [SECONDS [TARGET...]], 60 seconds each and all of them without arguments.
# A decoder must not take memory by a length that its input claims: no allocation may exceed 256 MB.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
shift || true
if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
    echo "skipped: the fuzz targets (rustup toolchain install nightly; cargo install cargo-fuzz)"
    exit 0
fi
cp ../Cargo.lock Cargo.lock
targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(cargo +nightly fuzz list)
failed=()
for target in "${targets[@]}"; do
    log=$(mktemp)
    cargo +nightly fuzz build "$target" >"$log" 2>&1 || { tail -n 60 "$log"; echo "$target can't be built"; exit 1; }
    cargo +nightly fuzz run "$target" -- -max_total_time="$seconds" -rss_limit_mb=512 -malloc_limit_mb=256 -timeout=10 \
        -max_len=65536 -print_final_stats=1 >"$log" 2>&1 || failed+=("$target")
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$target: ${executed:-0} executions"
    case " ${failed[*]-} " in *" $target "*) tail -n 60 "$log" ;; esac
    rm "$log"
done
[ ${#failed[@]} -eq 0 ] || { echo "crashed: ${failed[*]}; the inputs are in fuzz/artifacts/"; exit 1; }
