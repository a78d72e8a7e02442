#!/bin/bash
# Makes .venv with calicoctl and calico-node from the pinned, hashed requirements.
#
#   venv.sh [dev]      with "dev" also the tools that check and test
#
# Does nothing when .venv already agrees with the requirements and pyproject.toml.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
venv=$root/.venv
kind=${1:-run}

fail() {
    echo "venv: $*" >&2
    exit 1
}

case $kind in
run) requirements=("$here/requirements.txt" "$here/requirements-build.txt") ;;
dev) requirements=("$here/requirements-dev.txt" "$here/requirements-build.txt") ;;
*) fail "unknown kind '$kind': dev, or nothing" ;;
esac

wanted() {
    echo "$root"
    cat "$root/pyproject.toml" "${requirements[@]}" "${BASH_SOURCE[0]}"
}

# What pip says is of interest only when it fails: a machine's own settings can make it warn at length.
install() {
    local output
    output=$("$venv/bin/python" -m pip --disable-pip-version-check --no-input --quiet install "$@" \
        </dev/null 2>&1) && return
    echo "$output" >&2
    return 1
}

stamp=$(wanted | sha256sum | cut -d ' ' -f 1)
mark=$venv/.installed-$kind
works() {
    "$venv/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if works && [ "$(cat "$mark" 2>/dev/null)" = "$stamp" ] && [ -x "$venv/bin/calicoctl" ]; then
    exit 0
fi
if ! works; then
    python=$("$here/python.sh") || fail "no Python 3.11 or later with venv: run '$here/packages.sh python'"
    "$python" -m venv --clear "$venv" || fail "could not make $venv"
fi
rm -f "$mark"
echo "venv: installing the pinned requirements into $venv"
# The lists are complete, so nothing is resolved: what is not listed is not installed.
for list in "${requirements[@]}"; do
    install --no-deps --require-hashes --requirement "$list" ||
        fail "pip could not install $list; its message is above"
done
install --no-deps --no-build-isolation --editable "$root" || fail "pip could not install the project itself"
echo "$stamp" >"$mark"
