# shellcheck shell=sh disable=SC2034,SC2154 # names are shared with the other files
# Which Rust builds it? CARGO and RUSTC, else what PATH has, else what rustup put into the home folder. For another system
# than this one Rust must have its target, and there must be a linker: if not, configure warns, and make says why it stops.
# Where Rust has the target's standard library only as sources, as Debian's rust-web-src for Windows, make builds that, too.

rust_target='' cannot='' linker='' build_std=''

# find_tool NAME: prints the path or name to run.
find_tool() {
    if command -v "$1" >/dev/null 2>&1; then
        printf '%s\n' "$1"
    elif test -x "${CARGO_HOME:-${HOME-}/.cargo}/bin/$1"; then
        printf '%s\n' "${CARGO_HOME:-$HOME/.cargo}/bin/$1"
    fi
}

# at_least HAVE WANTED: compares versions of two numbers.
at_least() {
    have_major=${1%%.*} have_minor=${1#*.}
    have_minor=${have_minor%%.*}
    test "$have_major" -gt "${2%%.*}" || { test "$have_major" -eq "${2%%.*}" && test "$have_minor" -ge "${2#*.}"; }
}

# has_sources RUSTC: whether it brings the sources of its standard library.
has_sources() {
    test -f "$("$1" --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library/std/Cargo.toml"
}

# For Windows, the Rust of the system that has sources is preferred to one in the home folder that has none.
if test "$system" = windows && test "$host" != "$build" && test -z "${CARGO-}${RUSTC-}" &&
    ! has_sources rustc && has_sources /usr/bin/rustc && test -x /usr/bin/cargo; then
    CARGO=/usr/bin/cargo RUSTC=/usr/bin/rustc
fi
CARGO=${CARGO:-$(find_tool cargo)}
RUSTC=${RUSTC:-$(find_tool rustc)}
test -n "$CARGO" || die 'there is no cargo here; Rust is needed, see INSTALL, or say CARGO=/where/it/is'
test -n "$RUSTC" || die 'there is no rustc here; Rust is needed, see INSTALL, or say RUSTC=/where/it/is'
rust_version=$("$RUSTC" --version 2>>"$conf_log" | sed -n 's/^rustc \([0-9]*\.[0-9]*\).*/\1/p')
test -n "$rust_version" || die "$RUSTC does not run; config.log has what it said"
"$CARGO" --version >>"$conf_log" 2>&1 || die "$CARGO does not run; config.log has what it said"
at_least "$rust_version" "$rust_needed" || die "$RUSTC is version $rust_version, and $rust_needed or later is needed"
answer 'for Rust' "$("$RUSTC" --version)"

# rust_name TRIPLET: prints Rust's name of a system, whose parts differ from those of GNU.
rust_name() {
    cpu=${1%%-*} end=$rust_system
    case $cpu in
    i[3-5]86 | i786) cpu=i686 ;;
    amd64) cpu=x86_64 ;;
    arm64) cpu=aarch64 ;;
    riscv64) cpu=riscv64gc ;;
    ppc64le) cpu=powerpc64le ;;
    arm*) test "$system" != linux || case $1 in
        *hf) cpu=armv7 end=unknown-linux-gnueabihf ;;
        *) end=unknown-linux-gnueabi ;;
        esac ;;
    esac
    case $1 in
    *-linux-musl*) end=unknown-linux-musl ;;
    *-windows-msvc) end=pc-windows-msvc ;;
    esac
    printf '%s\n' "$cpu-$end"
}

if test "$host" != "$build"; then
    if test "$rust_system" = -; then
        cannot="Rust cannot build programs for $host"
    else
        rust_target=$(rust_name "$host")
        # Rust's usual target of Windows needs a library that wine and Windows 7 lack; this one is the same without.
        case $rust_target in
        x86_64-pc-windows-gnu | i686-pc-windows-gnu)
            if has_sources "$RUSTC"; then
                rust_target=${rust_target%%-*}-win7-windows-gnu build_std=-Zbuild-std
            fi
            ;;
        esac
        target_libs=$("$RUSTC" --print target-libdir --target "$rust_target" 2>>"$conf_log")
        if test -z "$build_std" && test ! -d "${target_libs:-/nowhere}"; then
            cannot="Rust has no standard library for $rust_target here (rustup target add $rust_target)"
        fi
    fi
    linker=${CC:-}
    if test -z "$linker"; then
        for name in "$host-gcc" "$host-cc" "$host-clang"; do
            if command -v "$name" >/dev/null 2>&1; then
                linker=$name
                break
            fi
        done
    fi
    if test -z "$cannot" && test -z "$linker"; then
        cannot="there is no compiler for $host to link with: neither $host-gcc nor $host-clang is in PATH (or say CC=...)"
    fi
    answer 'whether this machine can build for that system' "${rust_target:-no}${cannot:+: no}"
    test -z "$cannot" || warn "make will not work: $cannot"
fi

PROFILE=${PROFILE:-release}
case $PROFILE in
debug) PROFILE=dev ;;
*[!a-z0-9_-]*) die "PROFILE=$PROFILE is not the name of a profile" ;;
esac
