#! /bin/sh
# The command line of configure: what it takes, what it warns of, what stops it.

. "${0%/*}/lib.sh"
configure=$SRCDIR/configure

good "$configure" --version
says out 'httpd configure 0.1.0'
good "$configure" -h
for option in --with-mpm --enable-layout --with-port --with-sslport --with-program-name --enable-mods-shared --srcdir --host CARGO RUSTFLAGS authz_groupfile rewrite; do
    says out "$option"
done
test ! -e config.log || fail '--help wrote files'
good "$configure" --help=layouts
lines out 18
good "$configure" --no-create
test ! -e Makefile || fail '--no-create wrote a Makefile'

# Quiet means quiet; otherwise a summary.
good "$configure" -q
lines out 0
lines err 0
good "$configure" --with-mpm=event --enable-mods-shared=dir
says out 'MPM:             event (a fixed number of threads in a process)'
says out 'modules shared:  dir'
says out 'layout:          Apache, below /usr/local/apache2'

# An option nobody knows is a warning with the nearest known one.
good "$configure" -q --wiht-mpm=worker --enable-aliass --preifx=/x --xyzzy --disable-dirr -Z
says err 'nobody here knows the option --wiht-mpm=worker; did you mean --with-mpm?'
says err 'nobody here knows the option --enable-aliass; did you mean --enable-alias?'
says err 'nobody here knows the option --preifx=/x; did you mean --prefix?'
says err 'nobody here knows the option --xyzzy'
says err 'nobody here knows the option --disable-dirr; did you mean --disable-dir?'
says err 'nobody here knows the option -Z'
silent err 'xyzzy;'
lines err 6
good "$configure" -q --disable-option-checking --xyzzy
lines err 0

# What packagers' tools pass goes through without a word; what Apache had and we have not, with one.
good "$configure" -q --disable-dependency-tracking --disable-silent-rules --infodir=/usr/share/info --runstatedir=/run --disable-maintainer-mode
lines err 0
good "$configure" -q --with-apr=/usr --with-pcre --enable-mpms-shared=all --with-ssl=/usr --with-suexec-caller=www --without-lua LDFLAGS=-s
says err '--with-apr=/usr has no effect: no APR is used'
says err '--enable-mpms-shared=all has no effect: one MPM is linked in'
says err '--with-ssl=/usr has no effect: it belongs to something not in this release yet (mod_ssl)'
says err 'LDFLAGS has no effect'
silent err lua

# An MPM or module nobody knows is an error that lists the known ones.
bad "$configure" -q --with-mpm=threads
says err 'there is no MPM threads; there are prefork, worker, event'
bad "$configure" -q --with-mpm
says err 'there is no MPM yes'
bad "$configure" -q --enable-foo=static
says err 'there is no module foo; there are core so http'
for pair in beos:beos winnt:mpm_winnt mpm_winnt:mpm_winnt netware:mpm_netware mpmt_os2:mpmt_os2 os2:mpmt_os2; do
    grep -q '^status=planned' "$SRCDIR/mpm/${pair#*:}/facts" || continue
    bad "$configure" -q --with-mpm="${pair%:*}"
    says err 'is not in this release yet; choose one of those that are, with --with-mpm: prefork, worker, event'
    lines err 1
done
for name in prefork worker event; do
    for spelling in "$name" "mpm_$name" "mpm_${name}_module"; do
        good "$configure" -q --with-mpm="$spelling"
        is HTTPD_MPM_NAME "\"$name\""
    done
done
bad "$configure" -q --host=x86_64-w64-mingw32 --with-mpm=worker
says err 'MPM worker is built only on unix, not on windows'
good "$configure" -q --host=x86_64-w64-mingw32
is HTTPD_MPM_NAME '"mpm_winnt"'
case $(defined HTTPD_STATIC_MODULES) in
*unixd* | *cgid*) fail 'modules of Unix for Windows' ;;
*' cgi '*) ;;
*) fail 'no mod_cgi for Windows' ;;
esac

# Numbers, names, folders.
for port in 0 65536 x 80x '' -1 99999999999999999999; do
    bad "$configure" -q --with-port="$port" --with-sslport=443
    says err port
done
bad "$configure" -q --with-port=443
bad "$configure" -q --with-program-name='a b'
bad "$configure" -q --prefix=relative/path
says err 'prefix must be an absolute path'
# shellcheck disable=SC2016 # configure is to see the dollar sign
for folder in '/a"b' "/a'b" '/a\b' '/a$(date)' '/a`b`'; do
    bad "$configure" -q --prefix="$folder"
done
bad "$configure" -q --prefix
says err '--prefix wants a value'
bad "$configure" -q worker
says err 'worker is not an option'

# A folder may be named in the next word, and stand on another.
# shellcheck disable=SC2016
good "$configure" -q --prefix /opt/web/ --sysconfdir='${prefix}/etc' --exec-prefix=/opt/exec --logfiledir=/var/log/web
is HTTPD_PREFIX '"/opt/web"'
is HTTPD_SYSCONFDIR '"/opt/web/etc"'
is HTTPD_SBINDIR '"/opt/exec/bin"'
is SERVER_CONFIG_FILE '"etc/httpd.conf"'
is DEFAULT_PIDLOG '"logs/httpd.pid"'
is DEFAULT_ERRORLOG '"/var/log/web/error_log"'
good "$configure" -q --with-program-name=web --with-port=8080 --with-sslport=8443
is HTTPD_PROGRAM_NAME '"web"'
is HTTPD_PORT 8080
is HTTPD_SSLPORT 8443
is SERVER_CONFIG_FILE '"conf/web.conf"'
is DEFAULT_PIDLOG '"logs/web.pid"'

# Tools: what is missing or too old is told.
bad "$configure" -q CARGO=/nowhere/cargo
says err '/nowhere/cargo does not run'
printf '#! /bin/sh\necho "rustc 1.63.0 (Debian)"\n' >oldrust
chmod +x oldrust
bad "$configure" -q RUSTC="$here/oldrust"
says err 'is version 1.63, and 1.85 or later is needed'

# Another system without tools for it: configured with a warning; make says why it stops.
good "$configure" -q --host=m68k-unknown-linux-gnu
says err 'make will not work:'
bad make
says err 'this build was configured for m68k-unknown-linux-gnu, but'

# --help shows each option whole.
good "$configure" --help
says out '--enable-NAME[=static|shared]    build a module: active from the start, or asleep until LoadModule names it [static]'
