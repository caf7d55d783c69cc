# shellcheck shell=bash disable=SC2154 # the variables are run.sh's
# Sourced by run.sh: what is said to whoever watches, and what results.csv says about a run.

say() { echo "$*" >&2; }

# In a line of its own in the results.
note() { # name text
    echo "# $1: $2" >>"$results"
}

version_of() { # program
    if type -p "$1" >/dev/null; then
        "$1" --version 2>&1 | head -n 1
    else
        echo "no ${1##*/}"
    fi
}

write_facts() {
    local model
    model=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
    note date "$(date -u '+%Y-%m-%d %H:%M UTC')"
    note machine "$(nproc) cores, ${model:-unknown processor}, kernel $(uname -r)"
    note "load average before" "$(cut -d' ' -f1-3 /proc/loadavg)"
    note versions "$(version_of redis-server | cut -d' ' -f1-3); $("$load" --version)"
    note poolers "$(version_of "$daemon") with workers = $workers; $(version_of nutcracker)"
    note measured "$seconds s each, $rounds rounds, interleaved"
}

write_skipped() {
    local target
    for target in $targets; do
        [[ -z ${skipped[$target]-} ]] || note skipped "$target: ${skipped[$target]}"
    done
}
