# shellcheck shell=sh disable=SC2034 # the scripts that read this file use the names
# What the tests of this folder share. Each runs in an empty folder of its own, with SRCDIR set to the source tree.

set -eu
LC_ALL=C
export LC_ALL
: "${SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}"
here=$(pwd)
test ! -e Cargo.toml || { printf 'FAILED: to be run in an empty folder, not in the sources\n' >&2; exit 1; }
# What cargo and make around us set is not for the ones that we start; only where cargo is must be kept.
if test -n "${CARGO-}"; then PATH=${CARGO%/*}:$PATH; fi
unset CARGO RUSTC RUSTFLAGS PROFILE CC CFLAGS HTTPD_CONFIG CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR MAKEFLAGS MFLAGS MAKELEVEL DESTDIR SOURCE_DATE_EPOCH HTTPD ULIMIT_MAX_FILES STATUSURL LYNX

fail() {
    printf 'FAILED: %s\n' "$1" >&2
    for file in out err; do
        test ! -s "$here/$file" || sed "s/^/  $file: /" "$here/$file" >&2
    done
    exit 1
}

# need TOOL: leaves the test, with success, where the tool is missing.
need() {
    if command -v "$1" >/dev/null 2>&1; then return 0; fi
    test -z "${HTTPD_CI-}" || fail "$1 is missing"
    printf 'skipped: there is no %s here\n' "$1"
    exit 0
}

# run COMMAND...: its output in the files out and err, its exit code in $code.
run() {
    code=0
    "$@" >"$here/out" 2>"$here/err" </dev/null || code=$?
}

# good COMMAND..., bad COMMAND...: run, and what the exit code must say.
good() {
    run "$@"
    test "$code" = 0 || fail "$* ended with $code"
}
bad() {
    run "$@"
    test "$code" != 0 || fail "$* ended with 0"
}

# says FILE TEXT, silent FILE TEXT: whether a line has the text.
says() {
    grep -qF -e "$2" "$here/$1" || fail "no \"$2\" in $1"
}
silent() {
    ! grep -qF -e "$2" "$here/$1" || fail "\"$2\" in $1"
}

# lines FILE N: it has so many.
lines() {
    test "$(wc -l <"$here/$1" | tr -d ' ')" = "$2" || fail "$1 should have $2 lines"
}

# defined NAME: prints what the header in this folder says.
defined() {
    sed -n "s/^#define $1 //p" include/httpd_config.h
}

# is NAME VALUE: the header says so.
is() {
    test "$(defined "$1")" = "$2" || fail "$1 is $(defined "$1"), not $2"
}

# stub FOLDER: a copy of what builds the server around a program of ten lines, for tests that would otherwise take minutes.
stub() {
    mkdir -p "$1/src" "$1/tests/build" "$1/docs"
    cp -R "$SRCDIR/configure" "$SRCDIR/Makefile.in" "$SRCDIR/build" "$1/"
    mkdir -p "$1/include" "$1/support" "$1/mpm"
    cp "$SRCDIR"/include/*.in "$1/include/"
    cp "$SRCDIR"/include/ap_*.h "$1/include/" 2>/dev/null || :
    cp "$SRCDIR"/support/*.in "$1/support/"
    for facts in "$SRCDIR"/mpm/*/facts; do
        name=${facts%/facts} name=${name##*/}
        mkdir "$1/mpm/$name"
        cp "$facts" "$1/mpm/$name/facts"
    done
    for part in conf docroot cgi-examples man manual icons error; do
        test ! -d "$SRCDIR/docs/$part" || cp -R "$SRCDIR/docs/$part" "$1/docs/"
    done
    awk '/^\[/ { keep = /^\[(package|features)\]/ } keep && !/^(default-run|autotests|build)/ { print }
        /^\[package\]/ { print "build = \"build/main.rs\"\nautotests = false" }' "$SRCDIR/Cargo.toml" >"$1/Cargo.toml"
    cat >"$1/src/main.rs" <<'EOF'
fn main() {
    println!("mpm={} threaded={}", env!("HTTPD_MPM_NAME"), cfg!(threaded));
    println!("root={} conf={}", env!("HTTPD_ROOT"), env!("HTTPD_SERVER_CONFIG_FILE"));
    println!("static={}", env!("HTTPD_STATIC_MODULES"));
    println!("shared={}", env!("HTTPD_SHARED_MODULES"));
    println!("alias={} cgi={} cgid={}", cfg!(module = "alias"), cfg!(module = "cgi"), cfg!(module = "cgid"));
    println!("others={}", env!("HTTPD_OTHER_MPMS"));
    println!("built={} configured={}", env!("HTTPD_BUILT"), env!("HTTPD_CONFIGURED"));
}

#[test]
fn the_mpm_is_the_configured_one() {
    assert_eq!(env!("HTTPD_CONFIGURED"), "1");
}
EOF
    (cd "$1" && cargo generate-lockfile -q --offline)
}
