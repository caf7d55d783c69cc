#!/bin/bash
# Measures flaskredisd side by side with the alternatives, in one go and interleaved: every round
# visits every target once for each row, in another order than the round before, so that whatever
# else the machine does falls on all of them. docs/benchmarks.md says what the rows mean.
#
# Everything it starts lives in a fresh temporary directory and ends with it.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
# shellcheck source=bench/facts.sh
source "$here/facts.sh"

daemon=${FLASKREDISD:-$root/build/flaskredisd}
load=${BENCH_BIN:-$root/build/default/bench}/load
fanout=${BENCH_BIN:-$root/build/default/bench}/fanout
python=${PYTHON:-python3}
output=$root/build/bench
seconds=3
rounds=5
processes="1 8 50 200"
threads="1 8 50 200"
connect_processes="1 8"
subscribers="10 100 1000"
idle=10000
workers=1
all_targets="direct-tcp direct-unix daemon-unix daemon-tcp daemon-library daemon-rings mock-socket mock-rings twemproxy-unix twemproxy-tcp"
targets=$all_targets
all_scenarios="memory get threads pipeline transactions connect fanout"
scenarios=$all_scenarios
keep=no

key=flaskredis:bench
transaction_processes=50
pipeline_clients=50
pipeline_length=16
ready_limit_s=10
end_limit_s=15
idle_limit_s=120
benchmark_limit_s=600
ticks_per_second=$(getconf CLK_TCK)

usage() {
    cat <<END
Usage: bench/run.sh [options]

  -s, --seconds S       of each measurement ($seconds)
  -r, --rounds N        how often each is repeated; medians are shown ($rounds)
  -t, --targets LIST    of: $all_targets
  -m, --scenarios LIST  of: $all_scenarios
  -p, --processes LIST  of the scenario get ($processes)
  -T, --threads LIST    of the scenario threads ($threads)
  -i, --idle N          connections of the scenario memory ($idle)
  -w, --workers N       event loops of the daemon ($workers)
  -o, --output DIR      where results.csv and latency.csv go (build/bench)
  -k, --keep            leave the temporary directory, with configurations and logs
  -h, --help            this text

Lists are words separated by blanks or commas, in one argument. Targets end in the way they reach
the server; poolers are always reached through their Unix socket. Behind mock-socket and mock-rings
there is no server but the engine in the daemon's memory: they end in the way the daemon is reached,
as daemon-library and daemon-rings do. What is not installed or built is skipped, by name.

Environment: FLASKREDISD the daemon (build/flaskredisd), BENCH_BIN the directory of the load
generator (build/default/bench), PYTHON an interpreter (python3).
END
}

fail() {
    echo "run.sh: $*" >&2
    exit 1
}

# --- processes that are started, and their end ----------------------------------------------------

declare -A pid=()        # target or "server" -> process
declare -A address=()    # target -> how the load generator is told
declare -A skipped=()    # target -> why
active=()                # targets that can be measured
foreground=              # the load that runs now
directory=

