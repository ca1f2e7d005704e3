#! /bin/sh
# make: ./httpd at the top of the build folder, from sources that are only read, and again for another MPM.

. "${0%/*}/lib.sh"
stub src
find src -type f -exec cksum {} + | sort >before
chmod -R a-w src

mkdir b
cd b
good ../src/configure -q --with-mpm=worker --enable-mods-shared=alias --prefix=/opt/web PROFILE=dev
good make
says out 'HTTPD_CONFIG='
says out --locked
good ./httpd
says out 'mpm=worker threaded=true'
says out 'root=/opt/web conf=conf/httpd.conf'
says out 'shared=alias'
says out 'alias=true cgi=false cgid=true'
says out 'others=prefork=mpm_prefork_module event=mpm_event_module'

# Nothing changed: nothing is compiled, and the program keeps its place.
find httpd -links 1 -printf '%i\n' >inode
good make
silent err Compiling
find httpd -links 1 -printf '%i\n' | cmp - inode || fail 'the program was replaced for nothing'

# Another MPM in the same folder.
good ../src/configure -q --with-mpm=prefork --prefix=/opt/web PROFILE=dev
good make
good ./httpd
says out 'mpm=prefork threaded=false'
says out 'cgi=true cgid=false'

# Another name (which leaves ./httpd to itself); other profile by make's own variable.
good ../src/configure -q --with-program-name=web --prefix=/opt/web
good make PROFILE=dev
good ./web
test -d target/debug || fail 'PROFILE=dev did not choose the profile'

# The same second, the same text.
good env SOURCE_DATE_EPOCH=1794473921 make PROFILE=dev
good ./web
says out 'built=Nov 12 2026 08:58:41 configured=1'

good make clean
for place in target web; do
    test ! -e "$place" || fail "make clean left $place"
done
good make distclean
test -z "$(find . -type f ! -name inode ! -name httpd)" || fail "distclean left $(find . -type f)"
cd ..
find src -type f -exec cksum {} + | sort >after
chmod -R u+w src
cmp before after || fail "the sources were written to: $(diff before after)"
