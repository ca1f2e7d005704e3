# shellcheck shell=sh disable=SC2034,SC2154 # names are shared with the other files
# Which modules, and are they active from the start (static) or asleep until LoadModule (shared)? A set is the base, names
# add to it, --enable-NAME and --disable-NAME have the last word. build/modules is the table.

selection=most linkage=static wrong='' planned=''

# module_fact NAME COLUMN: prints one column of its line.
module_table=$(grep '^[a-z]' "$srcdir/build/modules")
modules_here=$(printf '%s\n' "$module_table" | awk '$3 == "here" { printf "%s ", $1 }')
modules_always=$(printf '%s\n' "$module_table" | awk '$2 == "always" { printf "%s ", $1 }')

# wish NAME HOW: one module by its name; HOW is yes, no, static or shared.
wish() {
    module_name "$1"
    if has "$modules_always" "$module_name"; then
        test "$2" != no || warn "mod_$module_name cannot be left out"
    elif has "$modules_here" "$module_name"; then
        eval "wish_$module_name=\$2"
    elif has "$module_names" "$module_name"; then
        test "$2" = no || planned="$planned, $module_name"
    else
        case $1 in
        *[!A-Za-z0-9_-]*) die "$1 is not the name of a module" ;;
        esac
        wrong="$wrong, $1"
    fi
}

# wishes LIST HOW: a list of names and sets.
wishes() {
    case $1 in
    yes) ;;
    no) selection=none ;;
    *)
        for word in $(printf '%s\n' "$1" | tr , ' '); do
            case $word in
            none | few | most | all) selection=$word ;;
            reallyall) selection=only ;;
            *)
                wish "$word" "$2"
                continue
                ;;
            esac
            test "$2" = yes || linkage=$2
        done
        ;;
    esac
}

for name in $modules_here; do
    eval "wish_$name="
done
# Lists first, so that the options of single modules win wherever they stand.
save_ifs=$IFS
for pass in lists single; do
    IFS=$newline
    for line in $module_options; do
        IFS=$save_ifs
        name=${line%%=*} value=${line#*=}
        case $pass:$name in
        lists:modules) wishes "$value" yes ;;
        lists:mods-static) wishes "$value" static ;;
        lists:mods-shared) wishes "$value" shared ;;
        single::*)
            case $value in
            yes | no | static | shared) wish "${name#:}" "$value" ;;
            *) die "--enable-$(printf '%s\n' "${name#:}" | tr _ -)=$value: it takes static, shared, yes or no" ;;
            esac
            ;;
        esac
    done
    IFS=$save_ifs
done
test -z "$wrong" || die "there is no module ${wrong#, }; there are $modules_here"
test -z "$planned" || die "not written yet, so it cannot be enabled in this release: ${planned#, }; there are $modules_here"

# rank SET: sets are nested, so a number tells which has which.
rank() {
    case $1 in
    none) rank=0 ;;
    few) rank=1 ;;
    most) rank=2 ;;
    all) rank=3 ;;
    *) rank=4 ;;
    esac
}
rank "$selection"
selection_rank=$rank

# CGI has one module for MPMs with threads and one for those without: a wish for the wrong one goes to the other. Windows, where
# nothing forks, has no use for the one for threads.
kind=unthreaded
test "$mpm_threaded" = 0 || test "$system" = windows || kind=threaded
if ! has "$system_kinds" unix; then
    for name in $(printf '%s\n' "$module_table" | awk '$3 == "here" && $5 == "unix" { print $1 }'); do
        eval "value=\$wish_$name"
        case $value in
        yes | static | shared) warn "mod_$name is only for Unix and is left out" ;;
        esac
        eval "wish_$name=no"
    done
fi
for line in $(printf '%s\n' "$module_table" | awk '$3 == "here" && $5 ~ /:/ { print $1 ":" $5 }'); do
    name=${line%%:*} other=${line##*:} suits=${line#*:}
    eval "value=\$wish_$name"
    if test "${suits%%:*}" != "$kind"; then
        case $value in
        yes | static | shared)
            warn "mod_$name is for MPMs of the other kind; MPM $mpm gets mod_$other, which does the same"
            eval "wish_$other=\$value"
            ;;
        esac
        eval "wish_$name=no"
    fi
done

modules_static=$modules_always modules_shared=''
while read -r name set state needs suits; do
    if test "$state" != here || test "$set" = always; then continue; fi
    eval "value=\$wish_$name"
    rank "$set"
    if test -z "$value" && test "$rank" -le "$selection_rank"; then value=yes; fi
    test "$value" != yes || value=$linkage
    case $value in
    static) modules_static="$modules_static$name " ;;
    shared) modules_shared="$modules_shared$name " ;;
    esac
done <<EOF
$module_table
EOF

# A module that stands on another one needs it in the build.
while read -r name set state needs suits; do
    has "$modules_static $modules_shared" "$name" || continue
    test "$needs" != - || continue
    for other in $(printf '%s\n' "$needs" | tr , ' '); do
        has "$modules_static $modules_shared" "$other" || die "mod_$name needs mod_$other: enable that too, or disable mod_$name"
    done
done <<EOF
$module_table
EOF
modules_static=${modules_static% } modules_shared=${modules_shared% }

features=mpm-$mpm_short
for name in $modules_static; do
    has "$modules_always" "$name" || features="$features,mod-$name"
done
for name in $modules_shared; do
    features="$features,mod-$name-shared"
done
features=$(printf '%s\n' "$features" | tr _ -)

# count LIST: prints how many words it has.
count() {
    printf '%s\n' "$1" | wc -w | tr -d ' '
}
answer 'the modules' "$(count "$modules_static") static, $(count "$modules_shared") shared"
