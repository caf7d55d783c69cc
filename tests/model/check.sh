#!/bin/bash
# Model-check the protocol by which a client and the daemon wake each other (wakeup.pml): as it is it
# has no run in which a wake-up is lost, and without any one of its parts it has.
#
#   tests/model/check.sh            the last line is "N passed, N failed"
#
# MODEL_COUNT and MODEL_CAP make the model larger (3 requests, rings of 1).
set -euo pipefail

readonly model=$PWD/tests/model/wakeup.pml
readonly parts='REQUEST_ORDER WAITS_ORDER SLEEPS_ORDER ASKS_ORDER REPLY_ORDER ROOM_ORDER EVENTS
    EVENTS_FIRST EVENTS_LAST CLIENTS_LOOK DAEMONS_LOOK LOOK_AFTER_PARKING ROOM_TOLD'
readonly cc=${CC:-cc}

directory=$(mktemp -d "${TMPDIR:-/tmp}/flaskredis-model.XXXXXX")
trap 'rm -rf "$directory"' EXIT
cd "$directory"

passed=0
failed=0

# Every state is visited, or the run does not count.
run_model() { # definitions...
    spin -a -DCOUNT="${MODEL_COUNT:-3}" -DCAP="${MODEL_CAP:-1}" "$@" "$model" >spin.log 2>&1 &&
        "$cc" -w -O0 -DSAFETY -DNOCLAIM -o pan pan.c && ./pan -m100000 >pan.log 2>&1 &&
        ! grep -qE 'max search depth too small|out of memory' pan.log
}

has_lost_wakeup() { # definitions...
    if ! run_model "$@"; then
        cat ./*.log
        return 2
    fi
    grep -q '^pan:[0-9]*: invalid end state' pan.log
}

expect() { # sentence, status, definitions...
    local status=0 sentence=$1 expected=$2
    shift 2
    has_lost_wakeup "$@" || status=$?
    if [ "$status" = "$expected" ]; then
        echo "  ok      $sentence: $(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1 states/p' pan.log)"
        passed=$((passed + 1))
    else
        echo "  FAILED  $sentence"
        cat pan.log
        failed=$((failed + 1))
    fi
}

expect 'no wake-up is lost' 1
for part in $parts; do
    expect "without $part one is lost" 0 "-DWITHOUT_$part"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
