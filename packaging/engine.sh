#!/bin/bash
# Starts and stops the machine's own Docker engine.
#
#   engine.sh start     start one when none answers; says nothing when one does
#   engine.sh stop      end the engine that "start" began; any other is left alone
#   engine.sh status    say whether one answers and who started it; exit 1 when none answers
#
# Needs root. Works with systemd and without.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# The engine is on the path of root only, and sudo may keep the path of the user.
export PATH=$PATH:/usr/sbin:/sbin
socket=/var/run/docker.sock
engine_pid=/var/run/docker.pid
log=/var/log/calico-engine.log
# Present while an engine runs that we started. The file "who" holds its pid, or the word systemd; the
# others say how the machine forwarded before, for Docker leaves its bridge and its rules behind.
ours=/var/run/calico-engine
forwarding=/proc/sys/net/ipv4/ip_forward
start_seconds=60
stop_seconds=60

fail() {
    echo "engine: $*" >&2
    exit 1
}

answers() {
    timeout 10 docker --host "unix://$socket" version --format '{{.Server.Version}}' >/dev/null 2>&1
}

has_systemd() {
    [ "$(cat /proc/1/comm)" = systemd ]
}

# is_dockerd PID
is_dockerd() {
    [ -n "$1" ] && [ "$(cat "/proc/$1/comm" 2>/dev/null)" = dockerd ]
}

# The pid in the engine's pid file; nothing when there is none.
read_pid() {
    cat $engine_pid 2>/dev/null || true
}

# The reason in the engine's own words: its last fatal line, or else its last line.
reason() {
    local line
    line=$(grep -aE 'level=fatal|^failed to start|^Status:|^unable to configure' "$log" | tail -n 1)
    [ -n "$line" ] || line=$(tail -n 1 "$log")
    echo "${line:-it wrote no log}"
}

# wait_answer PID: until the engine answers or the process is gone
wait_answer() {
    local deadline=$((SECONDS + start_seconds))
    until answers; do
        if ! is_dockerd "$1"; then
            rm -rf "$ours"
            fail "dockerd ended at once: $(reason) (log: $log)"
        fi
        if [ $SECONDS -ge $deadline ]; then
            fail "dockerd (pid $1) does not answer on $socket after $start_seconds s: $(reason) (log: $log)"
        fi
        sleep 0.2
    done
}

# note_network: before the engine starts
note_network() {
    local tool
    rm -rf "$ours"
    mkdir -p "$ours"
    # An engine was here before: what it left is not ours to remove.
    ! ip link show docker0 >/dev/null 2>&1 || return 0
    for tool in iptables ip6tables; do
        "$tool" --list-rules FORWARD 2>/dev/null | grep '^-P' >"$ours/$tool" || rm -f "$ours/$tool"
    done
    cat $forwarding >"$ours/ip_forward"
}

# restore_network: after the engine ended
restore_network() {
    local tool table policy rules
    [ -e "$ours/ip_forward" ] || return 0
    for tool in iptables ip6tables; do
        [ -e "$ours/$tool" ] || continue
        for table in filter nat; do
            rules=$("$tool-save" --counters --table "$table" 2>/dev/null) || continue
            [[ $rules == *DOCKER* ]] || continue
            grep -vE 'DOCKER|docker0' <<<"$rules" | "$tool-restore" --counters --table "$table" || true
        done
        read -r _ _ policy <"$ours/$tool"
        "$tool" --policy FORWARD "$policy"
    done
    ip link delete docker0 2>/dev/null || true
    cat "$ours/ip_forward" >$forwarding
}

start_with_systemd() {
    local unit_reason
    note_network
    if ! systemctl start docker </dev/null >/dev/null 2>&1 || ! answers; then
        rm -rf "$ours"
        unit_reason=$(journalctl --unit docker --lines 20 --output cat 2>/dev/null |
            grep -E 'failed|level=fatal' | tail -n 1 || true)
        fail "systemctl start docker failed: ${unit_reason:-see journalctl --unit docker}"
    fi
    echo systemd >"$ours/who"
}

start_alone() {
    local pid
    "$here/cgroups.sh"
    pid=$(read_pid)
    if is_dockerd "$pid"; then
        # Somebody's engine is just starting.
        wait_answer "$pid"
        return
    fi
    # An engine that was killed leaves its pid file, and the next one refuses to start when another
    # process has that pid by now.
    rm -f $engine_pid
    note_network
    # Without systemd the engine must not ask systemd for control groups.
    setsid dockerd --pidfile $engine_pid --host "unix://$socket" --exec-opt native.cgroupdriver=cgroupfs \
        >"$log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$ours/who"
    # The shell's child becomes dockerd a moment after it was forked.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        is_dockerd "$pid" && break
        sleep 0.1
    done
    wait_answer "$pid"
}

start() {
    answers && return
    command -v docker >/dev/null || fail "there is no docker client: run $here/packages.sh engine"
    command -v dockerd >/dev/null || fail "there is no dockerd: run $here/packages.sh engine"
    rm -rf "$ours"
    if has_systemd; then start_with_systemd; else start_alone; fi
    echo "engine: started a Docker engine on $socket"
}

stop() {
    local pid deadline
    [ -e "$ours/who" ] || return 0
    pid=$(cat "$ours/who")
    if [ "$pid" = systemd ]; then
        # The socket's unit would start the engine again at the next call.
        systemctl stop docker.socket docker.service </dev/null || fail "systemctl stop docker failed"
    elif is_dockerd "$pid" && [ "$pid" = "$(read_pid)" ]; then
        kill -TERM "$pid"
        deadline=$((SECONDS + stop_seconds))
        while is_dockerd "$pid"; do
            [ $SECONDS -lt $deadline ] || fail "dockerd (pid $pid) does not end after $stop_seconds s (log: $log)"
            sleep 0.2
        done
    fi
    restore_network
    rm -rf "$ours"
    echo "engine: stopped the Docker engine that was started here"
}

status() {
    answers || { echo "engine: none answers on $socket"; exit 1; }
    if [ -e "$ours/who" ]; then
        echo "engine: answers on $socket, started here"
    else
        echo "engine: answers on $socket, not started here"
    fi
}

[ "$(id -u)" = 0 ] || fail "needs root"
case ${1:-} in
start | stop | status) "$1" ;;
*) fail "usage: engine.sh start|stop|status" ;;
esac
