#!/bin/bash
# Write the make variables that depend on this machine: libraries, flags the compiler knows, tools.
#
#   CC=cc CLANG=clang packaging/configure.sh build/config.mk
#
# The file is touched only when something changed. A library that the daemon cannot do without ends
# the build with the name of its package.
set -euo pipefail

readonly OUT=$1
CC=${CC:-cc}
CLANG=${CLANG:-clang}

fail() {
    printf 'flaskredis: %s\n' "$1" >&2
    exit 1
}

have() { command -v "$1" >/dev/null; }

need_command() { # command, Debian package
    have "${1%% *}" || fail "$1 is missing: \"make deps\" installs it, or: apt-get install $2"
}

compiles() { # flags...
    echo 'int main(void) { return 0; }' | $CC -Werror "$@" -x c -c -o /dev/null - 2>/dev/null
}

need_library() { # pkg-config name, least version, Debian package
    pkg-config --exists "$1 >= $2" ||
        fail "library $1 $2 or newer is missing: \"make deps\" installs it, or: apt-get install $3"
}

need_header() { # header, Debian package
    echo "#include <$1>" | $CC -E -x c - >/dev/null 2>&1 ||
        fail "header $1 is missing: \"make deps\" installs it, or: apt-get install $2"
}

hardening() {
    local flag
    for flag in -fstack-clash-protection -fcf-protection; do
        ! compiles "$flag" || printf '%s ' "$flag"
    done
}

# Tests and benchmarks have libraries of their own: whoever only builds does without them.
optional_libs() { pkg-config --silence-errors --libs "$@" || true; }

fuzz_library() {
    ! have "$CLANG" || compgen -G "$("$CLANG" -print-resource-dir)/lib/*/libclang_rt.fuzzer*.a" || true
}

readonly LIBEVENT=(libevent_core libevent_extra libevent_pthreads)

# Scripts in the mock engine: liblua5.1, unless WITH_LUA=no.
lua_name() {
    local name
    [ "${WITH_LUA:-yes}" != no ] || return 0
    for name in lua5.1 lua-5.1 lua51; do
        ! pkg-config --exists "$name" || { echo "$name" && return 0; }
    done
}

# Speaking with systemd: libsystemd, unless WITH_SYSTEMD=no.
systemd_name() {
    if [ "${WITH_SYSTEMD:-yes}" != no ] && pkg-config --exists 'libsystemd >= 246'; then
        echo libsystemd
    fi
}

settings() {
    local cunit lua lua_libs='' lua_cflags='' systemd systemd_libs='' systemd_cflags=''
    systemd=$(systemd_name)
    if [ -n "$systemd" ]; then
        systemd_libs=$(pkg-config --libs "$systemd")
        systemd_cflags="-DWITH_SYSTEMD $(pkg-config --cflags "$systemd")"
    fi
    lua=$(lua_name)
    if [ -n "$lua" ]; then
        lua_libs=$(pkg-config --libs "$lua")
        lua_cflags="-DFR_MOCK_LUA $(pkg-config --cflags "$lua")"
    fi
    cunit=$(optional_libs cunit)
    echo "HARDENING_PROBED := $(hardening)"
    echo "LIBRARY_CFLAGS := $(pkg-config --cflags "${LIBEVENT[@]}") $lua_cflags $systemd_cflags"
    echo "DAEMON_LIBS := $(pkg-config --libs "${LIBEVENT[@]}") -linih $lua_libs $systemd_libs -lm"
    echo "CLIENT_LIBS := $(pkg-config --libs hiredis) $lua_libs -lm"
    echo "LUA_LIBS := $lua_libs"
    echo "TEST_LIBS := ${cunit:--lcunit} -lm"
    echo "BENCH_LIBS := $(optional_libs hiredis) $lua_libs -lm"
    echo "HAVE_SYSTEMD := ${systemd:+yes}"
    echo "VALGRIND := $(command -v valgrind || true)"
    echo "FUZZ_LIBRARY := $(fuzz_library | head -n 1)"
}

need_command "$CC" gcc
need_command pkg-config pkg-config
need_header stdio.h libc6-dev
for library in "${LIBEVENT[@]}"; do
    need_library "$library" 2.1 libevent-dev
done
need_header ini.h libinih-dev
need_library hiredis 0.14 libhiredis-dev
need_header uthash.h uthash-dev

mkdir -p "$(dirname "$OUT")"
readonly NEW=$OUT.$$ # another make may be doing the same
settings >"$NEW"
if cmp -s "$NEW" "$OUT"; then
    rm "$NEW"
else
    mv "$NEW" "$OUT"
fi
