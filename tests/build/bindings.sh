#! /bin/sh
# The committed Rust types are those of the committed headers: by checksum, and, where bindgen is, by making them anew.

. "${0%/*}/lib.sh"
first=$(head -n 1 "$SRCDIR/src/ffi/bindings.rs")
sum=$(cd "$SRCDIR/include" && cat ap_mpm.h scoreboard.h | cksum)
test "$first" = "// headers: $sum" || fail "src/ffi/bindings.rs was made from other headers ($first): run make bindings"
need bindgen
good "$SRCDIR/configure" -q
good ./config.status --run bindings.sh --check
