#!/bin/bash
# Mounts the control groups that a Docker engine needs, where the machine has not done so itself.
#
# A systemd machine has them; a container or a bare init may not. What is mounted already is left alone.
# See cgroups(7).
set -euo pipefail

top=/sys/fs/cgroup

# Version 2: a group hands controllers to its children only when told, and, unless it is the machine's
# own top group, only while it holds no process itself.
give_controllers() {
    local controller
    # One that a machine cannot hand on, for a reason of its own, need not stop the others.
    for controller in $(cat $top/cgroup.controllers); do
        echo "+$controller" >$top/cgroup.subtree_control || true
    done 2>/dev/null
    grep -qw pids $top/cgroup.subtree_control
}

delegate() {
    local pid
    if grep -qw pids $top/cgroup.subtree_control || give_controllers; then
        return 0
    fi
    mkdir -p $top/init
    while read -r pid; do
        # Processes that end meanwhile, and those of the kernel, cannot be moved.
        echo "$pid" >$top/init/cgroup.procs || true
    done <$top/cgroup.procs 2>/dev/null
    give_controllers || echo "cgroups: the controllers of $top cannot be handed to containers" >&2
}

mount_version_1() {
    local controller
    mount -t tmpfs -o mode=755 cgroup $top
    for controller in $(awk '!/^#/ && $4 == 1 { print $1 }' /proc/cgroups); do
        mkdir $top/"$controller"
        mount -t cgroup -o "$controller" cgroup $top/"$controller" 2>/dev/null || rmdir $top/"$controller"
    done
    mkdir $top/systemd
    mount -t cgroup -o none,name=systemd cgroup $top/systemd 2>/dev/null || rmdir $top/systemd
}

if [ -e $top/cgroup.controllers ]; then
    delegate
elif [ -e $top/devices/cgroup.procs ]; then
    exit 0
else
    [ -d $top ] || mount -t sysfs sysfs /sys
    # The controllers belong to version 2 unless something has bound them to version 1.
    if mount -t cgroup2 cgroup2 $top 2>/dev/null; then
        if grep -qw pids $top/cgroup.controllers; then
            delegate
            exit 0
        fi
        umount $top
    fi
    mount_version_1 || {
        echo "cgroups: cannot mount the control groups on $top: a Docker engine needs a machine," \
            "or a privileged container, that may" >&2
        exit 1
    }
fi
