#!/bin/bash
# What the library costs its program: a GET's processor time beside bare hiredis', on a server's own
# socket and on the daemon's; and how fast typed calls are on a mock engine in the process.
#
#   bench/library.sh [REQUESTS [ROUNDS]]
#
# Environment: FLASKREDISD, BENCH_BIN as for bench/run.sh. What it starts ends with it.
set -euo pipefail
export LC_ALL=C
export FLASKREDIS_TRANSPORT=${FLASKREDIS_TRANSPORT:-socket} # what hiredis has, too

root=$(dirname "$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)")
daemon=${FLASKREDISD:-$root/build/flaskredisd}
bin=${BENCH_BIN:-$root/build/default/bench}
requests=${1:-50000}
rounds=${2:-15}
ready_limit_s=10

directory=$(mktemp -d "${TMPDIR:-/tmp}/flaskredis-library.XXXXXX")
started=()
clean_up() {
    ((${#started[@]} == 0)) || kill "${started[@]}" 2>/dev/null || true
    wait
    rm -rf "$directory"
}
trap clean_up EXIT

wait_until_ready() { # socket
    local deadline=$((SECONDS + ready_limit_s))
    until redis-cli -s "$1" ping 2>/dev/null | grep -q PONG; do
        ((SECONDS < deadline)) || {
            echo "library.sh: nothing answers at $1" >&2
            exit 1
        }
    done
}

redis-server --port 0 --unixsocket "$directory/server.sock" --save '' --dir "$directory" >"$directory/server.log" 2>&1 &
started+=($!)
wait_until_ready "$directory/server.sock"
env -i REDIS_URL="unix://$directory/server.sock" FLASKREDIS_RUNTIME_DIR="$directory" \
    "$daemon" -c /dev/null >"$directory/daemon.log" 2>&1 &
started+=($!)
wait_until_ready "$directory/redis.sock"

measure() { # whose socket, its name
    printf '%-24s ' "$1:"
    "$bin/library" "$directory/$2.sock" "$requests" "$rounds"
}
measure "a server's socket" server
measure "the daemon's socket" redis
"$bin/mock" 1
