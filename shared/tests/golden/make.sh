#!/usr/bin/env bash
# Makes the golden artifact of this build's format from shop/, and the slates it answers with.
set -euo pipefail
cd "$(dirname "$0")"
root=../../.. work=$(mktemp -d)
format=$(sed -n 's/^pub const FORMAT_VERSION: u32 = \(.*\);/\1/p' $root/shared/src/contract/artifact/manifest.rs)
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
$root/target/release/offline run --config "$work/config.toml" --events shop/events.csv --items shop/items.csv --artifacts "$work/artifacts"
rm -rf "format_$format" && mkdir "format_$format"
cp "$work/artifacts/$(cat "$work/artifacts/champion")"/* "format_$format/"
rm -rf "$work"
cd $root && UPDATE_GOLDEN=1 cargo test -p shared --test golden && UPDATE_GOLDEN=1 cargo test -p online --test golden
