#!/bin/bash
# Install the Debian packages that building and testing need and this machine misses.
#
#   packaging/deps.sh [SET...]        sets: build redis test valgrind fuzz lint bench plots web deb systemd
#
# Asks nothing, and calls no package manager when all is there. With no set it does nothing.
set -euo pipefail

# set, package, what tells that it is there
readonly TABLE='
build    gcc               command:cc
build    libc6-dev         header:stdio.h
build    make              command:make
build    pkg-config        command:pkg-config
build    libevent-dev      library:libevent_pthreads
build    libinih-dev       header:ini.h
build    uthash-dev        header:uthash.h
build    libhiredis-dev    library:hiredis
build    liblua5.1-0-dev   library:lua5.1
build    libsystemd-dev    library:libsystemd
redis    redis-server      command:redis-server
redis    redis-tools       command:redis-cli
test     libcunit1-dev     header:CUnit/Basic.h
test     python3           command:python3
test     python3-redis     python:redis
test     procps            command:ps
test     spin              command:spin
valgrind valgrind          command:valgrind
fuzz     clang             command:clang
fuzz     libclang-rt-dev   fuzzer:clang
lint     clang             command:clang
lint     clang-format      command:clang-format
lint     clang-tidy        command:clang-tidy
lint     cppcheck          command:cppcheck
lint     groff             command:groff
lint     shellcheck        command:shellcheck
lint     python3           command:python3
web      prometheus        command:promtool
web      chromium          command:chromium
bench    libhiredis-dev    library:hiredis
plots    gnuplot-nox       command:gnuplot
deb      debhelper         command:dh
deb      dpkg-dev          command:dpkg-buildpackage
deb      lintian           command:lintian
deb      systemd           command:systemd-analyze
deb      systemd-dev?      library:systemd
systemd  mmdebstrap        command:mmdebstrap
systemd  systemd-container command:systemd-nspawn
bench    nutcracker?       command:nutcracker
'

have_command() { command -v "$1" >/dev/null; }
have_library() { have_command pkg-config && pkg-config --exists "$1"; }
have_header() { compgen -G "/usr/include/$1" >/dev/null || compgen -G "/usr/include/*/$1" >/dev/null ||
    compgen -G "/usr/local/include/$1" >/dev/null; }
have_python() { "$(system_python)" -c "import $1" 2>/dev/null; }
have_fuzzer() { have_command "$1" &&
    compgen -G "$("$1" -print-resource-dir)/lib/*/libclang_rt.fuzzer*.a" >/dev/null; }

# Debian's own interpreter sees Debian's modules, whatever else comes first in PATH.
system_python() { if [ -x /usr/bin/python3 ]; then echo /usr/bin/python3; else echo python3; fi; }

missing_packages() {
    local set package probe
    while read -r set package probe; do
        case " $* " in *" $set "*) ;; *) continue ;; esac
        "have_${probe%%:*}" "${probe#*:}" || echo "$package"
    done < <(grep . <<<"$TABLE") | sort -u
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have_command sudo; then
        sudo "$@"
    else
        echo 'flaskredis: installing packages needs root, and there is no sudo' >&2
        exit 1
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 \
        -o DPkg::Lock::Timeout=300 "$@" >&2
}

# A package with '?' is not in every release: left out when this one lacks it.
available() {
    local package
    for package in "$@"; do
        case $package in
        *\?) ! apt-cache show "${package%\?}" >/dev/null 2>&1 || echo "${package%\?}" ;;
        *) echo "$package" ;;
        esac
    done
}

# Installing redis-server would start a server on the host's own port. Tests and demonstrations start
# private ones, so the package's service is kept from starting now and at the next boot.
readonly POLICY=/usr/sbin/policy-rc.d
install_without_services() {
    local ours=
    if [ ! -e "$POLICY" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
        as_root chmod 755 "$POLICY"
        ours=yes
    fi
    local status=0
    apt install --no-install-recommends "$@" || status=$?
    [ -z "$ours" ] || as_root rm -f "$POLICY"
    case " $* " in
    *' redis-server '*) ! have_command systemctl || as_root systemctl -q disable redis-server >&2 || true ;;
    esac
    return "$status"
}

main() {
    local missing wanted
    mapfile -t missing < <(missing_packages "$@")
    # One that may not exist here is no reason to ask apt for each time.
    mapfile -t wanted < <(grep -v '?$' <(printf '%s\n' "${missing[@]}") || true)
    if [ "${#missing[@]}" = 0 ]; then
        return
    fi
    if ! have_command apt-get; then
        [ "${#wanted[@]}" != 0 ] || return 0
        printf 'flaskredis: missing, as Debian names it: %s\n' "${wanted[*]}" >&2
        exit 1
    fi
    if [ "${#wanted[@]}" != 0 ]; then
        echo "flaskredis: installing ${wanted[*]}" >&2
        apt update
    fi
    mapfile -t missing < <(available "${missing[@]}")
    [ "${#missing[@]}" = 0 ] || install_without_services "${missing[@]}"
}

main "$@"
