#!/bin/bash
# Boot a real systemd, as the first process of a container in a throw-away copy of a Debian tree, and
# run a script inside it. Exits with the script's status, or 125 when it does not get so far.
#
#   tests/systemd/boot.sh TREE SCRIPT FILE...      as root
#
# TREE is made with mmdebstrap when it is not there, or older than three days, of SUITE (this
# machine's), with the packages that INCLUDE names (separated by commas) from where this machine's apt
# gets them. The files are in /srv inside. The container has a network of its own, with loopback alone.
set -euo pipefail

readonly TREE=$1 SCRIPT=$2
shift 2
readonly ROOT=/run/systemd/copy/root
readonly PACKAGES=systemd,systemd-sysv,dbus,redis-server,redis-tools${INCLUDE:+,$INCLUDE}

die() {
    echo "boot: $*" >&2
    exit 125
}

HERE=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
readonly HERE

# Where this machine's apt gets its packages, for the tree's suite.
write_sources() { # directory
    local file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
        [ ! -s "$file" ] || sed "s/\b$HERE\b/${SUITE:-$HERE}/g" "$file" >"$1/${file##*/}"
    done
}

make_tree() {
    [ -z "$(find "$TREE.made" -mtime -3 2>/dev/null)" ] || return 0
    rm -rf --one-file-system "$TREE" "$TREE.made"
    mkdir -p "$(dirname "$TREE")"
    mkdir -p "$TREE.sources"
    write_sources "$TREE.sources"
    mmdebstrap --quiet --variant=apt --include="$PACKAGES" --aptopt='Acquire::Check-Valid-Until "false"' \
        "${SUITE:-$HERE}" "$TREE" "$TREE.sources"/* || die "the tree cannot be made"
    rm -rf "$TREE/usr/sbin/policy-rc.d" "$TREE.sources"
    touch "$TREE.made"
}

# Everything from here on happens in a mount namespace and a control group of its own, of which
# nothing is left, however it ends.
readonly CAGE=flaskredis-boot-$PPID
cgroup() { findmnt -rnt cgroup2 -o TARGET | head -n 1; }

cage() {
    local root status=0
    root=$(cgroup)
    [ -n "$root" ] || die "no cgroup2 mount"
    mkdir "$root/$CAGE" "$root/$CAGE/run" || die "no control group can be made"
    # shellcheck disable=SC2064
    trap "echo 1 >'$root/$CAGE/cgroup.kill'; remove_group '$root/$CAGE'" EXIT
    trap 'exit 143' INT TERM HUP
    (
        echo "$BASHPID" >"$root/$CAGE/run/cgroup.procs"
        IN_CAGE=$CAGE exec unshare --mount --propagation private "$0" "$TREE" "$SCRIPT" "$@"
    ) || status=$?
    return "$status"
}

remove_group() {
    local i
    for ((i = 0; i < 250; i++)); do
        ! grep -q 'populated 1' "$1/cgroup.events" || { sleep 0.02 && continue; }
        break
    done
    find "$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
}

# systemd-nspawn is to see the unified control groups alone, and a /run/systemd that is no disk's.
prepare() {
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mkdir -p /run/systemd
    mount -t tmpfs tmpfs /run/systemd
    mkdir -p /run/systemd/copy
    mount -t tmpfs -o mode=755,size=80% tmpfs /run/systemd/copy
    mkdir /run/systemd/copy/{up,work,root}
    mount -t overlay overlay \
        -o "lowerdir=$TREE,upperdir=/run/systemd/copy/up,workdir=/run/systemd/copy/work" "$ROOT"
    [ -e "$ROOT/etc/hosts" ] || echo '127.0.0.1 localhost' >"$ROOT/etc/hosts"
    cp -a "$@" "$ROOT/srv/"
    cp "$SCRIPT" "$ROOT/srv/script"
    chmod 755 "$ROOT/srv/script"
}

# The container's first process, once it can be asked.
find_leader() {
    local i leader procs=/sys/fs/cgroup/$IN_CAGE/boot/payload/init.scope/cgroup.procs
    for ((i = 0; i < 400; i++)); do
        leader=$(head -qn 1 "$procs" 2>/dev/null || true)
        if [ -n "$leader" ] && [ -S "/proc/$leader/root/run/systemd/private" ]; then
            echo "$leader"
            return
        fi
        kill -0 "$1" 2>/dev/null || return 1
        sleep 0.05
    done
    return 1
}

inside() { # leader, command...
    local leader=$1
    shift
    nsenter --target "$leader" --all --wdns=/ -- "$@"
}

boot() {
    local spawn leader status=0
    prepare "$@"
    mkdir "/sys/fs/cgroup/$IN_CAGE/boot"
    # Without bpf, DevicePolicy= and IPAddressDeny= would do nothing.
    (
        echo "$BASHPID" >"/sys/fs/cgroup/$IN_CAGE/boot/cgroup.procs"
        exec systemd-nspawn --quiet --directory="$ROOT" --register=no --keep-unit --machine=flaskredis-boot \
            --console=pipe --private-network --system-call-filter='bpf @memlock' --boot
    ) </dev/null >/run/systemd/copy/console 2>&1 &
    spawn=$!
    leader=$(find_leader "$spawn") || {
        tail -n 30 /run/systemd/copy/console >&2
        die "systemd does not start"
    }
    inside "$leader" systemctl is-system-running --wait >/dev/null || true
    inside "$leader" systemd-run --quiet --wait --collect --pipe -E HOME=/root -E LANG=C.UTF-8 \
        -E DEBIAN_FRONTEND=noninteractive -E PATH=/usr/sbin:/usr/bin:/sbin:/bin -- /srv/script || status=$?
    inside "$leader" systemctl exit 0 || true
    wait "$spawn" || true
    return "$status"
}

[ "$(id -u)" = 0 ] || die "needs root"
if [ -z "${IN_CAGE:-}" ]; then
    make_tree
    cage "$@"
else
    boot "$@"
fi
