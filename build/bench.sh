# shellcheck shell=sh disable=SC2154 # the answers come from config.status
# make bench: builds the configured MPM with the release profile and measures it beside the peers that are installed.

exec python3 "$srcdir/bench/bench.py" --mpms "$mpm_name" --target "$builddir/target/bench" "$@"
