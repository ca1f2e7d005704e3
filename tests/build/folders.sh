#! /bin/sh
# Configuring in a folder of its own, in the tree, and twice; config.status and config.nice; nothing lands in the sources.

. "${0%/*}/lib.sh"
stub src
(cd src && find . | sort) >before
touch mark

mkdir b
cd b
good ../src/configure --with-mpm=worker --prefix=/opt/one
for file in Makefile config.status config.nice config.log include/httpd_config.h support/apachectl support/apxs; do
    test -s "$file" || fail "there is no $file"
done
grep -q "^mpm_name='worker'" config.log || fail 'config.log does not know the answers'

# The header keeps its time when its content stays.
touch -d 2001-01-01 include/httpd_config.h
good ../src/configure --with-mpm=worker --prefix=/opt/one
test -z "$(find include -name httpd_config.h -newer "$here/mark")" || fail 'the header was rewritten'
good ./config.nice --with-mpm=event
is HTTPD_MPM_NAME '"event"'
is HTTPD_PREFIX '"/opt/one"'
test -n "$(find include -name httpd_config.h -newer "$here/mark")" || fail 'the header was not rewritten'
good ./config.status --config
says out "'--with-mpm=event'"

# config.status gives back what was lost or changed.
cp Makefile "$here/Makefile.was"
cp include/httpd_config.h "$here/header.was"
rm Makefile support/apachectl
echo '/* spoilt */' >>include/httpd_config.h
good ./config.status
cmp Makefile "$here/Makefile.was" || fail 'config.status makes another Makefile'
cmp include/httpd_config.h "$here/header.was" || fail 'config.status makes another header'
test -x support/apachectl || fail 'config.status forgot apachectl'
good ./config.status --recheck
is HTTPD_MPM_NAME '"event"'
cd ..

# Variables of the environment are repeated, too.
mkdir c
cd c
PROFILE=dev CFLAGS="-O1 -DA='b c'" good ../src/configure -q
grep -q '^PROFILE=.dev.$' config.nice || fail 'config.nice forgot PROFILE'
good ./config.nice -q
grep -q "^CFLAGS='-O1 -DA='" config.status || fail 'CFLAGS were lost'
cd ..

# --srcdir from elsewhere.
mkdir d
cd d
good sh ../src/configure -q --srcdir=../src
is HTTPD_MPM_NAME '"prefork"'
bad sh ../src/configure --srcdir=/tmp
says err 'is not the source folder'
cd ..

(cd src && find . | sort) >after
cmp before after || fail 'configure left files in the sources'

# In the tree itself, and with another MPM in the same place; distclean leaves what there was.
cd src
good ./configure -q
is HTTPD_MPM_NAME '"prefork"'
good ./configure -q --with-mpm=worker
is HTTPD_MPM_NAME '"worker"'
good make distclean
cd ..
(cd src && find . | sort) >after
cmp before after || fail "distclean left files: $(diff before after)"
