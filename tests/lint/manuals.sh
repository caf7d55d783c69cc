#!/bin/bash
# Render manual pages and fail on any warning of the formatter, or of mandoc where it is installed.
#
#   tests/lint/manuals.sh PAGE...
set -euo pipefail

status=0
for page in "$@"; do
    warnings=$(groff -mandoc -Tutf8 -Kutf8 -ww -z "$page" 2>&1)
    if command -v mandoc >/dev/null; then
        warnings+=$(mandoc -T lint -W warning "$page" 2>&1 || true)
    fi
    if [ -n "$warnings" ]; then
        printf '%s\n' "$warnings"
        status=1
    fi
done
exit "$status"
