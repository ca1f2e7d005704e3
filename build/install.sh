# shellcheck shell=sh disable=SC2154 # the answers come from config.status
# make install and make uninstall. Run by `config.status --run install.sh WHAT`, WHAT being install, uninstall or one part,
# install-conf and so on. Everything goes below DESTDIR. What administrators own is never overwritten: configuration files
# (their new form goes into original/), documents and CGI programs.

set -e
umask 022
root=${DESTDIR-}

# put MODE FILE PLACE: by a new file that takes the name, so that a running program is not written over.
put() {
    mkdir -p "$root${3%/*}"
    cp "$2" "$root$3.new"
    chmod "$1" "$root$3.new"
    mv -f "$root$3.new" "$root$3"
}

# put_new MODE FILE PLACE: unless the place is taken.
put_new() {
    test -e "$root$3" || put "$1" "$2" "$3"
}

# files FOLDER: prints the files below it, by their path from there.
files() {
    (cd "$1" && find . -type f -print) | sed 's|^\./||' | sort
}

# each HOW MODE FOLDER PLACE: all files of a folder of the sources, if it is there.
each() {
    test -d "$srcdir/$3" || return 0
    files "$srcdir/$3" | while read -r name; do
        "$1" "$2" "$srcdir/$3/$name" "$4/$name"
    done
}

# installed NAME: prints what a man page or configuration file of ours is called when the program has another name.
installed() {
    case $1 in
    httpd.*) printf '%s\n' "$progname.${1#httpd.}" ;;
    *) printf '%s\n' "$1" ;;
    esac
}

load_lines() {
    for name in $modules_shared; do
        printf 'LoadModule %s_module %s/mod_%s.so\n' "$name" "$rel_libexecdir" "$name"
    done
    test -n "$modules_shared" || printf '# (All modules of this build are static: none needs a LoadModule line.)\n'
}

# filled FILE: prints a configuration file with its @@NAME@@ replaced.
filled() {
    sed -f "$work/conf.sed" "$1"
}

