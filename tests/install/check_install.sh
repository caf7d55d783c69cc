#!/bin/bash
# What "make install" leaves behind, as a program's author and an administrator meet it.
#
#   tests/install/check_install.sh        from the project's root; MAKE and CC as in the environment
#
# Prints "N passed, N failed" like the other suites.
set -uo pipefail

readonly MAKE=${MAKE:-make}
readonly CC=${CC:-cc}
readonly PREFIX=/opt/flaskredis
STAGE=$(mktemp -d)
readonly STAGE
readonly INSTALLED=$STAGE$PREFIX
readonly CONFIG=$INSTALLED/etc/flaskredis/flaskredis.conf
trap 'rm -rf "$STAGE"' EXIT

# shellcheck source=tests/checks.sh
. tests/checks.sh

# As from a shell of its own: of the make that runs the tests only the variables, which are in MAKE.
make_target() {
    # shellcheck disable=SC2086
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL $MAKE "$@" DESTDIR="$STAGE" prefix="$PREFIX"
}

pkg_config() {
    PKG_CONFIG_PATH=$INSTALLED/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$STAGE pkg-config "$@"
}

# text.h has macros and inline functions, which are not exported. Comments hold examples.
public_prototypes() {
    find include/flaskredis -name '*.h' ! -name text.h -exec cat {} + |
        "$CC" -fpreprocessed -E -P -x c - 2>/dev/null |
        sed -n 's/^[A-Za-z].*[ *]\(flask_[a-z_]*\)(.*/\1/p' | sort
}

exported() {
    nm -D --defined-only --no-weak "$INSTALLED/lib/libflaskredis.so" | awk '$2 != "A" { print $3 }' | sort
}

exports_the_header_alone() { same "$(public_prototypes)" "$(exported | sed 's/@.*//')"; }

exports_have_versions() { [ -n "$(exported)" ] && ! exported | grep -v '@@FLASKREDIS_[0-9]'; }

soname_is_linked() {
    local soname
    soname=$(readelf -d "$INSTALLED/lib/libflaskredis.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
    [ -n "$soname" ] && [ -e "$INSTALLED/lib/$soname" ]
}

# The example in the header's opening comment is the program that users copy.
example() { sed -n '/^#ifndef/q; s/^ \*     //p; s/^ \*$//p' include/flaskredis.h; }

example_compiles() { # linking options...
    example >"$STAGE/visits.c"
    # shellcheck disable=SC2046
    "$CC" -std=gnu11 -Wall -Wextra -Werror -o "$STAGE/visits" "$STAGE/visits.c" \
        $(pkg_config --cflags --libs flaskredis) "$@"
}

example_says_what_is_wrong() {
    local said
    said=$(env -u REDIS_URL FLASKREDIS_RUNTIME_DIR="$STAGE" LD_LIBRARY_PATH="$INSTALLED/lib" "$STAGE/visits" 2>&1)
    case $said in
    "no daemon at $STAGE/redis.sock: "*) ;;
    *) same 'no daemon at ...' "$said" ;;
    esac
}

# A daemon and a server of the test's own, for the programs below.
start_servers() {
    redis-server --port 0 --unixsocket "$STAGE/server.sock" --save '' --dir "$STAGE" >"$STAGE/server.log" 2>&1 &
    SERVER=$!
    mkdir -p "$STAGE/run"
    REDIS_URL="unix://$STAGE/server.sock" CACHE_URL="unix://$STAGE/server.sock?db=1" \
        FLASKREDIS_RUNTIME_DIR="$STAGE/run" "$INSTALLED/sbin/flaskredisd" -c "$CONFIG" >"$STAGE/daemon.log" 2>&1 &
    DAEMON=$!
    local deadline=$((SECONDS + 20))
    until redis-cli -s "$STAGE/run/cache.sock" ping 2>/dev/null | grep -q PONG; do
        [ $SECONDS -lt $deadline ] || return 1
    done
}

stop_servers() {
    kill "$DAEMON" "$SERVER" && wait "$DAEMON" "$SERVER"
    true
}

run_program() { # program, arguments...
    env -u REDIS_URL -u CACHE_URL FLASKREDIS_RUNTIME_DIR="$STAGE/run" LD_LIBRARY_PATH="$INSTALLED/lib" \
        timeout 30 "$@"
}

example_works() {
    same '1 visits by nobody known' "$(run_program "$STAGE/visits")"
}

# The program of the README, with the line of the README.
readme_works() {
    # shellcheck disable=SC2016
    sed -n '/^```c$/,/^```$/p' README.md | sed '/^```/d' >"$STAGE/readme.c"
    [ "$(wc -l <"$STAGE/readme.c")" -lt 25 ] || return 1
    # shellcheck disable=SC2046
    "$CC" -o "$STAGE/readme" "$STAGE/readme.c" $(pkg_config --cflags --libs flaskredis) &&
        same '2 visits by nobody known' "$(run_program "$STAGE/readme")"
}

build_example() { # name
    # shellcheck disable=SC2046
    "$CC" -std=gnu11 -Wall -Wextra -Werror -o "$STAGE/$1" "examples/$1.c" \
        $(pkg_config --cflags --libs flaskredis)
}

example_prints() { # name, what it prints
    build_example "$1" && same "$2" "$(run_program "$STAGE/$1")"
}

cache_aside_is_tested_without_servers() {
    same $'article:1 costs 9.90\narticle:1 costs 9.90 (cached)\nloaded 1 time(s)\nthe provider was asked 3 times' \
        "$(TESTING=1 FLASKREDIS_RUNTIME_DIR=/nowhere LD_LIBRARY_PATH=$INSTALLED/lib "$STAGE/cache_aside")"
}

