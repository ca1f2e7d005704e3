#! /bin/sh
# docs/adding-an-mpm.md, done as it says: a copy of the sources gets a new MPM by one folder, one line in Cargo.toml and one line in
# mpm/mod.rs, is configured and made, and serves a page. KEEP is a folder for what cargo makes, so that the next time is shorter;
# PORT is free.

. "${0%/*}/lib.sh"
need curl

mkdir -p src "$KEEP"
for part in Cargo.toml Cargo.lock Makefile.in build configure docs include modules mpm src support tests; do
    cp -R "$SRCDIR/$part" src/
done

# The three things.
cp -R src/tests/build/toy_mpm src/mpm/toy
sed '/^\[features\]/,/^mpm-/s/^mpm-/mpm-toy = []\n&/' "$SRCDIR/Cargo.toml" >src/Cargo.toml
sed '/mpm = "worker"/i #[cfg_attr(mpm = "toy", path = "toy/mod.rs")]' "$SRCDIR/mpm/mod.rs" >src/mpm/mod.rs
for file in Cargo.toml mpm/mod.rs; do
    diff "$SRCDIR/$file" "src/$file" >out || :
    lines out 2
done

mkdir b
cd b
ln -s "$KEEP" target
good ../src/configure --help=mpm
says out toy
bad ../src/configure -q --with-mpm=nonesuch
says err toy
# shellcheck disable=SC2016 # the inner shell expands them
good env CARGO_PROFILE_DEV_DEBUG=0 sh -c '../src/configure -q --with-mpm=toy PROFILE=dev --prefix="$1" && ${MAKE:-make}' sh "$here/top"
silent err warning:
good ./httpd -l
says out '  toy.c'
good ./httpd -V
says out 'Server MPM:     toy'

# Started by root, it serves as somebody who must be able to get here.
mkdir "$here/docs"
chmod 755 "$here" "$here/docs"
echo 'served by a toy' >"$here/docs/page"
set -- ./httpd -f "$SRCDIR/tests/build/toy_mpm/httpd.conf" -C "Define port $PORT" -C "Define top $here"
good "$@" -M
says out mpm_toy_module
"$@" -X >"$here/log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || :' EXIT
good curl -sS --retry 30 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$PORT/page"
says out 'served by a toy'
grep -q '^Threads:[^0-9]*3$' "/proc/$server/status" || fail "not two threads beside the main one: $(grep Threads "/proc/$server/status")"
kill "$server"
wait "$server" || fail "the server ended with $?"
trap - EXIT
