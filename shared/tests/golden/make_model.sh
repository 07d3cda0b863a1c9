#!/usr/bin/env bash
# Makes a golden model of rows of this build from loans/: make_model.sh NAME, such as model_2.
set -euo pipefail
cd "$(dirname "$0")"
root=../../.. work=$(mktemp -d) name=${1:?usage: make_model.sh NAME}
"${OFFLINE:-$root/target/release/offline}" score train --config loans/model.toml --data loans/rows.csv --artifacts "$work"
rm -rf "$name" && mkdir "$name"
cp "$work/models/loans/$(cat "$work/models/loans/champion")"/* "$name/"
rm -rf "$work"
cd $root && UPDATE_GOLDEN=1 cargo test -p online --test main golden:: && git diff --stat -- '*golden*'
