#!/bin/bash
# Build the Debian packages of this tree, as a normal user, into build/deb.
#
#   packaging/deb.sh BUILD_DIRECTORY VERSION
#
# The tree is laid out as Debian wants it, packaging/debian beside the sources, which are the
# original. The Debian revision is what packaging/debian/changelog says. Then lintian looks at it.
set -euo pipefail

readonly OUT=$1/deb VERSION=$2
readonly TREE=$OUT/flaskredis-$VERSION

# What is under version control, as it is now; all but what was built where there is none.
list_files() {
    if git rev-parse --git-dir >/dev/null 2>&1; then
        git ls-files -z --cached --others --exclude-standard
    else
        find . -path ./build -prune -o -type f -print0 | sed -z 's|^\./||'
    fi
}

lay_out() {
    rm -rf "$OUT"
    mkdir -p "$TREE"
    list_files | while IFS= read -r -d '' file; do
        case $file in
        packaging/debian/*) ;;
        *) [ ! -e "$file" ] || printf '%s\0' "$file" ;;
        esac
    done | tar -c --null -T - | tar -x -C "$TREE"
    tar -C "$OUT" --sort=name --owner=0 --group=0 --numeric-owner \
        --mtime="$(dpkg-parsechangelog -l packaging/debian/changelog -S Date)" \
        -cJf "$OUT/flaskredis_$VERSION.orig.tar.xz" "flaskredis-$VERSION"
    cp -a packaging/debian "$TREE/debian"
}

lay_out
(cd "$TREE" && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL dpkg-buildpackage -us -uc -sa)
if command -v lintian >/dev/null; then
    lintian --fail-on error,warning "$OUT"/*.changes
fi
ls "$OUT"/*.deb
