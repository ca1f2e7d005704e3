# shellcheck shell=sh disable=SC2034,SC2154 # names are shared with the other files
# Is there a C compiler? The server needs none; the tests of the C headers do.

if test -z "$CC" && test "$host" = "$build"; then
    for name in cc gcc clang; do
        if command -v "$name" >/dev/null 2>&1; then
            CC=$name
            break
        fi
    done
fi
answer 'for a C compiler' "${CC:-none (only the tests of the C headers miss it)}"
