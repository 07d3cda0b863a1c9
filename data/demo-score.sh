#!/usr/bin/env bash
# A model of rows, from a file to a service: train, score a file, serve, a good row, a bad one, an explanation.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=target/release work=target/demo-score port=${PORT:-8080} data=data/bank-marketing/bank.csv
rm -rf "$work" && mkdir -p "$work"
. data/demo-steps.sh

build

say "2. Train on $data: 4,521 calls of a bank, which client took a deposit?"
"$bin/offline" score train --preset credit-score --data "$data" --artifacts "$work/artifacts" 2>"$work/offline.log" |
    sed 's/^/  /' || { cat "$work/offline.log"; exit 1; }
took

say "3. Score a file: every row is a row of the answer"
"$bin/offline" score predict --model credit-score --data "$data" --out "$work/scored.csv" --artifacts "$work/artifacts" \
    2>>"$work/offline.log" | sed 's/^/  /'
head -n 4 "$work/scored.csv" | sed 's/^/  /'

say "4. Serve it on http://127.0.0.1:$port"
serve
row='{"age":35,"job":"management","marital":"single","education":"tertiary","default":"no","balance":2100,"housing":"no","loan":"no","contact":"cellular","day":12,"month":"oct","duration":420,"campaign":1}'
echo "  a row: POST /models/credit-score/predict"
http POST /models/credit-score/predict "$row" | tee "$work/good.json" | sed 's/^/  /'; echo
grep -q '"probability"' "$work/good.json"

say "5. A bad row: every field that is wrong, at once"
http POST /models/credit-score/predict '{"age":"old","job":"management","colour":"red","balance":null}' |
    tee "$work/bad.json" | sed -e 's/{"field"/\n    {"field"/g' -e 's/^/  /'; echo
grep -q '"status":422' "$work/bad.json"

say "6. Why: what each field adds to the log-odds of the good row"
http POST '/models/credit-score/predict?explain=true' "$row" | tee "$work/why.json" |
    sed -e 's/{"field"/\n    {"field"/g' | grep '"field"' | head -n 6
grep -q '"contributions"' "$work/why.json"

printf '\nDone in %d s. Everything is in %s; the API: http://127.0.0.1:%s/docs\n' "$SECONDS" "$work" "$port"
if [ -z "${DEMO_EXIT:-}" ]; then
    echo "It serves until Ctrl-C."
    wait "$service"
fi
