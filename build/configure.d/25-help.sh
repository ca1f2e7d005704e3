# shellcheck shell=sh disable=SC2034,SC2154 # names are shared with the other files
# Is help or the version all that is asked for? Then it is printed, from the tables, and that is all.

# The MPMs, in the order in which their facts ask to be tried.
mpms=$(
    cd "$srcdir/mpm" && set +f && for file in */facts; do
        order=$(sed -n 's/^default-order=//p' "$file")
        printf '%s %s\n' "${order:-99}" "${file%/facts}"
    done | sort -n | sed 's/.* //' | tr '\n' ' '
)

# default_mpm: prints the MPM whose facts name this system, by its own name first, then by its kinds.
default_mpm() {
    for word in $system_kinds; do
        for mpm in $mpms; do
            if has "$(fact "$mpm" default-on | tr , ' ')" "$word"; then
                printf '%s\n' "$mpm"
                return
            fi
        done
    done
}

help_options() {
    printf 'Usage: %s [OPTION]... [NAME=VALUE]...\n\n' "$0"
    printf 'Prepares this folder for make, make check and make install. Defaults are in brackets.\n'
    awk -F ' *[|] ' '
        /^=/ { print "\n" substr($0, 3) ":"; next }
        /^#/ || NF < 3 { next }
        { gsub(/^ +| +$/, "", $1); gsub(/^ +| +$/, "", $3); printf "  %-32s %s\n", $1, $3 }' "$srcdir/build/options"
    printf '\nModules, with the smallest set that has each:\n'
    awk '/^[a-z]/ && $3 == "here" && $2 != "always" { printf "  %-22s %s\n", $1, $2 }' "$srcdir/build/modules"
    printf '\nModules of Apache that are not in this release yet:\n'
    awk '/^[a-z]/ && $3 == "planned" { printf " %s", $1 } END { print "" }' "$srcdir/build/modules" | fold -s -w 100
}

help_mpm() {
    printf '%-12s %-9s %-7s %-12s %s\n' MPM threads forks 'default on' 'this release'
    for mpm in $mpms; do
        state=yes
        test "$(fact "$mpm" status)" != planned || state='not yet'
        printf '%-12s %-9s %-7s %-12s %s\n' "$mpm" "$(fact "$mpm" thread-count)" "$(fact "$mpm" forked)" \
            "$(fact "$mpm" default-on | sed 's/^$/-/')" "$state"
    done
    printf 'default MPM for %s: %s\n' "$host" "$(default_mpm)"
}

help_layouts() {
    sed -n 's/^\[\(.*\)\]$/\1/p' "$srcdir/build/layouts"
}

case $help in
'') ;;
version)
    printf 'httpd configure %s\n' "$version"
    exit 0
    ;;
options | short | recursive) help_options && exit 0 ;;
mpm) help_mpm && exit 0 ;;
layouts) help_layouts && exit 0 ;;
*) die "there is no --help=$help: there are --help, --help=mpm and --help=layouts" ;;
esac

# From here on there is something to log.
if test "$no_create" = no; then
    conf_log=$builddir/config.log
    : >"$conf_log" || die "cannot write $conf_log"
    note "This is what configure of httpd $version found out."
    note "  \$ $0$arguments"
    note "  in $builddir, on $(uname -a 2>/dev/null || printf 'an unknown system')"
fi
answer 'the system that compiles' "$build"
answer 'the system that will run the server' "$host ($system)"