end_process() {
    local deadline=$((SECONDS + end_limit_s))
    kill "$1" 2>/dev/null || return 0
    while kill -0 "$1" 2>/dev/null && ((SECONDS < deadline)); do
        sleep 0.02
    done
    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

stop_all() {
    local name
    for name in "${!pid[@]}"; do
        [[ $name == server ]] || end_process "${pid[$name]}"
    done
    [[ -z ${pid[server]-} ]] || end_process "${pid[server]}"
    pid=()
}

clean_up() {
    trap - EXIT INT TERM HUP
    [[ -z $foreground ]] || end_process "$foreground"
    stop_all
    if [[ $keep == yes ]]; then
        echo "kept: $directory" >&2
    else
        rm -rf "$directory"
    fi
}

# Run in the background and wait: bash handles Ctrl-C during wait, not during a foreground command.
run_waiting() {
    local status=0
    "$@" &
    foreground=$!
    wait "$foreground" || status=$?
    foreground=
    return "$status"
}

start() { # name command...
    local name=$1
    shift
    "$@" >"$directory/$name.log" 2>&1 </dev/null &
    pid[$name]=$!
}

# --- readiness ------------------------------------------------------------------------------------

answers() { # redis-cli's words for the address
    [[ $(timeout 2 redis-cli "$@" strlen "$key" 2>/dev/null) =~ ^[0-9]+$ ]]
}

wait_until_ready() { # name, redis-cli's words for the address
    local name=$1 deadline=$((SECONDS + ready_limit_s))
    shift
    until answers "$@"; do
        kill -0 "${pid[$name]}" 2>/dev/null || return 1
        ((SECONDS < deadline)) || return 1
        sleep 0.02
    done
}

free_port() {
    "$python" -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# --- targets --------------------------------------------------------------------------------------

# Another process may take the port between the kernel's answer and the server's bind: try again.
start_server() {
    for _ in 1 2 3 4 5; do
        port=$(free_port)
        start server redis-server --bind 127.0.0.1 --port "$port" \
            --unixsocket "$directory/redis.sock" --save '' --appendonly no \
            --maxclients $((idle + 1000)) --dir "$directory" --daemonize no
        if wait_until_ready server -p "$port"; then
            "$load" --tcp "127.0.0.1:$port" --mode store
            # The key that redis-benchmark reads.
            redis-cli -p "$port" copy "$key" key:__rand_int__ >/dev/null
            return
        fi
        end_process "${pid[server]}"
    done
    fail "redis-server did not start: $(tail -n 1 "$directory/server.log")"
}

start_direct() { # target
    case $1 in
    direct-tcp) address[$1]="--tcp 127.0.0.1:$port" ;;
    direct-unix) address[$1]="--socket $directory/redis.sock" ;;
    esac
}

start_daemon() { # target
    local home=$directory/$1 url
    case $1 in
    daemon-unix | daemon-library | daemon-rings) url=unix://$directory/redis.sock ;;
    daemon-tcp) url=redis://127.0.0.1:$port ;;
    mock-*) url=mock:// ;;
    esac
    mkdir -p "$home"
    cat >"$home/flaskredis.conf" <<END
[flaskredisd]
runtime_dir = $home
workers = $workers
clients_max = $((idle + 10000))
log_level = warning

[BENCH]
url = $url
END
    address[$1]="--socket $home/bench.sock"
    # Prefixes and a runtime directory from the environment would come in addition, or win.
    start "$1" env -i PATH="$PATH" "$daemon" -c "$home/flaskredis.conf"
}

# A prefix on the engine in the daemon's memory, which begins without the key.
start_mock() { # target
    start_daemon "$1"
    wait_until_ready "$1" -s "${address[$1]#--socket }" || return 0 # who waits next tells
    # shellcheck disable=SC2086  # an address is two words
    "$load" ${address[$1]} --mode store
}

start_twemproxy() { # target
    local home=$directory/$1 server
    case $1 in
    twemproxy-unix) server=$directory/redis.sock:1 ;;
    twemproxy-tcp) server=127.0.0.1:$port:1 ;;
    esac
    mkdir -p "$home"
    cat >"$home/nutcracker.yml" <<END
bench:
  listen: $home/bench.sock 0666
  redis: true
  preconnect: true
  hash: fnv1a_64
  distribution: ketama
  servers:
   - $server bench
END
    address[$1]="--socket $home/bench.sock"
    start "$1" nutcracker -c "$home/nutcracker.yml" -o "$home/nutcracker.log" -v 1 \
        -a 127.0.0.1 -s "$(free_port)" -p "$home/nutcracker.pid"
}

missing() { # target; prints why it cannot be started
    case $1 in
    daemon-* | mock-*) [[ -x $daemon ]] || echo "$daemon is not built" ;;
    twemproxy-*) type -p nutcracker >/dev/null || echo "nutcracker is not installed" ;;
    esac
}

start_target() { # target
    local why
    why=$(missing "$1")
    if [[ -z $why ]]; then
        "start_${1%%-*}" "$1"
        [[ $1 == direct-* ]] && return
        wait_until_ready "$1" -s "${address[$1]#--socket }" && return
        why="not ready within $ready_limit_s s: $(tail -n 1 "$directory/$1.log")"
        end_process "${pid[$1]}"
        unset "pid[$1]"
    fi
    skipped[$1]=$why
    return 1
}

