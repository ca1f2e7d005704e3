# shellcheck shell=sh disable=SC2153,SC2154 # the answers come from config.status
# make check-systems: type-checks the whole server, library and program, for systems of other kernels, each with its default
# MPM, and with event too where the kernel has a poller; then prints a table. Nothing is linked and nothing is run. The standard
# library is checked with it from its sources, so no target need be installed; that wants a Rust that has them
# (Debian's cargo-web, rustc-web and rust-web-src), which is taken from CARGO and RUSTC or from /usr/bin. SYSTEMS="freebsd macos" names
# some of build/systems instead.

set +f
set -e
systems=${SYSTEMS:-freebsd macos illumos haiku}

# has_sources CARGO RUSTC: whether that Rust brings the sources of its standard library.
has_sources() {
    test -x "$(command -v "$1")" && test -e "$("$2" --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library/std/Cargo.toml"
}
if has_sources "$CARGO" "$RUSTC"; then
    cargo=$CARGO rustc=$RUSTC
elif has_sources /usr/bin/cargo /usr/bin/rustc; then
    cargo=/usr/bin/cargo rustc=/usr/bin/rustc
else
    printf 'make: no Rust here has the sources of its standard library (Debian: apt-get install cargo-web rustc-web rust-web-src)\n' >&2
    exit 1
fi

# column SYSTEM N: a field of its first row in build/systems.
column() {
    awk -v name="$1" -v n="$2" '!/^#/ && $2 == name { print $n; exit }' "$srcdir/build/systems"
}

# check TARGET LOG ARGUMENT...: what HTTPD_CONFIG says of this build is not for that system, so the defaults of the target count.
check() {
    target=$1 log=$2
    shift 2
    (
        unset HTTPD_CONFIG RUSTFLAGS
        RUSTC_BOOTSTRAP=1 RUSTC=$rustc "$cargo" check --locked --lib --bins -Zbuild-std=std,panic_unwind --target "$target" \
            --manifest-path "$srcdir/Cargo.toml" --target-dir "$builddir/check-systems/target" "$@"
    ) >"$log" 2>&1
}

# verdict LOG: in a few words, why it failed.
verdict() {
    # shellcheck disable=SC2016 # cargo's quotes
    crate=$(sed -n 's/^error: could not compile `\([^`]*\)`.*/\1/p' "$1" | head -n 1)
    case $crate in
    httpd) printf 'FAILED: %s errors' "$(grep -c '^error\[' "$1")" ;;
    '') printf 'FAILED: %s' "$(grep '^error' "$1" | head -n 1)" ;;
    *) printf 'FAILED: the crate %s has no such system' "$crate" ;;
    esac
}

table='' failed=0
mkdir -p check-systems
for system in $systems; do
    target=x86_64-$(column "$system" 5)
    mpms=default
    case ,$(column "$system" 6), in
    *,epoll,* | *,kqueue,* | *,ports,*) mpms='default event' ;;
    esac
    for mpm in $mpms; do
        log=check-systems/$system-$mpm.log
        printf '== %s, MPM %s\n' "$target" "$mpm"
        if test "$mpm" = default; then set --; else set -- --features "mpm-$mpm"; fi
        if check "$target" "$log" "$@"; then
            result='type-checks'
            if grep -q '^warning: .* generated .* warning' "$log"; then result='type-checks, with warnings'; fi
        else
            result=$(verdict "$log")
            failed=1
            cat "$log"
        fi
        # The build script tells what it took for the default.
        if test "$mpm" = default; then mpm=$(sed -n 's/.*building the defaults of [^,]*, MPM \([^,]*\),.*/\1/p' "$log" | head -n 1); fi
        table="$table$(printf '%-10s %-26s %-10s %-28s %s' "$system" "$target" "$mpm" "$result" 'not run')
"
    done
done
printf '\n%-10s %-26s %-10s %-28s %s\n%s' system target MPM check program "$table"
exit "$failed"
