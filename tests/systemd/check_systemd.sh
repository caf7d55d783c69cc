#!/bin/bash
# The packages of build/deb on a systemd of their own (boot.sh). Skipped by name where no container
# can be booted: without root, or without control groups of the second version.
#
#   tests/systemd/check_systemd.sh      from the project's root; PACKAGES, PROGRAMS: their directories
#
# Prints "N passed, N failed" like the other suites.
set -uo pipefail

readonly PACKAGES=${PACKAGES:-build/deb} PROGRAMS=${PROGRAMS:-build/default/tests/systemd}
readonly TREES=${TREES:-build/trees}

skip() {
    echo "  skipped: systemd ($1)"
    echo 'systemd: 0 passed, 0 failed, 1 skipped'
    exit 0
}

[ "$(id -u)" = 0 ] || skip 'needs root'
[ -n "$(findmnt -rnt cgroup2 -o TARGET | head -n 1)" ] || skip 'no cgroup2 mount'
command -v mmdebstrap systemd-nspawn >/dev/null || skip 'no mmdebstrap or systemd-nspawn'

mapfile -t debs < <(find "$PACKAGES" -name '*.deb' ! -name '*dbgsym*')
needed=$(for deb in "${debs[@]}"; do dpkg-deb -f "$deb" Depends; done | tr ',' '\n' |
    sed 's/|.*//; s/(.*//; s/ //g' | grep -v flaskredis | sort -u | paste -sd,)
tree=$TREES/$(printf '%s' "$needed" | sha256sum | cut -c1-12)
INCLUDE=$needed tests/systemd/boot.sh "$tree" tests/systemd/inside.sh "${debs[@]}" "$PROGRAMS"/{load,hold} \
    packaging/debian/tests/daemon
status=$?
[ "$status" != 125 ] || skip 'no container can be booted here'
exit "$status"