start_all() {
    local target
    start_server
    active=()
    for target in $targets; do
        if start_target "$target"; then
            active+=("$target")
        fi
    done
    ((${#active[@]})) || fail "no target can be measured"
}

# --- measuring ------------------------------------------------------------------------------------

row() { # column...
    local IFS=,
    echo "$*" >>"$results"
}

# What a measurement prints, "replies rate p50 p99 errors wrong client server pooler p90 p999 max" (the
# three in the middle processor time), becomes a row. One that fails costs its own row only.
measure() { # round scenario size target
    local round=$1 scenario=$2 size=$3 target=$4
    local replies rate p50 p99 errors wrong client server pooler p90 p999 max
    rm -f "$directory/histogram.csv"
    if ! "measure_$scenario" "$target" "$size" >"$directory/measured"; then
        note "not measured" "round $round: $scenario $size, $target"
        return
    fi
    read -r replies rate p50 p99 errors wrong client server pooler p90 p999 max <"$directory/measured"
    row "$round" "$scenario" "$size" "$target" "$rate" "$p50" "$p99" "$errors" "$wrong" "$replies" \
        "$server" "$pooler" "$client" "" "$p90" "$p999" "$max"
    keep_histogram "$round,$scenario,$size,$target"
}

keep_histogram() { # the row's first columns
    [[ ! -s $directory/histogram.csv ]] || sed "s/^/$1,/" "$directory/histogram.csv" >>"$latencies"
}

# Run load or fanout. Errors and wrong replies (status 3) are results; the report shows them.
run_load() { # program target options...
    local status=0 program=$1 target=$2 watched=(--server-pid "${pid[server]}")
    shift 2
    [[ -z ${pid[$target]-} ]] || watched+=(--pooler-pid "${pid[$target]}")
    # shellcheck disable=SC2086  # an address is two words
    run_waiting "$program" ${address[$target]} --seconds "$seconds" "${watched[@]}" "$@" \
        >"$directory/load.csv" || status=$?
    ((status == 0 || status == 3)) || return 1
    awk -F, '{ print $5, $6, $7, $8, $10, $11, $12, $13, $14, $15, $16, $9 }' "$directory/load.csv"
}

measure_load() { # target load's options...
    run_load "$load" "$1" --csv --histogram "$directory/histogram.csv" "${@:2}"
}

benchmark() { # target requests
    local where=()
    case ${address[$1]} in
    "--tcp "*) where=(-p "$port") ;;
    *) where=(-s "${address[$1]#--socket }") ;;
    esac
    run_waiting timeout "$benchmark_limit_s" redis-benchmark "${where[@]}" -t get \
        -c "$pipeline_clients" -P "$pipeline_length" -n "$2" --csv \
        >"$directory/benchmark.csv" 2>"$directory/benchmark.log"
}

# The columns are found by their names. A run that ended before its line is not a measurement.
benchmark_column() { # name
    awk -F, -v name="\"$1\"" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) column = i }
        NR == 2 && column { gsub(/"/, "", $column); print $column; found = 1 }
        END { exit !found }' "$directory/benchmark.csv"
}

# redis-benchmark is told a number of requests, not a time: a short run says how many fit into it.
declare -A requests=()
calibrate() { # target
    benchmark "$1" 100000 || return 1
    requests[$1]=$(benchmark_column rps |
        awk -v seconds="$seconds" '{ n = int($1 * seconds); print n < 1000 ? 1000 : n }')
}

# User and system time of a process, all its threads, in ticks; 0 for a target without a process.
cpu_ticks() { # name
    local stat fields
    if [[ -z ${pid[$1]-} || ! -r /proc/${pid[$1]}/stat ]]; then
        echo 0
        return
    fi
    stat=$(<"/proc/${pid[$1]}/stat")
    read -ra fields <<<"${stat##*) }"
    echo $((fields[11] + fields[12]))
}

in_seconds() { awk -v ticks="$1" -v hz="$ticks_per_second" 'BEGIN { printf "%.2f", ticks / hz }'; }

# redis-benchmark ends, without a figure, at the first error reply; values it does not look at.
measure_pipeline() { # target
    local server pooler
    server=$(cpu_ticks server)
    pooler=$(cpu_ticks "$1")
    [[ -n ${requests[$1]-} ]] && benchmark "$1" "${requests[$1]}" || return 1
    server=$(($(cpu_ticks server) - server))
    pooler=$(($(cpu_ticks "$1") - pooler))
    awk -v n="${requests[$1]}" -v rps="$(benchmark_column rps)" \
        -v p50="$(benchmark_column p50_latency_ms)" -v p99="$(benchmark_column p99_latency_ms)" \
        -v max="$(benchmark_column max_latency_ms)" \
        -v server="$(in_seconds $server)" -v pooler="$(in_seconds $pooler)" \
        'BEGIN { printf "%d %.1f %.2f %.2f - - - %s %s - - %.2f\n", n, rps, p50 * 1000, p99 * 1000,
            server, pooler, max * 1000 }'
}

