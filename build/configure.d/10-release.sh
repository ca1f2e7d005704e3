# shellcheck shell=sh disable=SC2034,SC2154 # names are shared with the other files
# Which release is this? Its own version stands in Cargo.toml, what it answers for Apache in two of the C headers.

version=$(sed -n 's/^version *= *"\(.*\)".*/\1/p;/^version/q' "$srcdir/Cargo.toml")
rust_needed=$(sed -n 's/^rust-version *= *"\(.*\)".*/\1/p' "$srcdir/Cargo.toml")

# header_says FILE NAME: prints the value of a #define, without quotes.
header_says() {
    sed -n "s/^#define $2 *\"\{0,1\}\([^\" ]*\)\"\{0,1\} *$/\1/p" "$srcdir/include/$1"
}
compatible=$(header_says ap_release.h AP_SERVER_BASEREVISION)
magic_major=$(header_says ap_mmn.h MODULE_MAGIC_NUMBER_MAJOR)
magic_minor=$(header_says ap_mmn.h MODULE_MAGIC_NUMBER_MINOR)
