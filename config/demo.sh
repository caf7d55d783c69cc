#!/bin/bash
# Show what the daemon is for: many clients, one connection.
#
#   config/demo.sh DAEMON
#
# On the daemon of a running "make run", or else on one that is started and ended here.
set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
readonly HERE
export RUN_DIR=${RUN_DIR:-${HERE%/config}/build/run}
readonly SOCKET=$RUN_DIR/redis.sock
readonly SERVER_SOCKET=$RUN_DIR/server.sock
readonly CLIENTS=50
readonly PATIENCE_S=10

fail() {
    printf 'demo: %s\n' "$1" >&2
    exit 1
}

cli() { redis-cli -s "$SOCKET" "$@"; }

say() { printf '\n\033[1m%s\033[0m\n' "$1"; }

show() {
    printf '  redis> %s\n' "$*"
    cli "$@" | sed 's/^/  /'
}

# Connections the server has, without the one that asks.
connections() { redis-cli -s "$SERVER_SOCKET" CLIENT LIST | grep -vc 'cmd=client|list' || true; }

# Clients that connect, do a command and stay until descriptor 3, their input, ends: when the shell
# closes 4, the pipe's other side, which they must not keep open themselves.
start_clients() { # socket
    local i
    for ((i = 1; i <= CLIENTS; i++)); do
        { exec 4>&- && echo 'INCR demo:visits' && exec cat <&3; } | redis-cli -s "$1" 4>&- >/dev/null &
    done
}

visits() { redis-cli -s "$SERVER_SOCKET" GET demo:visits; }

# Prints how many connections the server has while all clients are connected to the socket.
count_with_clients() { # socket
    local deadline=$((SECONDS + PATIENCE_S)) hold=$RUN_DIR/demo.hold
    redis-cli -s "$SERVER_SOCKET" DEL demo:visits >/dev/null
    rm -f "$hold"
    mkfifo "$hold"
    exec 4<>"$hold" # first both ways, so that neither end waits for the other
    exec 3<"$hold"
    start_clients "$1"
    until [ "$(visits)" = "$CLIENTS" ]; do
        [ "$SECONDS" -lt "$deadline" ] || fail "$(visits) of $CLIENTS clients had an answer after $PATIENCE_S s"
        sleep 0.05
    done
    connections
    exec 4>&- 3<&-
    rm -f "$hold"
    wait
}

demonstrate() {
    local before direct pooled
    say 'A plain Redis on a socket of the host:'
    show SET demo:greeting hello
    show GET demo:greeting
    show DEL demo:greeting
    if [ ! -S "$SERVER_SOCKET" ]; then
        say 'Connections are counted on the private server only; this daemon has one of yours.'
        return
    fi
    say "$CLIENTS clients at once, each connected and with a command done; the server counts:"
    before=$(connections) # the daemon's
    direct=$(count_with_clients "$SERVER_SOCKET")
    printf '  %-40s %3d connections\n' 'clients connected to Redis themselves' $((direct - before))
    pooled=$(count_with_clients "$SOCKET")
    printf '  %-40s %3d connection%s\n\n' 'the same clients through flaskredisd' "$pooled" \
        "$([ "$pooled" = 1 ] || echo s)"
}

if [ "$1" = --on-running ] || [ "$(cli PING 2>/dev/null)" = PONG ]; then
    demonstrate
else
    RUN_SERVER=redis exec "$HERE/run-dev.sh" "$1" "$HERE/demo.sh" --on-running
fi
