#! /bin/sh
# Every folder of every layout is where Apache's layout of that name has it (layouts.expected: layout, folder, path), a file
# of one's own works, and circles are noticed.

. "${0%/*}/lib.sh"
tab=$(printf '\t')
cut -f1 "$SRCDIR/tests/build/layouts.expected" | uniq >names
lines names 18
while read -r layout; do
    good "$SRCDIR/configure" -q --enable-layout="$layout"
    grep "^$layout$tab" "$SRCDIR/tests/build/layouts.expected" >expected
    while IFS=$tab read -r name folder path; do
        test "$folder" != infodir || continue
        is "HTTPD_$(printf '%s\n' "$folder" | tr '[:lower:]' '[:upper:]')" "\"$path\""
    done <expected
done <names

good "$SRCDIR/configure" -q --enable-layout=GNU --prefix=/opt/apache
is HTTPD_SYSCONFDIR '"/opt/apache/etc"'
good "$SRCDIR/configure" -q --enable-layout=GNU --prefix=/opt/web
is HTTPD_SYSCONFDIR '"/opt/web/etc/apache2"'
is HTTPD_LAYOUT '"GNU"'

# shellcheck disable=SC2016 # layouts hold dollar signs
printf '[mine]\nprefix = /srv/web\nsysconfdir = ${prefix}/settings\nhtdocsdir = ${datadir}/pages\n' >mine
good "$SRCDIR/configure" -q --enable-layout="$here/mine:mine"
is HTTPD_SYSCONFDIR '"/srv/web/settings"'
is HTTPD_HTDOCSDIR '"/srv/web/pages"'
is HTTPD_BINDIR '"/srv/web/bin"'

bad "$SRCDIR/configure" -q --enable-layout=Nowhere
says err 'there is no layout Nowhere'
says err 'Apache, GNU'
# shellcheck disable=SC2016
bad "$SRCDIR/configure" -q --bindir='${sbindir}' --sbindir='${bindir}'
says err 'in a circle: '
# shellcheck disable=SC2016
bad "$SRCDIR/configure" -q --bindir='${nosuchdir}/bin'
says err 'which is no folder of the server'