write_conf_sed() {
    load_lines >"$work/load"
    {
        printf '/@@LoadModule@@/{\nr %s\nd\n}\n' "$work/load"
        for pair in "ServerRoot=$httpd_root" "Port=$port" "SSLPort=$sslport" User=daemon Group=daemon "progname=$progname"; do
            printf 's|@@%s@@|%s|g\n' "${pair%%=*}" "${pair#*=}"
        done
        for name in prefix exec_prefix bindir sbindir libdir libexecdir mandir sysconfdir datadir errordir iconsdir htdocsdir \
            manualdir cgidir includedir localstatedir runtimedir statedir logfiledir proxycachedir; do
            eval "value=\$$name"
            printf 's|@@exp_%s@@|%s|g\n' "$name" "$value"
            case $value in
            "$httpd_root"/*) value=${value#"$httpd_root"/} ;;
            esac
            printf 's|@@rel_%s@@|%s|g\n' "$name" "$value"
        done
    } >"$work/conf.sed"
}

install_program() {
    put 755 "$builddir/$progname$exe" "$sbindir/$progname$exe"
    put 755 "$builddir/support/apachectl" "$sbindir/apachectl"
    put 755 "$builddir/support/apxs" "$bindir/apxs"
}

install_conf() {
    work=$builddir/config.tmp.$$
    mkdir "$work"
    trap 'rm -rf "$work"' 0
    write_conf_sed
    files "$srcdir/docs/conf" | while read -r name; do
        target=$(installed "${name%.in}")
        filled "$srcdir/docs/conf/$name" >"$work/file"
        put 644 "$work/file" "$sysconfdir/original/$target"
        put_new 644 "$work/file" "$sysconfdir/$target"
    done
    rm -rf "$work"
    trap - 0
}

# Documents are the owner's as soon as their folder is there, even if it is empty.
install_htdocs() {
    test -d "$root$htdocsdir" || each put 644 docs/docroot "$htdocsdir"
}

install_cgi() {
    test -d "$root$cgidir" || each put 644 docs/cgi-examples "$cgidir"
}

install_error() {
    mkdir -p "$root$errordir"
    each put_new 644 docs/error "$errordir"
}

install_icons() {
    mkdir -p "$root$iconsdir"
    each put_new 644 docs/icons "$iconsdir"
}

install_man() {
    test -d "$srcdir/docs/man" || return 0
    files "$srcdir/docs/man" | while read -r name; do
        case $name in
        *.[18]) put 644 "$srcdir/docs/man/$name" "$mandir/man${name##*.}/$(installed "$name")" ;;
        esac
    done
}

install_manual() {
    put 644 "$srcdir/docs/manual/mpm.html" "$manualdir/mpm.html"
}

install_include() {
    put 644 "$builddir/include/httpd_config.h" "$includedir/httpd_config.h"
    files "$srcdir/include" | while read -r name; do
        case $name in
        httpd_config.h | *.in) ;;
        *.h) put 644 "$srcdir/include/$name" "$includedir/$name" ;;
        esac
    done
}

install_build() {
    put 755 "$builddir/config.nice" "$installbuilddir/config.nice"
    for name in $answers; do
        case $name in
        srcdir | builddir | cannot) continue ;;
        esac
        eval "value=\$$name"
        printf '%s = %s\n' "$name" "$value"
    done >"$builddir/config.vars"
    put 644 "$builddir/config.vars" "$installbuilddir/config_vars.mk"
    rm -f "$builddir/config.vars"
}

install_other() {
    for folder in "$logfiledir" "$runtimedir" "$libexecdir"; do
        mkdir -p "$root$folder"
    done
}

parts='program conf htdocs error icons cgi man manual include build other'

install_all() {
    for part in $parts; do
        "install_$part"
    done
    printf 'Installed below %s.\n' "$root${prefix:-/}"
    printf 'Start it:  %s/apachectl start   (its configuration: %s/%s.conf)\n' "$sbindir" "$sysconfdir" "$progname"
}

# gone PLACE: removes one installed file.
gone() {
    rm -f "$root$1"
}

# same_gone FOLDER PLACE: removes the files of a source folder that were not changed since.
same_gone() {
    test -d "$srcdir/$1" || return 0
    files "$srcdir/$1" | while read -r name; do
        if cmp -s "$srcdir/$1/$name" "$root$2/$name"; then gone "$2/$name"; fi
    done
}

uninstall() {
    for place in "$sbindir/$progname$exe" "$sbindir/apachectl" "$bindir/apxs" \
        "$includedir/httpd_config.h" "$manualdir/mpm.html" "$installbuilddir/config.nice" "$installbuilddir/config_vars.mk"; do
        gone "$place"
    done
    files "$srcdir/docs/conf" | while read -r name; do gone "$sysconfdir/original/$(installed "${name%.in}")"; done
    files "$srcdir/include" | while read -r name; do gone "$includedir/$name"; done
    for name in $(files "$srcdir/docs/man" 2>/dev/null); do gone "$mandir/man${name##*.}/$(installed "$name")"; done
    same_gone docs/icons "$iconsdir"
    same_gone docs/error "$errordir"
    for folder in "$sysconfdir/original/extra" "$sysconfdir/original" "$iconsdir/small" "$iconsdir" "$errordir/include" "$errordir" \
        "$mandir/man1" "$mandir/man8" "$mandir" "$manualdir" "$includedir" "$installbuilddir" "$libexecdir" "$bindir" "$sbindir"; do
        rmdir "$root$folder" 2>/dev/null || :
    done
    printf 'Uninstalled. Kept: configuration in %s, documents in %s, CGI programs in %s, logs in %s\n' \
        "$root$sysconfdir" "$root$htdocsdir" "$root$cgidir" "$root$logfiledir"
}

case $1 in
install) install_all ;;
uninstall) uninstall ;;
install-*)
    part=${1#install-}
    case " $parts " in
    *" $part "*) "install_$part" ;;
    *) printf 'install.sh: there is no part %s\n' "$part" >&2 && exit 1 ;;
    esac
    ;;
esac
