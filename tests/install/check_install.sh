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

# As from a shell of its own: of the make that runs the tests only the variables, which are in MAKE.
make_target() {
    # shellcheck disable=SC2086
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL $MAKE "$@" DESTDIR="$STAGE" prefix="$PREFIX"
}

pkg_config() {
    PKG_CONFIG_PATH=$INSTALLED/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$STAGE pkg-config "$@"
}

public_prototypes() { sed -n 's/^[a-z].*[ *]\(flask_redis_[a-z_]*\)(.*/\1/p' include/flaskredis.h | sort; }

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
        $(pkg_config --cflags flaskredis) "$@" $(pkg_config --libs flaskredis hiredis)
}

example_says_what_is_wrong() {
    local said
    said=$(FLASKREDIS_RUNTIME_DIR=$(printf '/%0107d' 0) LD_LIBRARY_PATH=$INSTALLED/lib "$STAGE/visits" 2>&1)
    same 'CACHE: File name too long' "$said"
}

version_program() {
    printf '#include <stdio.h>\n#include <flaskredis.h>\nint main(void) { return puts(flask_redis_version()) < 0; }\n'
}

versions_agree() {
    version_program >"$STAGE/version.c"
    # shellcheck disable=SC2046
    "$CC" -o "$STAGE/version" "$STAGE/version.c" $(pkg_config --cflags flaskredis) \
        "$INSTALLED/lib/libflaskredis.a" && same "$(pkg_config --modversion flaskredis)" "$("$STAGE/version")"
}

header_is_cxx() {
    command -v "${CXX:-c++}" >/dev/null || { echo '  skipped: C++ (no compiler)' && return 0; }
    echo '#include <flaskredis.h>' | "${CXX:-c++}" -Wall -Wextra -Werror -fsyntax-only -x c++ -I"$INSTALLED/include" -
}

daemon_has_the_version() {
    same "flaskredisd $(pkg_config --modversion flaskredis)" "$("$INSTALLED/sbin/flaskredisd" --version)"
}

configuration_is_good() { "$INSTALLED/sbin/flaskredisd" --check -c "$CONFIG"; }

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
check 'header, library and pkg-config agree on the version' versions_agree
check 'the header is C++ as well' header_is_cxx
check 'the installed daemon has that version' daemon_has_the_version
check 'the installed configuration is good' configuration_is_good
check 'a second installation keeps an edited configuration' keeps_configuration
check 'uninstalling leaves the configuration and nothing else' uninstall_leaves_configuration_alone

echo "install: $passed passed, $failed failed"
[ "$failed" = 0 ]
