# shellcheck shell=sh disable=SC2034,SC2154 # names are shared with the other files
# Which release is this? Its own version stands in Cargo.toml, what it answers for Apache in build/release.

version=$(sed -n 's/^version *= *"\(.*\)".*/\1/p;/^version/q' "$srcdir/Cargo.toml")
rust_needed=$(sed -n 's/^rust-version *= *"\(.*\)".*/\1/p' "$srcdir/Cargo.toml")
compatible=$(sed -n 's/^compatible=//p' "$srcdir/build/release")
magic_major=$(sed -n 's/^module-magic-major=//p' "$srcdir/build/release")
magic_minor=$(sed -n 's/^module-magic-minor=//p' "$srcdir/build/release")
