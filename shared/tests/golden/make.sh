#!/usr/bin/env bash
# Makes a golden artifact of this build from shop/, and the slates it answers with: make.sh NAME, such as format_3.
set -euo pipefail
cd "$(dirname "$0")"
root=../../.. work=$(mktemp -d) name=${1:?usage: make.sh NAME}
cat > "$work/config.toml" <<'TOML'
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
"${OFFLINE:-$root/target/release/offline}" run --config "$work/config.toml" --events shop/events.csv --items shop/items.csv --artifacts "$work/artifacts"
rm -rf "$name" && mkdir "$name"
cp "$work/artifacts/$(cat "$work/artifacts/champion")"/* "$name/"
rm -rf "$work"
cd $root && UPDATE_GOLDEN=1 cargo test -p shared --test golden && git diff --stat -- '*golden*'
