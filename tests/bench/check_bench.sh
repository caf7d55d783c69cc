#!/bin/bash
# The benchmark measures what it says, whatever the speed: every target for a moment, its tables from
# results that are known, and its pictures from the figures that docs/plots keeps.
#
#   tests/bench/check_bench.sh      from the project's root; FLASKREDISD, BENCH_BIN as for bench/run.sh
#
# The last line is "N passed, N failed", with ", N skipped" where gnuplot is not installed.
#
# shellcheck disable=SC2016 # the dollars are awk's
set -uo pipefail
export LC_ALL=C

directory=$(mktemp -d "${TMPDIR:-/tmp}/flaskredis-check-bench.XXXXXX")
readonly directory
trap 'rm -rf "$directory"' EXIT

# shellcheck source=tests/checks.sh
. tests/checks.sh

# --- a short run ----------------------------------------------------------------------------------

readonly TARGETS='direct-tcp direct-unix daemon-unix daemon-tcp daemon-library daemon-rings'
readonly RUN=$directory/run

runs() {
    bench/run.sh -s 0.1 -r 1 -t "$TARGETS" -m 'get threads' -p 3 -T 3 -o "$RUN" >"$directory/report.md"
}

# Prints "scenario target" of the rows for which a condition of awk holds; columns are found by name.
rows_where() { # condition
    awk -F, '/^#/ { next } $1 == "round" { for (i = 1; i <= NF; i++) at[$i] = i; next }
        '"$1"' { print $2, $4 }' "$RUN/results.csv"
}

expected_rows() {
    local scenario target
    for scenario in get threads; do
        for target in $TARGETS; do
            echo "$scenario $target"
        done
    done
}

every_row_has_replies_and_no_faults() {
    same "$(expected_rows)" "$(rows_where '$at["replies"] > 0 && $at["errors"] + $at["wrong"] == 0')"
}

# Poolers are none where the target is direct.
every_row_has_processor_time() {
    same "$(expected_rows)" "$(rows_where '$at["client_cpu_s"] > 0 && $at["server_cpu_s"] > 0 &&
        ($at["pooler_cpu_s"] > 0) == ($4 ~ /^daemon/)')"
}

percentiles_grow() {
    same "$(expected_rows)" "$(rows_where '0 < $at["p50_us"] && $at["p50_us"] <= $at["p90_us"] &&
        $at["p90_us"] <= $at["p99_us"] && $at["p99_us"] <= $at["p999_us"] && $at["max_us"] > 0')"
}

latencies_are_as_many_as_replies() {
    same "$(awk -F, '$1 ~ /^[0-9]/ { print $2, $4, $10 }' "$RUN/results.csv" | sort)" \
        "$(awk -F, 'NR > 1 { n[$2 " " $4] += $6 } END { for (row in n) print row, n[row] }' \
            "$RUN/latency.csv" | sort)"
}

# --- known results --------------------------------------------------------------------------------

cat >"$directory/known.csv" <<'END'
# measured: three rounds
round,scenario,size,target,rate,p50_us,p99_us,errors,wrong,replies,server_cpu_s,pooler_cpu_s,client_cpu_s,memory_bytes,p90_us,p999_us,max_us
1,get,50,direct-tcp,100,1,4,0,0,1000,0.003,0.000,0.002,,2,8,10
2,get,50,direct-tcp,300,1,4,0,0,1000,0.003,0.000,0.002,,2,8,30
3,get,50,direct-tcp,200,1,4,0,0,1000,0.003,0.000,0.002,,2,8,20
END
cat >"$directory/more.csv" <<'END'
# measured: three rounds
round,scenario,size,target,rate,p50_us,p90_us,p99_us,p999_us,max_us,errors,wrong,replies,server_cpu_s,pooler_cpu_s,client_cpu_s,memory_bytes
1,get,50,daemon-rings,500,1,2,4,8,10,0,0,1000,0.001,0.002,0.001,
2,get,50,daemon-rings,600,3,4,6,8,11,0,0,1000,0.001,0.002,0.001,
3,get,50,daemon-rings,700,2,3,5,8,12,0,0,1000,0.001,0.002,0.001,
1,get,50,twemproxy-unix,100,1,2,4,8,10,0,0,1000,0.001,0.002,0.001,
END

report() { awk "$@" -f bench/report.awk "$directory/known.csv" "$directory/more.csv"; }

has_line() { # pattern, where spaces stand for any number of them; of the report
    report | tr -s ' ' | grep -qE "$1" || { report && return 1; }
}

