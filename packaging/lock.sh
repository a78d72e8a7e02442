#!/bin/bash
# Writes the pinned, hashed requirements anew from pyproject.toml: the newest versions that it allows.
#
# The lists hold for every platform and every Python from 3.11 on, and name no place to download from:
# that is the business of the machine that installs.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$(dirname "$here")"
# Another version of uv may write the lists in another form.
uv=0.13.9

.venv/bin/python -m pip --disable-pip-version-check --no-input --quiet install "uv==$uv" </dev/null

# compile LIST [ARGUMENT...]
compile() {
    local list=packaging/$1
    shift
    UV_PYTHON_DOWNLOADS=never .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
        --generate-hashes --no-header --no-annotate --output-file "$list" "$@"
}

compile requirements.txt pyproject.toml
compile requirements-dev.txt pyproject.toml --group dev --constraints packaging/requirements.txt
compile requirements-build.txt --group build

if grep -nE '://|--(extra-)?index|--find-links' packaging/requirements*.txt; then
    echo "lock: the lists must not name a place to download from" >&2
    exit 1
fi