# Of targets that are reached through libflaskredis: how it does so.
transport() { # target
    case $1 in
    daemon-library | mock-socket) echo socket ;;
    daemon-rings | mock-rings) echo shared ;;
    esac
}

measure_callers() { # target option of load for how many, how many
    local by=()
    [[ -z $(transport "$1") ]] || by=(--library)
    FLASKREDIS_TRANSPORT=$(transport "$1") measure_load "$1" --mode get "$2" "$3" "${by[@]}"
}

measure_get() { # target processes
    measure_callers "$1" --processes "$2"
}

measure_threads() { # target threads
    measure_callers "$1" --threads "$2"
}

measure_fanout() { # target subscribers
    run_load "$fanout" "$1" --subscribers "$2"
}

# twemproxy refuses MULTI.
measure_transactions() { # target processes
    [[ $1 != twemproxy-* ]] && measure_load "$1" --mode transaction --processes "$2"
}

measure_connect() { # target processes
    measure_load "$1" --mode connect --processes "$2"
}

# --- memory ---------------------------------------------------------------------------------------

resident_bytes() { # process
    awk '/^VmRSS:/ { print $2 * 1024 }' "/proc/$1/status"
}

wait_until_idle() { # process of the load
    local deadline=$((SECONDS + idle_limit_s))
    until [[ $(<"$directory/idle.out") == "ready $idle" ]]; do
        kill -0 "$1" 2>/dev/null || return 1
        ((SECONDS < deadline)) || return 1
        sleep 0.02
    done
}

# The load opens its connections and keeps them until its input ends, when this file is closed.
open_idle() { # target
    rm -f "$directory/idle.in"
    mkfifo "$directory/idle.in"
    : >"$directory/idle.out"
    # shellcheck disable=SC2086  # an address is two words
    "$load" ${address[$1]} --mode idle --connections "$idle" \
        <"$directory/idle.in" >"$directory/idle.out" &
    foreground=$!
    exec {idle_input}>"$directory/idle.in"
    wait_until_idle "$foreground"
}

close_idle() {
    exec {idle_input}>&-
    wait "$foreground" || true
    foreground=
}

measure_memory() { # target
    local process=${pid[$1]-${pid[server]}} before after
    before=$(resident_bytes "$process")
    if open_idle "$1"; then
        after=$(resident_bytes "$process")
        row 1 memory "$idle" "$1" "" "" "" 0 0 "$idle" "" "" "" $(((after - before) / idle)) "" "" ""
    else
        note "not measured" "memory $idle, $1: the connections could not be opened"
    fi
    close_idle
}

# A process that has served others before has memory to hand out again, and would look too good:
# each is measured as it has just started. So the server is measured once, by its Unix socket.
measure_all_memory() {
    local target
    if (($(ulimit -n) < idle + 1100)); then
        note skipped "memory: $idle connections need more descriptors than $(ulimit -n) (ulimit -n)"
        return
    fi
    start_all
    for target in "${active[@]}"; do
        [[ $target == direct-tcp || -n $(transport "$target") ]] && continue
        say "memory $idle, $target"
        measure_memory "$target"
    done
    stop_all
}

# --- rounds ---------------------------------------------------------------------------------------

rows() { # prints "scenario size", one a line
    local scenario size sizes
    for scenario in $scenarios; do
        case $scenario in
        get) sizes=$processes ;;
        threads) sizes=$threads ;;
        connect) sizes=$connect_processes ;;
        fanout) sizes=$subscribers ;;
        pipeline) sizes=$pipeline_length ;;
        transactions) sizes=$transaction_processes ;;
        *) continue ;;
        esac
        for size in $sizes; do
            echo "$scenario $size"
        done
    done
}

