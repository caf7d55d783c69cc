#!/bin/bash
# Measures what docs/plots shows, part by part, and draws it. A part is one row of run.sh (get-50 are 50
# processes) and takes about a minute; parts that were measured before, by the same programs and in the
# same way, are not measured again until all have been drawn.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")

daemon=${FLASKREDISD:-$root/build/flaskredisd}
load=${BENCH_BIN:-$root/build/default/bench}/load
seconds=2
rounds=5
targets="direct-tcp direct-unix daemon-unix daemon-library daemon-rings twemproxy-unix"
counts="1 8 50 200"
latency_counts="1 50"
measurements=$root/build/bench/plots
output=$root/docs/plots
under=
what=measure
fresh=no
scratch=

usage() {
    cat <<END
Usage: bench/plots.sh [options] [PART...]

  -s, --seconds S      of each measurement ($seconds)
  -r, --rounds N       how often each is repeated ($rounds)
  -u, --under COMMAND  run each measurement under COMMAND, as "flock FILE" or "taskset -c 0,1"
  -d, --data DIR       where measurements are kept (build/bench/plots)
  -o, --output DIR     where figures and pictures go (docs/plots)
  -f, --fresh          forget what was measured before
  -l, --list           print the parts, and which are measured; do nothing
  -D, --draw           draw the figures of the output once more; measure nothing
  -h, --help           this text

Parts: $(parts)
With parts, those alone are measured. As soon as none is missing the pictures are drawn.

Environment: FLASKREDISD, BENCH_BIN and PYTHON as for bench/run.sh, GNUPLOT (gnuplot).
END
}

say() { echo "$*" >&2; }

fail() {
    say "plots.sh: $*"
    exit 1
}

parts() {
    local scenario count all=()
    for scenario in get threads; do
        for count in $counts; do
            all+=("$scenario-$count")
        done
    done
    echo "${all[*]}"
}

# --- measuring ------------------------------------------------------------------------------------

# What the measurements are of: with anything else they are not to be mixed.
identity() {
    echo "$seconds s, $rounds rounds, $targets"
    cksum <"$daemon"
    cksum <"$load"
}

forget_others() {
    mkdir -p "$measurements"
    if [[ -e $measurements/identity ]] && ! cmp -s "$measurements/identity" <(identity); then
        say "measured before by other programs or in another way: all parts are measured anew"
        forget
    fi
    identity >"$measurements/identity"
}

forget() {
    local part
    for part in $(parts); do
        rm -rf "${measurements:?}/$part"
    done
    rm -f "$measurements/identity" "$measurements/drawn"
}

is_measured() { [[ -e $measurements/$1/results.csv ]]; }

missing_parts() {
    local part
    for part in $(parts); do
        is_measured "$part" || echo "$part"
    done
}

# Rows that are missing or had faults must not become a picture.
is_sound() { # directory
    awk -F, '/^# not measured/ { bad = 1 } $1 ~ /^[0-9]/ { rows++; bad = bad || $8 + $9 > 0 }
        END { exit bad || !rows }' "$1/results.csv"
}

# A directory has its name when it is complete.
measure_part() { # part
    local scenario=${1%-*} count=${1##*-} begun=$measurements/begun
    rm -rf "$begun"
    say "== $1"
    # shellcheck disable=SC2086  # a command of several words
    $under "$here/run.sh" -s "$seconds" -r "$rounds" -t "$targets" -m "$scenario" -p "$count" -T "$count" \
        -o "$begun" >/dev/null
    is_sound "$begun" || fail "$1 has faults or is not complete: see $begun/results.csv"
    mv "$begun" "$measurements/$1"
}

measure_parts() { # part...
    local part
    for part in "$@"; do
        is_measured "$part" || measure_part "$part"
    done
}

# --- figures --------------------------------------------------------------------------------------

each_part() { # file
    local part
    for part in $(parts); do
        echo "$measurements/$part/$1"
    done
}

# Of the machine only what decides most.
facts() {
    sed -n 's/^\(# machine: [0-9]* cores\).*/\1/p; /^# versions: /p; /^# poolers: /p; /^# measured: /p; /^# skipped: /p' "$@" |
        awk '!said[$0]++'
}

write_figures() {
    local results latencies
    mapfile -t results < <(each_part results.csv)
    mapfile -t latencies < <(each_part latency.csv)
    mkdir -p "$output"
    {
        facts "${results[@]}"
        awk -v figures=1 -f "$here/report.awk" "${results[@]}"
    } >"$output/figures.csv"
    awk -v sizes="$latency_counts" -f "$here/distribution.awk" "${latencies[@]}" >"$output/distribution.csv"
}

# --- pictures -------------------------------------------------------------------------------------

# gnuplot calls every picture "Gnuplot", which a browser shows to whoever points at it.
name_picture() { # file
    sed -i -e "s|<title>Gnuplot</title>|<title>$(basename "$1" .svg)</title>|" \
        -e 's|<desc>Produced by GNUPLOT[^<]*</desc>||' "$1"
}

draw() {
    local picture
    [[ -e $output/figures.csv && -e $output/distribution.csv ]] || fail "no figures in $output"
    awk -v dir="$scratch" -f "$here/plots.awk" "$output/figures.csv" "$output/distribution.csv"
    "${GNUPLOT:-gnuplot}" -e "dir='$scratch'; output='$output'; latency_sizes='$latency_counts'" \
        "$here/plots.gp"
    for picture in "$output"/*.svg; do
        name_picture "$picture"
    done
}

# --- command line ---------------------------------------------------------------------------------

list() {
    local part
    for part in $(parts); do
        if is_measured "$part"; then
            echo "$part measured"
        else
            echo "$part missing"
        fi
    done
}

measure() { # part...
    [[ $fresh == no && ! -e $measurements/drawn ]] || forget
    forget_others
    if (($# == 0)); then
        # shellcheck disable=SC2046  # words
        set -- $(parts)
    fi
    measure_parts "$@"
    if [[ -n $(missing_parts) ]]; then
        say "still missing: $(missing_parts | tr '\n' ' ')"
        return
    fi
    write_figures
    draw
    touch "$measurements/drawn"
}

need_value() { (($# > 1)) || fail "$1 needs a value (--help shows how)"; }

wanted=()
parse_options() {
    while (($#)); do
        case $1 in
        -h | --help) usage && exit ;;
        -f | --fresh) fresh=yes ;;
        -l | --list) what=list ;;
        -D | --draw) what=draw ;;
        -*)
            need_value "$@"
            set_option "$1" "$2"
            shift
            ;;
        *)
            [[ " $(parts) " == *" $1 "* ]] || fail "unknown part: $1 (one of: $(parts))"
            wanted+=("$1")
            ;;
        esac
        shift
    done
}

set_option() { # option value
    case $1 in
    -s | --seconds) seconds=$2 ;;
    -r | --rounds) rounds=$2 ;;
    -u | --under) under=$2 ;;
    -d | --data) measurements=$2 ;;
    -o | --output) output=$2 ;;
    *) fail "unknown option: $1 (--help shows how)" ;;
    esac
}

main() {
    parse_options "$@"
    [[ $what == list ]] || type -p "${GNUPLOT:-gnuplot}" >/dev/null || fail "gnuplot is not installed"
    [[ $what != measure || -x $daemon && -x $load ]] ||
        fail "$daemon or $load is not built (make bench-plots builds them)"
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/flaskredis-plots.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    "$what" "${wanted[@]}"
}

main "$@"
