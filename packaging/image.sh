#!/bin/bash
# Makes a small local image from the machine's static busybox, without a registry.
#
#   image.sh [NAME]           make it, unless the engine has an image of that name; NAME is busybox unless given
#   image.sh --remove NAME    remove it, if it was made here and no container uses it
#
# Talks to the engine that DOCKER_HOST names.
set -euo pipefail

label=calico.image
export PATH=$PATH:/usr/sbin:/sbin

fail() {
    echo "image: $*" >&2
    exit 1
}

if [ "${1:-}" = --remove ]; then
    if [ -n "$(docker image ls --quiet --filter "label=$label" "$2")" ]; then
        docker image rm "$2" >/dev/null 2>&1 || true
    fi
    exit 0
fi
name=${1:-busybox}
if docker image inspect "$name" >/dev/null 2>&1; then
    exit 0
fi
busybox=$(command -v busybox) || fail "there is no busybox: install busybox-static"
if [[ $(ldd "$busybox" 2>/dev/null) == *"=>"* ]]; then
    fail "$busybox needs shared libraries: install busybox-static"
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
tree=$folder/tree
mkdir -p "$tree"/{bin,dev,etc,home,proc,root,run,sys,tmp,usr,var}
chmod 1777 "$tree/tmp"
cp "$busybox" "$tree/bin/busybox"
"$busybox" --list | while read -r applet; do
    [ "$applet" = busybox ] || ln -s busybox "$tree/bin/$applet"
done
echo 'root:x:0:0:root:/root:/bin/sh' >"$tree/etc/passwd"
echo 'root:x:0:' >"$tree/etc/group"
# Names come from Docker's resolver and from /etc/hosts, without the machine's other sources.
echo 'hosts: files dns' >"$tree/etc/nsswitch.conf"

tar --create --numeric-owner --owner=0 --group=0 --file "$folder/image.tar" --directory "$tree" .
output=$(docker import --change 'CMD ["/bin/sh"]' --change 'ENV PATH=/bin' --change "LABEL $label=yes" \
    "$folder/image.tar" "$name" 2>&1 </dev/null) || fail "docker import failed: $(tail -n 1 <<<"$output")"
