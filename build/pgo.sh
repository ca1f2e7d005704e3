# shellcheck shell=sh disable=SC2154 # the answers come from config.status
# make pgo: the configured server, optimised by a profile of what it does under load. Builds it with counters, has bench/train.py put
# a load on it, and builds it again. Wants wrk, Python and the llvm-profdata of rustc's LLVM; some minutes.

set -e
work=$builddir/target/pgo
llvm=$("$RUSTC" -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
profdata=
for name in ${LLVM_PROFDATA:+"$LLVM_PROFDATA"} "llvm-profdata-$llvm" llvm-profdata; do
    # Another version's may not understand what this one wrote.
    if "$name" --version 2>/dev/null | grep "LLVM version $llvm\." >/dev/null; then
        profdata=$name
        break
    fi
done
if test -z "$profdata"; then
    printf 'make: no llvm-profdata of LLVM %s is on PATH (Debian: apt-get install llvm-%s); set LLVM_PROFDATA\n' "$llvm" "$llvm" >&2
    exit 1
fi

flags=$RUSTFLAGS
rm -rf "$work/raw"
mkdir -p "$work/raw"
HTTPD_CONFIG=$builddir/include/httpd_config.h RUSTFLAGS="$flags -Cprofile-generate=$work/raw" \
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    "$CARGO" build --release --bin httpd --locked --manifest-path "$srcdir/Cargo.toml" --target-dir "$work/counting" \
    --no-default-features --features "$features"
python3 "$srcdir/bench/train.py" "$work/counting/release/httpd" --mpm "$mpm_name" --raw "$work/raw"
"$profdata" merge -o "$work/merged.profdata" "$work/raw"

RUSTFLAGS="$flags -Cprofile-use=$work/merged.profdata"
set -- program
# shellcheck source=/dev/null
. "$srcdir/build/cargo.sh"
