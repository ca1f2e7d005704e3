# shellcheck shell=sh disable=SC2154 # the answers come from config.status
# make bindings: the Rust types of the public C headers, made by bindgen into src/ffi/bindings.rs. Not a step of every build:
# the result is committed, and its first line has a checksum of the headers, which tests/build/bindings.sh compares without
# bindgen or libclang. `config.status --run bindings.sh --check` makes them anew and only compares (.ci/run does).

set -e
bindgen=${BINDGEN:-bindgen}
if ! command -v "$bindgen" >/dev/null 2>&1; then
    printf 'make: bindgen is not here (Debian: apt install bindgen libclang-dev); the committed src/ffi/bindings.rs does without\n' >&2
    exit 1
fi

work=$builddir/config.bindings.$$
mkdir "$work"
trap 'rm -rf "$work"' 0
printf '#include "ap_mpm.h"\n#include "scoreboard.h"\n' >"$work/all.h"

# Only what our headers define. Sizes and offsets are tested in src/ffi/mod.rs.
"$bindgen" --no-doc-comments --no-layout-tests --use-core --ctypes-prefix core::ffi --rust-target 1.47 \
    --raw-line '#![allow(missing_docs, non_camel_case_types, clippy::all)]' \
    --allowlist-var 'SERVER_.*|AP_.*' --allowlist-type 'ap_.*' "$work/all.h" -- -I"$srcdir/include" >"$work/types.rs"

# Without the line that names bindgen's version: the content is what counts.
{
    printf '// headers: %s\n' "$(cd "$srcdir/include" && cat ap_mpm.h scoreboard.h | cksum)"
    printf '//! The Rust types of include/ap_mpm.h and include/scoreboard.h. Do not edit: they come from "make bindings".\n'
    sed '/^\/\* automatically generated/d' "$work/types.rs"
} >"$work/bindings.rs"
if command -v rustfmt >/dev/null 2>&1; then rustfmt --edition 2021 "$work/bindings.rs"; fi

place=$srcdir/src/ffi/bindings.rs
if test "${1-}" = --check; then
    diff "$place" "$work/bindings.rs" || {
        printf 'src/ffi/bindings.rs is not what the headers give: run make bindings\n' >&2
        exit 1
    }
    exit 0
fi
cp "$work/bindings.rs" "$place"
printf 'written: %s\n' "$place"
