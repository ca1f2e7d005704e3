#! /bin/sh
# The committed page of the MPMs is what its sources give, and is installed where the layout says.

. "${0%/*}/lib.sh"
good "$SRCDIR/configure" -q --prefix=/opt/httpd
good ./config.status --run manual.sh --check
good make install-manual DESTDIR="$PWD/root"
cmp "$SRCDIR/docs/manual/mpm.html" root/opt/httpd/manual/mpm.html || fail "the installed page differs"
for facts in "$SRCDIR"/mpm/*/facts; do
    name=$(sed -n 's/^name=//p' "$facts")
    grep -q "<h2 id=\"$name\">" "$SRCDIR/docs/manual/mpm.html" || fail "$name has no section"
done
