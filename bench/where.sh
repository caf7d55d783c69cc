#!/bin/bash
# Where the time of a command goes: for each way to the server and each number of processes, what clients,
# daemon and server spend on one GET in processor time, switches of context, system calls and wake-ups.
# docs/shared-memory.md says what to make of it.
#
#   bench/where.sh [-s SECONDS] [-t TARGETS] [-p PROCESSES]
#
# Time and switches are the kernel's own account. System calls and wake-ups are counted by perf, in the
# second half of each run, since that costs a microsecond at each switch. It needs perf (Debian: linux-perf)
# and the right to count what the kernel does: root, or kernel.perf_event_paranoid below 0.
#
# Environment: FLASKREDISD, BENCH_BIN as for bench/run.sh. What it starts ends with it.
set -euo pipefail
export LC_ALL=C

root=$(dirname "$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)")
daemon=${FLASKREDISD:-$root/build/flaskredisd}
load=${BENCH_BIN:-$root/build/default/bench}/load
seconds=1
targets="direct-tcp daemon-library daemon-rings"
processes="1 8 50 200"
ready_limit_s=10
settle_s=1 # until all processes of the load are connected, and run

calls=(futex sched_yield epoll_wait read write sendmsg sendto recvfrom)

fail() {
    echo "where.sh: $*" >&2
    exit 1
}

while (($# > 1)); do
    case $1 in
    -s) seconds=$2 ;;
    -t) targets=$2 ;;
    -p) processes=$2 ;;
    *) fail "unknown option: $1 (-s SECONDS, -t TARGETS, -p PROCESSES)" ;;
    esac
    shift 2
done
(($# == 0)) || fail "$1 needs a value"

directory=$(mktemp -d "${TMPDIR:-/tmp}/flaskredis-where.XXXXXX")
server=
pooler=
clients=
foreground=
clean_up() {
    local process
    for process in $foreground $pooler $server; do
        kill "$process" 2>/dev/null || true
    done
    wait
    rm -rf "$directory"
}
trap clean_up EXIT
export directory server pooler clients

# --- what is counted --------------------------------------------------------------------------------

commands_so_far() {
    redis-cli -s "$directory/server.sock" info stats |
        sed -n 's/^total_commands_processed:\([0-9]*\).*/\1/p'
}

# Interrupts by which one core has another look at what it runs.
interrupts_so_far() {
    awk '/Rescheduling interrupts/ { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) sum += $i }
        END { print sum + 0 }' /proc/interrupts
}

idle_ticks() { awk '/^cpu / { print $5 + $6 }' /proc/stat; }

# Nanoseconds and switches of context so far, of all threads of some processes.
usage_of() { # processes...
    local process files=()
    for process in "$@"; do
        files+=(/proc/"$process"/task/*/schedstat /proc/"$process"/task/*/status)
    done
    awk 'FILENAME ~ /schedstat$/ { ns += $1 } /ctxt_switches:/ { switches += $2 }
        END { printf "%.0f %.0f ", ns, switches }' "${files[@]}"
}

# A line of numbers that only grow: three of the machine, then two of each role.
note() { # file
    {
        echo -n "$(commands_so_far) $(interrupts_so_far) $(idle_ticks) "
        # shellcheck disable=SC2086  # words
        usage_of $clients
        usage_of "$pooler"
        usage_of "$server"
        echo
    } >>"$directory/$1"
}

events() {
    local call events=sched:sched_waking,raw_syscalls:sys_enter
    for call in "${calls[@]}"; do
        events+=,syscalls:sys_enter_$call
    done
    echo "$events"
}

count() {
    : >"$directory/time"
    : >"$directory/calls"
    note time
    sleep "$seconds"
    note time
    perf stat -x, --per-thread -e "$(events)" -p "${clients// /,},$pooler,$server" \
        -o "$directory/counts" -- bash -c "note calls; sleep $seconds; note calls"
}

export -f note commands_so_far interrupts_so_far idle_ticks usage_of

# --- what is run ------------------------------------------------------------------------------------

wait_until_ready() { # socket
    local deadline=$((SECONDS + ready_limit_s))
    until redis-cli -s "$1" ping 2>/dev/null | grep -q PONG; do
        ((SECONDS < deadline)) || fail "nothing answers at $1"
        sleep 0.05
    done
}

start() {
    port=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
    redis-server --bind 127.0.0.1 --port "$port" --unixsocket "$directory/server.sock" --save '' \
        --maxclients 2000 --dir "$directory" >"$directory/server.log" 2>&1 &
    server=$!
    wait_until_ready "$directory/server.sock"
    "$load" --socket "$directory/server.sock" --mode store
    printf '[flaskredisd]\nruntime_dir = %s\nlog_level = warning\n[BENCH]\nurl = unix://%s\n' \
        "$directory" "$directory/server.sock" >"$directory/flaskredis.conf"
    env -i PATH="$PATH" "$daemon" -c "$directory/flaskredis.conf" >"$directory/daemon.log" 2>&1 &
    pooler=$!
    wait_until_ready "$directory/bench.sock"
}

run_load() { # target processes
    local where
    case $1 in
    direct-tcp) where="--tcp 127.0.0.1:$port" ;;
    direct-unix) where="--socket $directory/server.sock" ;;
    daemon-unix) where="--socket $directory/bench.sock" ;;
    daemon-library | daemon-rings) where="--socket $directory/bench.sock --library" ;;
    *) fail "unknown target: $1" ;;
    esac
    export FLASKREDIS_TRANSPORT=socket
    [[ $1 != daemon-rings ]] || FLASKREDIS_TRANSPORT=shared
    # shellcheck disable=SC2086  # words
    "$load" $where --mode get --processes "$2" --csv --seconds $((2 * seconds + 2 * settle_s)) \
        >"$directory/load.csv" &
    foreground=$!
}

