#!/bin/sh
# Runs a command as root: directly for root, through sudo for anybody else.
#
#   as-root.sh COMMAND [ARGUMENT...]
#
# Without a terminal sudo may not ask for a password: it fails instead of waiting for ever.
if [ "$(id -u)" = 0 ]; then
    exec "$@"
fi
if ! command -v sudo >/dev/null; then
    echo "as-root: '$1' needs root, and there is no sudo: run this command as root" >&2
    exit 1
fi
if [ -t 0 ]; then
    exec sudo "$@"
fi
exec sudo -n "$@"
