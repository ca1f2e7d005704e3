# shellcheck shell=sh disable=SC2034,SC2154 # names are shared with the other files
# Which Multi-Processing Module? --with-mpm, else the default of the system that will run the server.

# The MPMs that can be had, for error texts.
here=''
for name in $mpms; do
    test "$(fact "$name" status)" = planned || here="$here, $name"
done
here=${here#, }

mpm=''
case $with_mpm in
'')
    mpm=$(default_mpm)
    test -n "$mpm" || die "no MPM is the default on $system; choose one with --with-mpm: $here"
    answer 'the MPM' "$mpm (the default on $system)"
    ;;
*)
    for name in $mpms; do
        if has "$name $(fact "$name" aliases | tr , ' ') $(fact "$name" identifier)" "$with_mpm"; then
            mpm=$name
        fi
    done
    test -n "$mpm" || die "there is no MPM $with_mpm; there are$(printf '%s' " ${mpms% }" | sed 's/ /, /g; s/^,//')"
    answer 'the MPM' "$mpm"
    ;;
esac

test "$(fact "$mpm" status)" != planned ||
    die "MPM $mpm is not in this release yet; choose one of those that are, with --with-mpm: $here"

builds_on=$(fact "$mpm" builds-on | tr , ' ')
buildable=no
for word in $system_kinds any; do
    if has "$builds_on" "$word"; then buildable=yes; fi
done
test "$buildable" = yes || die "MPM $mpm is built only on $builds_on, not on $system"

# number FACT: prints a yes or no of the facts as C has it.
number() {
    if test "$(fact "$mpm" "$1")" = yes; then echo 1; else echo 0; fi
}
mpm_name=$mpm
mpm_title=$(fact "$mpm" title)
mpm_file=$(fact "$mpm" file)
mpm_identifier=$(fact "$mpm" identifier)
mpm_threaded=$(number threaded)
mpm_forked=$(number forked)
mpm_threads=$(fact "$mpm" thread-count)
mpm_short=$(printf '%s\n' "${mpm#mpm_}" | tr _ -)
