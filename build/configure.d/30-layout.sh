# shellcheck shell=sh disable=SC2034,SC2154,SC2016 # ${ is text here; names are shared with the other files
# Where do the files go? A block of build/layouts, then the folders that were named one by one; then each ${name} is
# replaced until none is left.

folders='prefix exec_prefix bindir sbindir libdir libexecdir mandir sysconfdir datadir installbuilddir errordir iconsdir
htdocsdir manualdir cgidir includedir localstatedir runtimedir statedir logfiledir proxycachedir'
folders=$(printf '%s ' "$folders" | tr '\n' ' ')

# layout_block FILE NAME: sets a variable for each line of the block, or fails when there is none.
layout_block() {
    block=$(awk -v wanted="[$2]" '
        { sub(/[ \t]+$/, "") }
        $0 == wanted { inside = 1; found = 1; next }
        /^\[/ { inside = 0 }
        inside && /=/ { sub(/[ \t]*=[ \t]*/, "="); print }
        END { exit !found }' "$1") || return 1
    save_ifs=$IFS
    IFS=$newline
    for line in $block; do
        name=${line%%=*}
        if has "$folders infodir " "$name"; then
            eval "$name=\${line#*=}"
        else
            warn "layout $2 of $1 sets $name, which is no folder of the server"
        fi
    done
    IFS=$save_ifs
}

case $layout in
yes | no | '') die "--enable-layout wants the name of a layout: $(sed -n 's/^\[\(.*\)\]$/\1/p' "$srcdir/build/layouts" | tr '\n' ',' | sed 's/,$//; s/,/, /g')" ;;
*:*) layout_file=${layout%:*} layout=${layout##*:} ;;
*) layout_file=$srcdir/build/layouts ;;
esac
test -r "$layout_file" || die "cannot read the layouts of $layout_file"
layout_block "$srcdir/build/layouts" Apache
layout_block "$layout_file" "$layout" || die "there is no layout $layout in $layout_file; it has $(sed -n 's/^\[\(.*\)\]$/\1/p' "$layout_file" | tr '\n' ',' | sed 's/,$//; s/,/, /g')"
# bare PATH: sets $bare, the path without slashes at its end.
bare() {
    bare=$1
    while :; do
        case $bare in
        ?*/) bare=${bare%/} ;;
        *) return ;;
        esac
    done
}

for name in $set_folders; do
    eval "value=\$set_$name"
    bare "$value"
    eval "$name=\$bare"
done

# settled NAME: whether its value is final.
settled() {
    eval "value=\$$1"
    case $value in
    *'${'* | *+) return 1 ;;
    esac
}

# settle NAME: replaces what it can of one folder.
settle() {
    eval "value=\$$1"
    done_part=''
    while :; do
        case $value in
        *'${'*'}'*) ;;
        *) break ;;
        esac
        before=${value%%'${'*} after=${value#*'${'}
        inner=${after%%'}'*} after=${after#*'}'}
        has "$folders" "$inner" || die "$1 stands on \${$inner}, which is no folder of the server"
        if settled "$inner"; then
            eval "value=\$before\$$inner\$after"
        else
            eval "value=\$$1"
            return 1
        fi
    done
    case $value in
    *apache*+) value=${value%+} ;;
    *+) value=${value%+}/apache2 ;;
    esac
    eval "$1=\$value"
}

rounds=0
unsettled=$folders
while test -n "$unsettled"; do
    left=''
    for name in $unsettled; do
        settle "$name" || left="$left$name "
    done
    rounds=$((rounds + 1))
    test "$rounds" -lt 30 || die "these folders stand on one another in a circle: $left"
    unsettled=$left
done

for name in $folders; do
    eval "value=\$$name"
    bare "$value"
    value=$bare
    case $name=$value in
    prefix=) ;;
    *=/) value='' ;;
    *=/*) ;;
    *) die "$name must be an absolute path, and $value is none" ;;
    esac
    case $value in
    *[\"\'\`\\\|\#\$%\&\;\<\>\*\?\[\]]* | *"$newline"* | *'	'*)
        die "$name cannot be $value: a folder's name may have no quotes, \$, &, |, ;, #, %, <, >, *, ?, brackets, backslashes or tabs"
        ;;
    esac
    eval "$name=\$value"
done

# relative FOLDER: prints it as seen from the server's root where it lies below it.
relative() {
    case $1 in
    "$httpd_root"/*) printf '%s\n' "${1#"$httpd_root"/}" ;;
    *) printf '%s\n' "$1" ;;
    esac
}

httpd_root=${prefix:-/}
rel_sysconfdir=$(relative "$sysconfdir")
rel_runtimedir=$(relative "$runtimedir")
rel_statedir=$(relative "$statedir")
rel_logfiledir=$(relative "$logfiledir")
rel_libexecdir=$(relative "$libexecdir")
answer 'the layout of the installation' "$layout, below ${prefix:-/}"
