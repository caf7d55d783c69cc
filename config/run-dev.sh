#!/bin/bash
# Run flaskredisd in the foreground, on sockets under build/run, to try it with.
#
#   config/run-dev.sh DAEMON                 until Ctrl-C or SIGTERM
#   config/run-dev.sh DAEMON COMMAND [ARG]   only as long as the command runs; its status is ours
#
# Behind it is an engine in the daemon's own memory (mock://), so that no Redis is needed; or, when
# REDIS_URL is set, the server that names; or, with RUN_SERVER=redis, a redis-server of its own, reachable
# over a Unix socket alone, with nothing on disk. RUN_DIR moves the sockets elsewhere.
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
readonly ROOT
readonly RUN_DIR=${RUN_DIR:-$ROOT/build/run}
readonly SERVER_SOCKET=$RUN_DIR/server.sock
readonly DAEMON=$1
shift
readonly READY_S=10
# Room for the longest socket name in the 107 bytes of a socket address.
readonly DIR_LEN_MAX=90

server_pid=
daemon_pid=

fail() {
    printf 'run: %s\n' "$1" >&2
    exit 1
}

answers() { [ "$(redis-cli -s "$1" PING 2>/dev/null)" = PONG ]; }

# A process of its own session: Ctrl-C reaches this script alone, which ends the two in order. Should
# the script be killed, they end with it.
start() {
    setsid setpriv --pdeathsig TERM -- "$@" &
}

end() { # pid
    [ -n "$1" ] || return 0
    kill -TERM "$1" 2>/dev/null || true
    while kill -0 "$1" 2>/dev/null; do
        wait "$1" 2>/dev/null || true
    done
}

# The daemon first: it still has replies to fetch.
clean_up() {
    trap '' INT TERM
    end "$daemon_pid"
    end "$server_pid"
    rm -f "$SERVER_SOCKET"
}

wait_for() { # socket, pid, what
    local deadline=$((SECONDS + READY_S))
    until answers "$1"; do
        kill -0 "$2" 2>/dev/null || fail "$3 ended at once"
        [ "$SECONDS" -lt "$deadline" ] || fail "$3 does not answer on $1"
        sleep 0.05
    done
}

start_server() {
    start redis-server --port 0 --unixsocket "$SERVER_SOCKET" --unixsocketperm 700 --save '' \
        --appendonly no --dir "$RUN_DIR" --logfile "$RUN_DIR/server.log"
    server_pid=$!
    wait_for "$SERVER_SOCKET" "$server_pid" "redis-server (log: $RUN_DIR/server.log)"
    export REDIS_URL="unix://$SERVER_SOCKET?db=0"
    export CACHE_URL="${CACHE_URL:-unix://$SERVER_SOCKET?db=1}"
}

start_daemon() {
    export FLASKREDIS_RUNTIME_DIR=$RUN_DIR
    start "$DAEMON" -c "$ROOT/config/flaskredis-dev.conf"
    daemon_pid=$!
    wait_for "$RUN_DIR/redis.sock" "$daemon_pid" flaskredisd
}

announce() {
    local socket shown=${RUN_DIR#"$PWD/"}
    echo
    for socket in "$shown"/*.sock; do
        [ "${socket##*/}" = server.sock ] || echo "  ready  $socket"
    done
    echo "  try    redis-cli -s $shown/redis.sock SET greeting hello"
    echo "  end    Ctrl-C"
    echo
}

main() {
    [ "${#RUN_DIR}" -le "$DIR_LEN_MAX" ] || fail "\"$RUN_DIR\" is too long for sockets: set RUN_DIR"
    mkdir -p "$RUN_DIR"
    ! answers "$RUN_DIR/redis.sock" || fail "already running: $RUN_DIR/redis.sock answers"
    rm -f "$SERVER_SOCKET"
    trap clean_up EXIT
    trap 'exit 0' INT TERM
    if [ -n "${REDIS_URL:-}" ]; then
        export CACHE_URL="${CACHE_URL:-$REDIS_URL}"
    elif [ "${RUN_SERVER:-mock}" = redis ]; then
        start_server
    else
        export REDIS_URL=mock://dev/0
        export CACHE_URL="${CACHE_URL:-mock://dev/1}"
    fi
    start_daemon
    if [ $# -gt 0 ]; then
        "$@"
    else
        announce
        wait "$daemon_pid"
    fi
}

main "$@"
