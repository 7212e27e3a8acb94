#!/usr/bin/env bash
# A Docker engine of our own: with its own socket and its own folder, beside whatever else there is. No service manager
# is needed, and none knows of it.
set -euo pipefail
export LC_ALL=C.UTF-8

DIR=${XDG_DATA_HOME:-~/.local/share}/coldphase/docker
readonly DIR
readonly SOCKET=$DIR/docker.sock PID=$DIR/pid LOG=$DIR/log BEFORE=$DIR/before
# Loading its storage and its network takes a second or two; a disk that is slow, some more.
readonly PATIENCE=60

stop_with() {
    printf 'docker-engine: %s\n' "$@" >&2
    exit 1
}

usage() {
    cat <<TEXT
usage: external/scripts/docker-engine.sh start|stop|restart|status

Starts, stops and restarts a Docker engine of coldphase's own, which answers on
$SOCKET
and keeps its images in $DIR/data. \`stop\` leaves the images; it takes back
what the engine had changed in this machine's network.
Exit codes: 0 done, 1 it could not be done, 2 the command line is wrong, 3 \`status\`: it does not run.
TEXT
}

# The number of our engine, if it lives. A number that something else has got since is not it.
alive() {
    local pid
    pid=$(cat "$PID" 2>/dev/null) || return 1
    [[ $(cat "/proc/$pid/comm" 2>/dev/null) == dockerd ]] || return 1
    printf '%s\n' "$pid"
}

# --- What an engine changes in the network, and how it was before ----------------------------------------------------

has_bridge() { [[ -e /sys/class/net/docker0 ]]; }

# Only the first start counts: after it, what is there is the engine's own.
remember() {
    [[ ! -e $BEFORE ]] || return 0
    {
        has_bridge && printf 'bridge\n'
        iptables -S 2>/dev/null | grep -q '^-N DOCKER' && printf 'rules\n'
        printf 'forward %s\n' "$(cat /proc/sys/net/ipv4/ip_forward)"
        printf 'policy %s\n' "$(iptables -S FORWARD 2>/dev/null | awk '$1 == "-P" { print $3 }')"
    } >"$BEFORE.part" || true
    mv "$BEFORE.part" "$BEFORE"
}

# Another engine that was there before has the same names for its own: then nothing is touched.
give_back() {
    [[ -e $BEFORE ]] || return 0
    local table rule chain policy
    if ! grep -qx rules "$BEFORE"; then
        for table in filter nat; do
            # Rules first: a chain that something jumps to cannot be removed.
            while read -r rule; do
                # shellcheck disable=SC2086 # a rule is several words
                eval "iptables -t $table -D ${rule#-A }" || true
            done < <(iptables -t $table -S 2>/dev/null | grep -E '^-A .*(DOCKER|docker0|172\.17\.0\.)' || true)
            while read -r chain; do iptables -t $table -F "$chain" || true; done < <(chains $table)
            while read -r chain; do iptables -t $table -X "$chain" || true; done < <(chains $table)
        done
        policy=$(awk '$1 == "policy" { print $2 }' "$BEFORE")
        [[ -z $policy ]] || iptables -P FORWARD "$policy"
        awk '$1 == "forward" { print $2 }' "$BEFORE" >/proc/sys/net/ipv4/ip_forward
    fi
    grep -qx bridge "$BEFORE" || ! has_bridge || ip link delete docker0
    rm -f "$BEFORE"
}

chains() { iptables -t "$1" -S 2>/dev/null | sed -n 's/^-N \(DOCKER[^ ]*\)$/\1/p'; }

# Mounts of containers that a killed engine could not take down any more.
unmount() {
    local mount
    while read -r mount; do umount -l "$mount" || true; done < <(awk -v d="$DIR/" 'index($2, d) == 1 { print $2 }' /proc/mounts | sort -r)
}

# What containers of an engine that was killed have left: a shim that nobody asks for anything any more, what it started,
# and their control groups. The engine takes such containers for stopped when it starts.
clear_debris() {
    local shim id
    for shim in $(pgrep -f "containerd-shim.*$DIR/exec/"); do
        id=$(tr '\0' '\n' <"/proc/$shim/cmdline" 2>/dev/null | grep -A1 -xe -id | tail -n 1) || true
        pkill -KILL -P "$shim" || true
        kill -KILL "$shim" 2>/dev/null || true
        # They go when nothing is in them any more, which takes a killed process a moment.
        for _ in 1 2 3 4 5; do
            [[ -z $id ]] || find /sys/fs/cgroup -depth -type d -path "*/docker/$id*" -exec rmdir {} + 2>/dev/null || true
            sleep 0.02
        done
    done
    unmount
}

# --- Doing it --------------------------------------------------------------------------------------------------------

start() {
    if alive >/dev/null; then return 0; fi
    ((EUID == 0)) || stop_with 'an engine is started by root' 'run it as root, or use an engine that is there: DOCKER_HOST'
    command -v dockerd >/dev/null || stop_with 'there is no dockerd' "'./setup docker' installs it"
    mkdir -p "$DIR"
    # What a killed engine left: its socket would look like a living one, its number like ours.
    rm -f "$SOCKET" "$PID" "$DIR/exec/containerd/containerd.pid"
    pkill -KILL -f "^containerd --config $DIR/exec/" 2>/dev/null || true
    clear_debris
    remember
    : >"$LOG"
    # A session of its own, so that no Ctrl-C reaches it; no descriptor of ours, so that nobody waits for its end.
    setsid --fork dockerd --host "unix://$SOCKET" --data-root "$DIR/data" --exec-root "$DIR/exec" --pidfile "$PID" \
        <&- >>"$LOG" 2>&1 &
    local until=$((SECONDS + PATIENCE))
    until [[ -S $SOCKET ]] && grep -q 'API listen on' "$LOG"; do
        if ((SECONDS >= until)); then
            stop_with "the engine did not come up within $PATIENCE s; the end of $LOG:" "$(tail -n 5 "$LOG")"
        fi
        if grep -qE 'failed to start daemon|level=fatal' "$LOG"; then
            stop_with "the engine does not start; the end of $LOG:" "$(tail -n 5 "$LOG")"
        fi
        sleep 0.05
    done
}

halt() {
    local pid until=$((SECONDS + PATIENCE))
    pid=$(alive) || return 0
    kill -TERM "$pid"
    while [[ -e /proc/$pid ]]; do
        ((SECONDS < until)) || { kill -KILL "$pid" && stop_with "the engine $pid did not end within $PATIENCE s, and was killed"; }
        sleep 0.05
    done
}

# A restart that takes half a second and not three: an engine that has no containers has nothing to put in order, and its
# records survive a kill. With containers, the slow way.
halt_quickly() {
    local pid
    pid=$(alive) || return 0
    if pgrep -f "containerd-shim.*$DIR/exec/" >/dev/null; then
        halt
        return
    fi
    kill -KILL "$pid"
    pkill -KILL -f "^containerd --config $DIR/exec/" || true
    while [[ -e /proc/$pid ]] || pgrep -f "^containerd --config $DIR/exec/" >/dev/null; do sleep 0.01; done
}

case ${1:-} in
    start) start ;;
    stop)
        halt
        unmount
        give_back
        ;;
    restart)
        halt_quickly
        start
        ;;
    status)
        if pid=$(alive); then printf 'runs as %s on %s\n' "$pid" "$SOCKET"; else exit 3; fi
        ;;
    --help | -h) usage ;;
    *)
        usage >&2
        exit 2
        ;;
esac
