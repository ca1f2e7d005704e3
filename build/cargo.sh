# shellcheck shell=sh disable=SC2154 # the answers come from config.status
# What make hands to cargo. Run by `config.status --run cargo.sh VERB`: `program` builds the server and puts it at the top of
# the build folder; `test` and other verbs of cargo do that with the configured MPM and modules. Everything cargo writes
# lies in the build folder, and the lock file is obeyed, so the sources may be read-only.

set -e
if test -n "$cannot"; then
    printf 'make: this build was configured for %s, but %s\n' "$host" "$cannot" >&2
    exit 1
fi

HTTPD_CONFIG=$builddir/include/httpd_config.h
export HTTPD_CONFIG CARGO RUSTC
if test -n "$CC"; then export CC; fi
if test -n "$CFLAGS"; then export CFLAGS; fi
if test -n "$RUSTFLAGS"; then export RUSTFLAGS; fi
if test -n "$rust_target" && test -n "$linker"; then
    eval "export CARGO_TARGET_$(printf '%s\n' "$rust_target" | tr 'a-z.-' 'A-Z__')_LINKER=\$linker"
fi

# cargo_call VERB ARGUMENT...: shows and runs it.
cargo_call() {
    verb=$1
    shift
    set -- "$CARGO" "$verb" --locked --manifest-path "$srcdir/Cargo.toml" --target-dir "$builddir/target" \
        --no-default-features --features "$features" "$@"
    printf 'HTTPD_CONFIG=%s' "$HTTPD_CONFIG"
    printf ' %s' "$@"
    printf '\n'
    "$@"
}

case ${1-program} in
program)
    profile=${PROFILE:-release}
    test "$profile" != debug || profile=dev
    folder=$profile
    test "$profile" != dev || folder=debug
    set -- --profile "$profile" --bin httpd
    test -z "$rust_target" || set -- "$@" --target "$rust_target"
    if test -n "$build_std"; then
        # Building the standard library is not a promise of Rust's; this is how one says that one knows.
        set -- "$@" "$build_std"
        export RUSTC_BOOTSTRAP=1
    fi
    cargo_call build "$@"
    made=target/${rust_target:+$rust_target/}$folder/httpd$exe
    program=./$progname$exe
    # A running server may be executing the old file: the new one takes its name, not its place.
    if ! cmp -s "$made" "$program"; then
        cp "$made" "$program.new"
        mv -f "$program.new" "$program"
    fi
    ;;
*)
    cargo_call "$@"
    ;;
esac
