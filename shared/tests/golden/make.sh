#!/usr/bin/env bash
# Makes a golden artifact of this build from shop/, and the slates it answers with: make.sh NAME, such as format_3;
# make.sh NAME users: with the profiles of the shop's users.
set -euo pipefail
cd "$(dirname "$0")"
root=../../.. work=$(mktemp -d) name=${1:?usage: make.sh NAME [users]} users=()
cat > "$work/config.toml" <<'TOML'
[ingest]
timestamp_unit = "ms"
earliest = "1970-01-01"
[ingest.users]
time = "month"
[profile]
bins = 3
fewest_users = 1
smoothing = 2.0
[als]
factors = 4
[blend]
validation_share = 0.5
[trees]
trees = 3
depth = 2
patience = 3
row_share = 1.0
feature_share = 1.0
l2 = 1.0
TOML
if [ "${2:-}" = users ]; then users=(--users shop/users.csv); fi
"${OFFLINE:-$root/target/release/offline}" run --config "$work/config.toml" --events shop/events.csv --items shop/items.csv "${users[@]}" \
    --artifacts "$work/artifacts"
rm -rf "$name" && mkdir "$name"
cp "$work/artifacts/$(cat "$work/artifacts/champion")"/* "$name/"
rm -rf "$work"
cd $root && UPDATE_GOLDEN=1 cargo test -p shared --test golden && git diff --stat -- '*golden*'