# --- what it says -----------------------------------------------------------------------------------

threads() { # process
    local thread
    for thread in /proc/"$1"/task/*; do
        printf '%s ' "${thread##*/}"
    done
}

header() {
    echo "$(nproc) cores, kernel $(uname -r), $(redis-server --version | cut -d' ' -f1-3). Of one command:"
    echo
    printf '| processes | target | per s | idle %% | interrupts | who | µs | switches | wakes | calls |'
    printf ' %s |' "${calls[@]}"
    echo
    printf '|---:|---|---:|---:|---:|---|---:|---:|---:|---:|'
    printf '%s' "$(printf -- '---:|%.0s' "${calls[@]}")"
    echo
}

rows() { # target processes
    awk -v target="$1" -v processes="$2" -v calls="${calls[*]}" -v seconds="$seconds" \
        -v cores="$(nproc)" -v hz="$(getconf CLK_TCK)" \
        -v pooler="$(threads "$pooler")" -v server="$(threads "$server")" '
        function assign(list, name,   ids, i, n) {
            n = split(list, ids, " ")
            for (i = 1; i <= n; i++)
                who[ids[i]] = name
        }
        BEGIN {
            assign(pooler, "daemon")
            assign(server, "server")
            role_count = split("clients daemon server", roles, " ")
            call_count = split(calls, call, " ")
        }
        FILENAME ~ /time$/ {
            for (i = 1; i <= NF; i++)
                spent[i] = $i - spent[i]
        }
        FILENAME ~ /calls$/ { counted = $1 - counted }
        FILENAME ~ /counts$/ && split($0, field, ",") > 3 {
            parts = split(field[1], words, "-")
            role = words[parts] in who ? who[words[parts]] : "clients"
            event = field[4]
            sub(/.*:sys_enter_/, "", event)
            sum[role, event] += field[2]
        }
        END {
            for (r = 1; r <= role_count; r++) {
                role = roles[r]
                if (role == "daemon" && target ~ /^direct/)
                    continue
                if (r == 1)
                    printf "| %d | %s | %d | %d | %.3f |", processes, target, spent[1] / seconds,
                        spent[3] * 100 / hz / seconds / cores, spent[2] / spent[1]
                else
                    printf "| | | | | |"
                printf " %s | %.2f | %.2f | %.2f | %.2f |", role, spent[2 + 2 * r] / 1000 / spent[1],
                    spent[3 + 2 * r] / spent[1], sum[role, "sched:sched_waking"] / counted,
                    sum[role, "raw_syscalls:sys_enter"] / counted
                for (c = 1; c <= call_count; c++)
                    printf " %.2f |", sum[role, call[c]] / counted
                print ""
            }
        }' "$directory/time" "$directory/calls" "$directory/counts"
}

measure() { # target processes
    run_load "$1" "$2"
    sleep "$settle_s"
    clients=$(pgrep -P "$foreground" | tr '\n' ' ')
    clients=${clients% }
    count
    rows "$1" "$2"
    wait "$foreground" || fail "the load failed"
    foreground=
}

for program in redis-server redis-cli perf python3 "$load" "$daemon"; do
    type -p "$program" >/dev/null || fail "$program is not there"
done
perf stat -e sched:sched_waking true 2>/dev/null || fail "perf must not count what the kernel does"
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"
start
header
for count in $processes; do
    for target in $targets; do
        measure "$target" "$count"
    done
done