figures_are_medians_and_extremes() {
    same 'get,50,direct-tcp,3,200,100,300,1.00,2.00,4.00,8.00,30.00,2.00,0.00,3.00,0
get,50,daemon-rings,3,600,500,700,2.00,3.00,5.00,8.00,12.00,1.00,2.00,1.00,0' \
        "$(report -v figures=1 | grep -E 'direct|rings')"
}

says_once() { # text
    same 1 "$(report | grep -c "$1")"
}

# --- pictures -------------------------------------------------------------------------------------

readonly PICTURES='cpu-processes cpu-threads latency-1 latency-50 rate-processes rate-threads'

# Of one part that is measured nothing is drawn yet, so no gnuplot is needed.
plots() {
    GNUPLOT=true bench/plots.sh -s 0.02 -r 1 -d "$directory/parts" -o "$directory/none" "$@"
}

parts_are_measured_once() {
    local results=$directory/parts/get-1/results.csv before
    plots get-1 2>/dev/null && before=$(stat -c '%Y %i' "$results") && plots get-1 2>/dev/null &&
        same "$before" "$(stat -c '%Y %i' "$results")" &&
        same 'get-1 measured' "$(plots --list | grep measured)" && [ ! -e "$directory/none" ]
}

other_ways_measure_anew() {
    touch "$directory/parts/get-8" && plots -r 2 get-1 2>"$directory/anew.log" &&
        grep -q 'all parts are measured anew' "$directory/anew.log" &&
        same 2 "$(grep -c '^[0-9].*,direct-unix,' "$directory/parts/get-1/results.csv")" &&
        [ ! -e "$directory/parts/get-8" ]
}

draws() { # directory
    mkdir "$1" && cp docs/plots/*.csv "$1" && bench/plots.sh --draw -o "$1"
}

pictures_are_svg() { # directory
    local name
    for name in $PICTURES; do
        "${PYTHON:-python3}" -c 'import sys, xml.dom.minidom as dom
svg = dom.parse(sys.argv[1])
assert svg.documentElement.tagName == "svg" and len(svg.getElementsByTagName("path")) > 20
assert "NaN" not in svg.toxml() and "scale(0.00)" not in svg.toxml()' "$1/$name.svg" || return 1
        [ "$(stat -c %s "$1/$name.svg")" -lt 100000 ] && [ -s "docs/plots/$name.svg" ] || return 1
    done
}

check_pictures() {
    check 'kept figures can be drawn' draws "$directory/once"
    check 'pictures are small and whole' pictures_are_svg "$directory/once"
    check 'pictures of the same figures are the same' eval \
        'draws "$directory/twice" && diff -r "$directory/once" "$directory/twice"'
}

check 'a short run goes through' runs
check 'every target answers processes and threads, without faults' every_row_has_replies_and_no_faults
check 'processor time of clients, pooler and server is known' every_row_has_processor_time
check 'percentiles grow' percentiles_grow
check 'every reply is in the distribution' latencies_are_as_many_as_replies
check 'rates are medians, and compared round by round' has_line '^\| 50 \| daemon-rings \| 600 \| 3\.50 \| 33 \| 2\.0 \| 5\.0 \| 0 \|$'
check 'processor time is for a million' has_line '^\| 50 \| daemon-rings \| 1\.00 \| 2\.00 \| 1\.00 \| 4\.00 \| 0\.80 \|$'
check 'latencies reach to the longest of all' has_line '^\| 50 \| direct-tcp \| 1\.0 \| 2\.0 \| 4\.0 \| 8\.0 \| 30\.0 \|$'
check 'a threshold is judged' has_line '^- get 50: daemon-rings rate >= 1\.8 x direct-tcp: 3\.50 reached$'
check 'missing rounds are no measure' has_line '>= 2\.0 x twemproxy-unix: 5\.00 not judged \(rounds missing'
check 'what is not there is not judged' has_line '^- get 200: .* - not measured$'
check 'what two files say is said once' says_once 'measured: three rounds'
check 'figures are medians and extremes' figures_are_medians_and_extremes
check 'parts are measured once' parts_are_measured_once
check 'what was measured in another way is measured anew' other_ways_measure_anew
skipped=
if command -v gnuplot >/dev/null; then
    check_pictures
else
    echo '  skipped: pictures (missing: gnuplot)'
    skipped=', 1 skipped'
fi
echo "$passed passed, $failed failed$skipped"
[ "$failed" = 0 ]
