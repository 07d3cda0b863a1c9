#!/usr/bin/env bash
# Makes the clients of openapi.json: target/clients/python and target/clients/typescript, each a package to install.
#   bash online/clients/make.sh [python|typescript]      needs python3 (3.11) or node (20) with npm, and the network
# What is here lies over what is generated.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=online/clients out=target/clients
version=$(sed -n '/^  "info"/,/^  }/s/.*"version": "\(.*\)".*/\1/p' $here/openapi.json)

python() {
    [ -x $out/venv/bin/openapi-python-client ] || python3 -m venv $out/venv
    $out/venv/bin/pip install --quiet --requirement $here/requirements.txt
    PATH="$PWD/$out/venv/bin:$PATH"                    # it formats by ruff, which comes with it
    rm -rf $out/python && mkdir -p $out/python
    openapi-python-client generate --path $here/openapi.json --meta none --fail-on-warning \
        --output-path $out/python/tandem_client >/dev/null
    cp -r $here/python/. $out/python/
    touch $out/python/tandem_client/py.typed
    sed -i.old "s/^version = .*/version = \"$version\"/" $out/python/pyproject.toml && rm $out/python/pyproject.toml.old
    $out/venv/bin/pip install --quiet --upgrade --force-reinstall --no-deps ./$out/python
    $out/venv/bin/pip install --quiet ./$out/python
}

typescript() {
    mkdir -p $out/typescript && cp -r $here/typescript/. $out/typescript/
    cd $out/typescript
    npm install --silent --no-audit --no-fund --package-lock=false
    npm version --silent --allow-same-version --no-git-tag-version "$version" >/dev/null
    npx openapi-typescript ../../../$here/openapi.json --default-non-nullable=false --output src/schema.ts >/dev/null
    npx tsc && npx tsc --project tsconfig.test.json
}

[ $# != 0 ] || set -- python typescript
for client in "$@"; do ("$client"); done
