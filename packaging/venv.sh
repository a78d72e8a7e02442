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
mark=$venv/.installed
kind=${1:-run}

fail() {
    echo "venv: $*" >&2
    exit 1
}

case $kind in
run) list=$here/requirements.txt ;;
dev) list=$here/requirements-dev.txt ;;
*) fail "unknown kind '$kind': dev, or nothing" ;;
esac

# stamp_of KIND: changes with everything that decides what is installed
stamp_of() {
    {
        echo "$1 $root"
        cat "$root/pyproject.toml" "$here"/requirements*.txt "$here/venv.sh"
    } | sha256sum | cut -d ' ' -f 1
}

is_current() {
    local stamp
    stamp=$(cat "$mark" 2>/dev/null) || return 1
    # What serves to develop serves to run.
    [ "$stamp" = "$(stamp_of "$kind")" ] || [ "$stamp" = "$(stamp_of dev)" ]
}

works() {
    "$venv/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# What pip says is of interest only when it fails: a machine's own settings can make it warn at length.
install() {
    local output
    output=$("$venv/bin/python" -m pip --disable-pip-version-check --no-input --quiet install "$@" \
        </dev/null 2>&1) && return
    echo "$output" >&2
    return 1
}

if works && is_current && [ -x "$venv/bin/calicoctl" ] && [ -x "$venv/bin/calico-node" ]; then
    exit 0
fi
if ! works; then
    python=$("$here/python.sh") || fail "no Python 3.11 or later with venv: run '$here/packages.sh python'"
    "$python" -m venv --clear "$venv" || fail "could not make $venv"
fi
rm -f "$mark"
echo "venv: installing the pinned requirements into $venv"
# The lists are complete, so nothing is resolved: what is not listed is not installed.
for requirements in "$list" "$here/requirements-build.txt"; do
    install --no-deps --require-hashes --requirement "$requirements" ||
        fail "pip could not install $requirements; what it said is above"
done
install --no-deps --no-build-isolation --editable "$root" || fail "pip could not install the project itself"
# Both would make every start slower, by a tenth and by a half of what Python itself takes: venv's setuptools is
# looked for by a .pth file, and the programs that pip writes import re to take ".exe" off their name.
"$venv/bin/python" -m pip --quiet --disable-pip-version-check uninstall --yes setuptools >/dev/null 2>&1 ||
    fail "pip could not remove setuptools from $venv"
sed -i -e '/^import re$/d' -e '/^ *sys\.argv\[0\] = re\.sub(/d' "$venv/bin/calicoctl" "$venv/bin/calico-node"
stamp_of "$kind" >"$mark"