# Every target once, beginning with another one each round, so that none always follows the same.
run_row() { # round scenario size
    local i target count=${#active[@]}
    for ((i = 0; i < count; i++)); do
        target=${active[$(((i + $1 - 1) % count))]}
        [[ $2 == fanout && $target == twemproxy-* ]] && continue # it has no publish/subscribe
        # The client would be the same.
        [[ $2 != get && $2 != threads && -n $(transport "$target") ]] && continue
        say "round $1 of $rounds: $2 $3, $target"
        if [[ $2 == pipeline && -z ${requests[$target]-} ]]; then
            calibrate "$target" || true
        fi
        measure "$1" "$2" "$3" "$target"
    done
}

run_rounds() {
    local round scenario size
    rows >"$directory/rows"
    [[ -s $directory/rows ]] || return 0
    start_all
    for ((round = 1; round <= rounds; round++)); do
        while read -r scenario size <&3; do
            run_row "$round" "$scenario" "$size"
        done 3<"$directory/rows"
    done
    stop_all
}

# --- command line ---------------------------------------------------------------------------------

need_value() { (($# > 1)) || fail "$1 needs a value (--help shows how)"; }

parse_options() {
    while (($#)); do
        case $1 in
        -h | --help)
            usage
            exit
            ;;
        -k | --keep)
            keep=yes
            shift
            continue
            ;;
        esac
        need_value "$@"
        case $1 in
        -s | --seconds) seconds=$2 ;;
        -r | --rounds) rounds=$2 ;;
        -t | --targets) targets=${2//,/ } ;;
        -m | --scenarios) scenarios=${2//,/ } ;;
        -p | --processes) processes=${2//,/ } ;;
        -T | --threads) threads=${2//,/ } ;;
        -i | --idle) idle=$2 ;;
        -w | --workers) workers=$2 ;;
        -o | --output) output=$2 ;;
        *) fail "unknown option: $1 (--help shows how)" ;;
        esac
        shift 2
    done
}

need_known() { # what, known words, word...
    local what=$1 known=$2 word
    shift 2
    for word in "$@"; do
        [[ " $known " == *" $word "* ]] || fail "unknown $what: $word (one of: $known)"
    done
}

need_number() { # option, number...
    local option=$1 number
    shift
    for number in "$@"; do
        [[ $number =~ ^[1-9][0-9]*$ ]] || fail "$option: not a positive number: $number"
    done
}

check_options() {
    [[ $seconds =~ ^[0-9]*\.?[0-9]+$ && $seconds =~ [1-9] ]] ||
        fail "--seconds: not a positive number: $seconds"
    # shellcheck disable=SC2086  # lists of words
    {
        need_known target "$all_targets" $targets
        need_known scenario "$all_scenarios" $scenarios
        need_number --processes $processes
        need_number --threads $threads
        need_number "--rounds, --idle, --workers" "$rounds" "$idle" "$workers"
    }
}

check_programs() {
    local program
    for program in redis-server redis-cli redis-benchmark "$python"; do
        type -p "$program" >/dev/null || fail "$program is not installed"
    done
    [[ -x $load && -x $fanout ]] || fail "$load or $fanout is not built (make bench builds them)"
}

main() {
    parse_options "$@"
    check_options
    check_programs
    # As many descriptors as there may be: an administrator may raise the hard limit, too.
    ulimit -n $((idle + 20000)) 2>/dev/null || ulimit -n "$(ulimit -Hn)"
    directory=$(mktemp -d "${TMPDIR:-/tmp}/flaskredis-bench.XXXXXX")
    trap clean_up EXIT
    trap 'clean_up; exit 130' INT
    trap 'clean_up; exit 143' TERM HUP
    mkdir -p "$output"
    results=$output/results.csv
    latencies=$output/latency.csv
    : >"$results"
    echo round,scenario,size,target,below_us,count >"$latencies"
    write_facts
    row round scenario size target rate p50_us p99_us errors wrong replies \
        server_cpu_s pooler_cpu_s client_cpu_s memory_bytes p90_us p999_us max_us
    if [[ " $scenarios " == *" memory "* ]]; then
        measure_all_memory
    fi
    run_rounds
    write_skipped
    awk -f "$here/report.awk" "$results"
}

main "$@"
