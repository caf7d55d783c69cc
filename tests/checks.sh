# What scripts that check something have in common: each check is a sentence, and counts. Sourced by them.
# shellcheck shell=bash

passed=0
failed=0

check() { # sentence, command...
    local sentence=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "  ok      $sentence"
    else
        failed=$((failed + 1))
        echo "  FAILED  $sentence"
    fi
}

same() { # expected, actual
    [ "$1" = "$2" ] || { printf 'expected: %s\nactual:   %s\n' "$1" "$2" && return 1; }
}
