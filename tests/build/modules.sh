#! /bin/sh
# Which modules a build has: sets, lists, single options, and who wins.

. "${0%/*}/lib.sh"
configure=$SRCDIR/configure

# with TEXT OPTION...: the list of static modules has the word; without: it has not.
list() {
    defined "HTTPD_$1_MODULES" | tr -d '"'
}
with() {
    case " $(list "$1") " in
    *" $2 "*) ;;
    *) fail "$2 is not among the $1 modules: $(list "$1")" ;;
    esac
}
without() {
    case " $(list STATIC) $(list SHARED) " in
    *" $1 "*) fail "$1 is among the modules" ;;
    esac
}

good "$configure" -q
for name in core so http unixd log_config logio mime dir alias autoindex auth_basic authn_core authn_file authz_core authz_host \
    authz_user authz_groupfile access_compat filter env setenvif headers version reqtimeout cgi status; do
    with STATIC "$name"
done
without cgid
is HTTPD_SHARED_MODULES '""'
good "$configure" -q --with-mpm=worker
with STATIC cgid
without cgi

good "$configure" -q --enable-modules=none
is HTTPD_STATIC_MODULES '"core so http"'
good "$configure" -q --enable-modules=few
with STATIC alias
without logio
good "$configure" -q --enable-modules='none alias mod_authz_core auth-basic'
is HTTPD_STATIC_MODULES '"core so http alias auth_basic authz_core"'
good "$configure" -q --enable-mods-shared=most
is HTTPD_STATIC_MODULES '"core so http"'
with SHARED status
good "$configure" -q --enable-mods-shared='dir, env' --enable-mods-static=none,mime
is HTTPD_STATIC_MODULES '"core so http mime"'
is HTTPD_SHARED_MODULES '"dir env"'
grep -q 'mod-dir-shared,mod-env-shared' config.status || fail 'no feature for a shared module'

# The single option wins, wherever it stands.
good "$configure" -q --disable-alias --enable-modules='few alias' --enable-env=shared --enable-mods-shared=few --enable-dir=static
without alias
with SHARED env
with STATIC dir
good "$configure" -q --disable-so
says err 'mod_so cannot be left out'

# CGI goes by the kind of the MPM.
good "$configure" -q --with-mpm=event --enable-cgi=shared
says err 'MPM event gets mod_cgid'
with SHARED cgid
without cgi

bad "$configure" -q --enable-alias=maybe
says err 'it takes static, shared, yes or no'
bad "$configure" -q --enable-mods-static='alias nosuch another'
says err 'there is no module nosuch, another; there are core so http'
for name in $(awk '/^[a-z]/ && $3 == "planned" { print $1 }' "$SRCDIR/build/modules" | head -n 3); do
    bad "$configure" -q --enable-"$(printf '%s\n' "$name" | tr _ -)"
    says err "not written yet, so it cannot be enabled in this release: $name"
done
good "$configure" -q --enable-modules=reallyall
with STATIC status