cxx_example_prints() {
    command -v "${CXX:-c++}" >/dev/null || { echo '  skipped: C++ example (no compiler)' && return 0; }
    # shellcheck disable=SC2046
    "${CXX:-c++}" -std=c++11 -Wall -Wextra -Werror -o "$STAGE/stock" examples/stock.cc \
        $(pkg_config --cflags --libs flaskredis) &&
        same $'3 left\n3 left\n1 deleted' "$(run_program "$STAGE/stock")"
}

python_example_prints() {
    /usr/bin/python3 -c 'import redis' 2>/dev/null || { echo '  skipped: Python example (no redis-py)' && return 0; }
    same $'chips\n{b\x27name\x27: b\x27Ada\x27}\n[1, 1]' \
        "$(REDIS_URL=unix://$STAGE/run/redis.sock /usr/bin/python3 examples/python/flask_style.py)"
}

names_of_the_static_library() {
    same '' "$(nm -g --defined-only "$INSTALLED/lib/libflaskredis.a" | awk 'NF == 3 && $3 !~ /^flask_/ { print $3 }')"
}

version_program() {
    printf '#include <stdio.h>\n#include <flaskredis.h>\nint main(void) { return puts(flask_redis_version()) < 0; }\n'
}

versions_agree() {
    version_program >"$STAGE/version.c"
    # shellcheck disable=SC2046
    "$CC" -o "$STAGE/version" "$STAGE/version.c" $(pkg_config --cflags flaskredis) \
        "$INSTALLED/lib/libflaskredis.a" $(pkg_config --static --libs-only-l flaskredis | sed 's/-lflaskredis//') && same "$(pkg_config --modversion flaskredis)" "$("$STAGE/version")"
}

header_is_cxx() {
    command -v "${CXX:-c++}" >/dev/null || { echo '  skipped: C++ (no compiler)' && return 0; }
    printf '#include <flaskredis%s.h>\n' '' /mock /provider | "${CXX:-c++}" -Wall -Wextra -Werror -fsyntax-only -x c++ -I"$INSTALLED/include" -
}

daemon_has_the_version() {
    same "flaskredisd $(pkg_config --modversion flaskredis)" "$("$INSTALLED/sbin/flaskredisd" --version)"
}

configuration_is_good() { "$INSTALLED/sbin/flaskredisd" --check -c "$CONFIG"; }

the_tool_finds_the_daemon() { "$INSTALLED/bin/flaskredisctl" config check "$CONFIG"; }

units_name_what_is_installed() {
    local unit=$INSTALLED/lib/systemd/system/flaskredisd.service
    [ -e "$unit" ] || { echo '  skipped: units (built without systemd)' && return 0; }
    same "$PREFIX/sbin/flaskredisd" "$(sed -n 's/^ExecStart=//p' "$unit")" && ! grep -n '@[a-z]*@' "$unit"
}

unit_is_hardened() {
    local unit=$INSTALLED/lib/systemd/system/flaskredisd.service
    command -v systemd-analyze >/dev/null || { echo '  skipped: hardening (no systemd-analyze)' && return 0; }
    [ ! -e "$unit" ] || systemd-analyze security --offline=yes --threshold=14 --no-pager "$unit" | tail -n 1
}

keeps_configuration() {
    echo '# edited' >"$CONFIG" && make_target install >/dev/null && same '# edited' "$(cat "$CONFIG")"
}

uninstall_leaves_configuration_alone() {
    make_target uninstall >/dev/null && same "$CONFIG" "$(find "$INSTALLED" ! -type d)"
}

check 'installation succeeds' make_target install
check 'the library exports what the header declares, and nothing else' exports_the_header_alone
check 'every exported symbol has a version' exports_have_versions
check 'the name programs link with is there' soname_is_linked
check 'the example of the header compiles against what was installed' example_compiles
check 'the example says what is wrong' example_says_what_is_wrong
check 'every other name in the static library is its own' names_of_the_static_library
if start_servers; then
    check 'the example works' example_works
    check 'the program of the README has less than 25 lines, compiles and works' readme_works
    check 'the quick start runs' example_prints quickstart \
        $'name = Ada\nteam = engines\npage: <html>\nextensions found: yes'
    check 'the pre-fork server runs' example_prints prefork 'served: 1000'
    check 'the cache runs' example_prints cache_aside \
        $'article:1 costs 9.90\narticle:1 costs 9.90 (cached)\nloaded 1 time(s)'
    check 'the cache is tested without daemon and server' cache_aside_is_tested_without_servers
    check 'publish/subscribe runs' example_prints news $'weather: fine\nsport:chess: 1-0\nsport:go: B+R'
    check 'the C++ example runs' cxx_example_prints
    check 'the Python example runs' python_example_prints
else
    check 'a daemon and a server start' false
fi
stop_servers
check 'header, library and pkg-config agree on the version' versions_agree
check 'the headers are C++ as well' header_is_cxx
check 'the installed daemon has that version' daemon_has_the_version
check 'the installed configuration is good' configuration_is_good
check 'the installed tool finds the daemon' the_tool_finds_the_daemon
check 'the unit starts what was installed' units_name_what_is_installed
check 'the exposure of the unit is 1.4 at most' unit_is_hardened
check 'a second installation keeps an edited configuration' keeps_configuration
check 'uninstalling leaves the configuration and nothing else' uninstall_leaves_configuration_alone

echo "install: $passed passed, $failed failed"
[ "$failed" = 0 ]
