#!/bin/bash
# Run test suites, each a process of its own, and add up what they say.
#
#   tests/run-suites.sh [--jobs N] [--logs DIR] KIND:WHAT...
#
#   unit:FILE, integration:FILE, stress:FILE   a CUnit executable
#   valgrind:FILE                 a unit suite once more under valgrind; counts as one case
#   fuzz:FILE                     a libFuzzer executable for FUZZ_SECONDS; counts as one case
#   script:FILE                   prints a "N passed, N failed" line of its own
#   skip:NAME:WHY                 named as skipped
#
# They begin in the order given, N side by side.
#
# The output of each goes to DIR/KIND-NAME.log and is shown when something failed. The last line is
# "N passed, N failed", or "N passed, N failed, N skipped"; the status is 0 only without failures.
set -uo pipefail

readonly SUITE_SECONDS=${SUITE_SECONDS:-300}
readonly FUZZ_SECONDS=${FUZZ_SECONDS:-10}
readonly VALGRIND=${VALGRIND:-valgrind}

run_unit() { "$1"; }
run_integration() { "$1"; }
run_stress() { "$1"; }
run_script() { "$1"; }

run_valgrind() {
    TEST_SLOW=1 "$VALGRIND" -q --error-exitcode=86 --leak-check=full --errors-for-leak-kinds=definite \
        --track-fds=no "$1"
}

# New inputs go to a directory of the run, crashes beside the log; the seeds stay as they are.
run_fuzz() {
    local name=${1##*/} found=$LOGS/${1##*/}.corpus
    local corpora=("$found") seeds=tests/fuzz/corpus/${name#fuzz_}
    mkdir -p "$found"
    [ ! -d "$seeds" ] || corpora+=("$seeds")
    "$1" -max_total_time="$FUZZ_SECONDS" -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 \
        -artifact_prefix="$LOGS/$name-" "${corpora[@]}"
}

# "PASSED FAILED SKIPPED" of a log: a suite's own line, or else CUnit's summary. CUnit counts a case
# that skipped itself as passed; the suites list those.
counts() {
    awk '
        /^(.*: )?[0-9]+ passed, [0-9]+ failed/ { own = $0 }
        /^ *tests +[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+/ { passed = $4; failed = $5; cunit = 1 }
        /^  skipped: / { skipped++ }
        function number_before(word) { return match(own, "[0-9]+ " word) ? substr(own, RSTART) + 0 : 0 }
        END {
            if (own != "") print number_before("passed"), number_before("failed"), number_before("skipped")
            else if (cunit) print passed - skipped, failed, skipped + 0
            else print 0, 0, 0
        }' "$1"
}

explain() { # status
    case $1 in
    86) echo 'a sanitizer or valgrind reported a finding' ;;
    124 | 137) echo "ended by its time limit of $SUITE_SECONDS s" ;;
    129 | 1[3-9][0-9]) echo "ended by signal $(($1 - 128))" ;;
    *) echo "exit status $1" ;;
    esac
}

# Runs one suite and writes "PASSED FAILED SKIPPED" to its .result. Called in a process of its own.
run_one() {
    local kind=${1%%:*} what=${1#*:} passed failed skipped status=0
    local log=$LOGS/$kind-${what##*/}.log started=$SECONDS
    timeout --kill-after=10 "$SUITE_SECONDS" "$0" --exec "$kind" "$what" >"$log" 2>&1 </dev/null || status=$?
    read -r passed failed skipped < <(counts "$log")
    case $kind in valgrind | fuzz) passed=$((status == 0)) failed=0 skipped=0 ;; esac
    # A suite that ends badly without a failed case has failed all the same; so has one without cases.
    if [ "$failed" = 0 ] && { [ "$status" != 0 ] || [ $((passed + skipped)) = 0 ]; }; then
        failed=1
    fi
    echo "$passed $failed $skipped" >"${log%.log}.result"
    report "$kind" "${what##*/}" "$log" "$failed" "$status" $((SECONDS - started)) "$passed" "$skipped"
}

report() { # kind name log failed status seconds passed skipped
    local verdict=ok
    [ "$4" = 0 ] || verdict=FAILED
    {
        printf '  %-6s  %-11s %-28s %4d passed  %3d s\n' "$verdict" "$1" "$2" "$7" "$6"
        if [ "$8" != 0 ]; then
            grep '^  skipped: ' "$3" | sed 's/^/        /'
        fi
        if [ "$4" != 0 ]; then
            echo "---- $3: $(explain "$5")"
            tail -n 400 "$3"
            echo "---- end of $3"
        fi
    } >"${3%.log}.report"
    # One write each, so that suites side by side do not interleave.
    cat "${3%.log}.report"
}

run_all() { # at a time, suites...
    local jobs=$1
    shift
    [ $# = 0 ] || printf '%s\0' "$@" | xargs -0 -n 1 -P "$jobs" "$0" --one
}

total() {
    cat "$LOGS"/*.result 2>/dev/null | awk -v skipped="$1" '
        { passed += $1; failed += $2; skipped += $3 }
        END {
            printf "%d passed, %d failed", passed, failed
            if (skipped > 0) printf ", %d skipped", skipped
            print ""
            exit failed > 0 || passed + skipped == 0
        }'
}

main() {
    local jobs=1 spec suites=() skipped=0
    while [ $# -gt 0 ]; do
        case $1 in
        --jobs) jobs=$2 && shift ;;
        --logs) LOGS=$2 && shift ;;
        skip:*) IFS=: read -r _ name why <<<"$1"
            printf '  skipped %s (missing: %s)\n' "$name" "$why"
            skipped=$((skipped + 1)) ;;
        *) suites+=("$1") ;;
        esac
        shift
    done
    export LOGS
    mkdir -p "$LOGS"
    rm -f "$LOGS"/*.result "$LOGS"/*.report
    run_all "$jobs" "${suites[@]}"
    for spec in "${suites[@]}"; do # one whose runner died counts as well
        local result=$LOGS/${spec%%:*}-${spec##*/}.result
        [ -s "$result" ] || echo '0 1 0' >"$result"
    done
    total "$skipped"
}

case ${1:-} in
--one) run_one "$2" ;;
--exec) "run_$2" "$3" ;;
*)
    LOGS=build/logs
    main "$@"
    ;;
esac
