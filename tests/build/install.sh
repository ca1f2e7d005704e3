#! /bin/sh
# make install and uninstall: places, DESTDIR, what is kept, several layouts.

. "${0%/*}/lib.sh"
stub src
root=$here/root
mkdir b
cd b
good ../src/configure -q --prefix='/opt/my web' --with-mpm=worker --with-port=8080 --with-sslport=8443 --enable-mods-shared='alias authz_core' PROFILE=dev
good make install DESTDIR="$root"
says out '/opt/my web/bin/apachectl start'
top="$root/opt/my web"
for file in bin/httpd bin/apachectl bin/apxs conf/httpd.conf conf/mime.types conf/original/httpd.conf htdocs/index.html \
    include/httpd_config.h man/man8/httpd.8 man/man8/apachectl.8 build/config.nice build/config_vars.mk cgi-bin/printenv; do
    test -f "$top/$file" || fail "$file was not installed"
done
for folder in logs modules icons error; do
    test -d "$top/$folder" || fail "$folder was not made"
done
test -x "$top/bin/httpd" || fail 'httpd cannot be run'
find "$root" -name '*.new' | grep . && fail 'temporary files are left'
if grep -rn '@@' "$top/conf"; then fail 'placeholders are left'; fi
grep -qx 'ServerRoot "/opt/my web"' "$top/conf/httpd.conf" || fail ServerRoot
grep -qx 'Listen 8080' "$top/conf/httpd.conf" || fail Listen
grep -qx 'LoadModule alias_module modules/mod_alias.so' "$top/conf/httpd.conf" || fail LoadModule
grep -qx 'LoadModule authz_core_module modules/mod_authz_core.so' "$top/conf/httpd.conf" || fail LoadModule
grep -q 'DocumentRoot "/opt/my web/htdocs"' "$top/conf/httpd.conf" || fail DocumentRoot
good "$top/bin/apxs" -q PREFIX
says out '/opt/my web'
good "$top/bin/apxs" -q HTTPD_VERSION TARGET exp_libexecdir
says out '2.4.71;;httpd;;/opt/my web/modules'
good "$top/bin/apxs" -q -v SBINDIR SYSCONFDIR
says out 'SYSCONFDIR=/opt/my web/conf'
bad "$top/bin/apxs" -q NO_SUCH_THING
bad "$top/bin/apxs" -c mod_x.c
says err 'not in this release yet'

# A second installation: the owner's files stay, the originals are new.
echo '# mine' >>"$top/conf/httpd.conf"
echo '# old' >>"$top/conf/original/httpd.conf"
echo mine >"$top/htdocs/index.html"
rm "$top/cgi-bin/printenv"
good make install DESTDIR="$root"
tail -n 1 "$top/conf/httpd.conf" | grep -qx '# mine' || fail 'httpd.conf was overwritten'
if grep -qx '# old' "$top/conf/original/httpd.conf"; then fail 'original/httpd.conf was not refreshed'; fi
grep -qx mine "$top/htdocs/index.html" || fail 'index.html was overwritten'
test ! -e "$top/cgi-bin/printenv" || fail 'a removed CGI program came back'

# Installing over a program that runs.
cp "$(command -v sleep)" "$top/bin/httpd"
"$top/bin/httpd" 60 &
running=$!
good make install DESTDIR="$root"
kill "$running"
good "$top/bin/httpd"
says out 'mpm=worker'

good make uninstall DESTDIR="$root"
for place in bin man include icons build conf/original; do
    test ! -e "$top/$place" || fail "uninstall left $place"
done
for place in conf/httpd.conf htdocs/index.html logs; do
    test -e "$top/$place" || fail "uninstall took $place"
done

# Another layout and another name.
good ../src/configure -q --enable-layout=Debian --with-program-name=apache2 PROFILE=dev
rm -rf "$root"
good make install DESTDIR="$root"
for file in usr/sbin/apache2 etc/apache2/apache2.conf etc/apache2/original/apache2.conf usr/share/man/man8/apache2.8 \
    usr/lib/cgi-bin/printenv usr/share/apache2/default-site/htdocs/index.html usr/include/apache2/httpd_config.h; do
    test -f "$root/$file" || fail "$file was not installed"
done
for folder in var/log/apache2 var/run/apache2; do
    test -d "$root/$folder" || fail "$folder was not made"
done

# One part alone.
rm -rf "$root"
good make install-conf DESTDIR="$root"
test -f "$root/etc/apache2/apache2.conf" || fail install-conf
test ! -e "$root/usr/sbin" || fail 'install-conf installed more'
