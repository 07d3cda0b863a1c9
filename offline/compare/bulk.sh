#!/usr/bin/env bash
# Slates for all users of a made-up shop: makes its log, builds a version, writes the slates, kills the writing and goes on, and
# compares the two files. Says users per second and peak memory.
#
#   [EVENTS=12000000] bash offline/compare/bulk.sh BINARY FOLDER [USERS] [FORMAT]
#
# BINARY: `offline`, built with --release. FOLDER: for all files; what is there already is used again. USERS: 1000000.
# FORMAT: parquet or jsonl. EVENTS: of the log, 12 a user.
set -euo pipefail
offline=$1 folder=$2 users=${3:-1000000} format=${4:-parquet}
mkdir -p "$folder/whole" "$folder/killed"
[ -f "$folder/events.csv" ] ||
    "$offline" generate --events "${EVENTS:-$((users * 12))}" --users "$users" --items 20000 --out "$folder"
[ -f "$folder/artifacts/champion" ] ||
    "$offline" run --events "$folder/events.csv" --items "$folder/items.csv" --artifacts "$folder/artifacts"

# One time for both, so that their bytes can be compared.
now=$(tail -1 "$folder/events.csv" | cut -d, -f1)
write() { "$offline" recommend --artifacts "$folder/artifacts" --k 20 --now "$now" --out "$folder/$1/slates.$format"; }
peak() { # Of all stages the line of the summary.
    grep -E '^(stage|version|slates|file|all) |users/s' "$1"
}
echo "== whole"
write whole 2>"$folder/whole.txt"
peak "$folder/whole.txt"
ls -l "$folder/whole/slates.$format"

echo "== killed a third of the way, and called again"
write killed 2>"$folder/killed.txt" >"$folder/killed.out" &
pid=$!
notes="$folder/killed/.slates.$format.unfinished/done.json"
until [ -f "$notes" ] && [ "$(grep -o '"users":[0-9]*' "$notes" | cut -d: -f2)" -ge $((users / 3)) ]; do
    kill -0 $pid || { echo "it ended before it could be killed; give more users"; exit 1; }
    sleep 0.05
done
kill -9 $pid
wait $pid || true
write killed 2>"$folder/killed.txt"
grep -h 'goes on' "$folder/killed.txt"
peak "$folder/killed.txt"
cmp "$folder/whole/slates.$format" "$folder/killed/slates.$format" && echo "the same bytes"
