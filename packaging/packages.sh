#!/bin/bash
# Installs the Debian packages that parts of the project lack on this machine, and nothing else.
#
#   packages.sh PART...
#
#   python   an interpreter that can make .venv
#   network  nft and its library, ip, iptables, sysctl, nsenter
#   engine   the Docker engine and its client
#   image    a static busybox, from which the local image is made
#   make     make itself
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# The system's own programs are not on the path of every user.
export PATH=$PATH:/usr/sbin:/sbin
updated=

fail() {
    echo "packages: $*" >&2
    exit 1
}

have() {
    command -v "$1" >/dev/null
}

apt() {
    "$here/as-root.sh" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" \
        </dev/null 2>&1
}

# install PACKAGE...
# A package that conflicts with what somebody else set up here is refused, not swapped.
install() {
    [ $# -gt 0 ] || return 0
    install_even_if --no-remove "$@"
}

# install_even_if OPTION PACKAGE...
install_even_if() {
    local output option=$1
    shift
    have apt-get || fail "this machine lacks $* and has no apt-get: install them, then run this again"
    echo "packages: installing $*"
    if [ -z "$updated" ]; then
        # One broken source need not matter: whether the packages can be had is seen next.
        apt update >/dev/null || true
        updated=yes
    fi
    output=$(apt install --yes --no-install-recommends ${option:+"$option"} "$@") ||
        fail "apt-get could not install $*: $(grep -m1 '^E:' <<<"$output" || tail -n 1 <<<"$output")"
}

add_python() {
    "$here/python.sh" >/dev/null && return
    install python3 python3-venv
    "$here/python.sh" >/dev/null ||
        fail "Python 3.11 or later with venv is needed, and this machine offers only" \
            "$(python3 --version 2>&1): install python3.11 and python3.11-venv, then run this again"
}

add_network() {
    local missing=()
    have nft || missing+=(nftables)
    [[ $(/sbin/ldconfig -p) == *libnftables.so.1* ]] || missing+=(libnftables1)
    have ip || missing+=(iproute2)
    have iptables || missing+=(iptables)
    have sysctl || missing+=(procps)
    have nsenter && have setpriv || missing+=(util-linux)
    have mount || missing+=(mount)
    have tar || missing+=(tar)
    install "${missing[@]}"
}

add_engine() {
    local missing=()
    # A client alone does not count: it may have come for an engine elsewhere.
    have dockerd || missing+=(docker.io)
    # Where AppArmor is on, the engine refuses to start containers without its parser.
    if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] && ! have apparmor_parser; then
        missing+=(apparmor)
    fi
    install "${missing[@]}"
    # Newer releases ship the client as a package of its own.
    have docker || install docker-cli
}

is_static() {
    [[ $(ldd "$1" 2>/dev/null) != *"=>"* ]]
}

add_image() {
    if have busybox && is_static "$(command -v busybox)"; then
        return
    fi
    # Takes the place of the package busybox where that is installed; it provides the same.
    install_even_if "" busybox-static
}

add_make() {
    have make || install make
}

for part in "$@"; do
    case $part in
    python | network | engine | image | make) "add_$part" ;;
    *) fail "unknown part '$part': python, network, engine, image, make" ;;
    esac
done
