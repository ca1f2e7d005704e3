# shellcheck shell=sh disable=SC2034,SC2154 # names are shared with the other files
# What does the command line ask for? Each option is looked up in build/options; what it says is kept in variables, and the
# whole line, quoted, in $arguments for config.nice.

help='' no_create=no option_checking=yes unknown_options='' arguments=''
build_alias='' host_alias=''
with_mpm='' with_port='' with_sslport='' with_program_name='' layout=Apache v4_mapped=''
set_folders='' module_options='' given_variables='' environment=''

# The table, once as `name|kind|reason` for each spelling without its value.
option_table=$newline$(awk -F ' *[|] ' '
    /^#/ || /^=/ || NF < 3 { next }
    {
        gsub(/^ +| +$/, "", $2); gsub(/^ +| +$/, "", $3)
        n = split($1, spelling, ",")
        for (i = 1; i <= n; i++) {
            gsub(/ /, "", spelling[i]); sub(/(=|\[).*/, "", spelling[i])
            print spelling[i] "|" $2 "|" $3
        }
    }' "$srcdir/build/options")

# look_up NAME: sets $kind and $reason; kind is empty for an option nobody knows.
look_up() {
    kind='' reason=''
    case $option_table in
    *"$newline$1|"*)
        kind=${option_table#*"$newline$1|"}
        kind=${kind%%"$newline"*}
        reason=${kind#*"|"} kind=${kind%%"|"*}
        ;;
    esac
}

# taken OPTION: the warnings for options that have no effect.
taken() {
    case $kind in
    idle) warn "$1 has no effect: $reason" ;;
    later) warn "$1 has no effect: it belongs to something not in this release yet ($reason)" ;;
    esac
}

# module_name TEXT: prints a module's name as build/modules spells it.
module_name() {
    module_name=${1#mod_}
    case $module_name in
    *-*) module_name=$(printf '%s\n' "$module_name" | tr - _) ;;
    esac
}

module_names=$(sed -n 's/^\([a-z][a-z0-9_]*\) .*/\1/p' "$srcdir/build/modules" | tr '\n' ' ')

# unknown OPTION: remembered, since --disable-option-checking may still come.
unknown() {
    unknown_options="$unknown_options$1$newline"
}

# feature NAME VALUE OPTION: --enable-NAME=VALUE, and --disable-NAME as --enable-NAME=no.
feature() {
    look_up "--enable-$1"
    case $1 in
    layout) layout=$2 ;;
    modules | mods-static | mods-shared) module_options="$module_options$1=$2$newline" ;;
    v4-mapped) v4_mapped=$2 ;;
    *)
        module_name "$1"
        if test -n "$kind"; then
            test "$2" = no || taken "$3"
        elif has "$module_names" "$module_name"; then
            module_options="$module_options:$module_name=$2$newline"
        else
            case $2 in
            static | shared) module_options="$module_options:$module_name=$2$newline" ;;
            *) unknown "$3" ;;
            esac
        fi
        ;;
    esac
}

# package NAME VALUE OPTION: --with-NAME=VALUE, and --without-NAME as --with-NAME=no.
package() {
    case $1=$2 in
    mpm= | port= | sslport= | program-name=) die "--with-$1 wants a value" ;;
    esac
    case $1 in
    mpm) with_mpm=$2 ;;
    port) with_port=$2 ;;
    sslport) with_sslport=$2 ;;
    program-name) with_program_name=$2 ;;
    *)
        look_up "--with-$1"
        if test -z "$kind"; then
            unknown "$3"
        elif test "$2" != no; then
            taken "$3"
        fi
        ;;
    esac
}

# value_option NAME VALUE OPTION: the options that want a value, behind = or as the next word.
value_option() {
    case $1 in
    --srcdir | --target | --cache-file) ;;
    --build) build_alias=$2 ;;
    --host) host_alias=$2 ;;
    --disable-option-checking) option_checking=no ;;
    *)
        look_up "$1"
        case $kind in
        dir)
            folder=${1#--}
            test "$folder" != exec-prefix || folder=exec_prefix
            eval "set_$folder=\$2"
            set_folders="$set_folders $folder"
            ;;
        quiet | idle | later) taken "$3" ;;
        *) unknown "$3" ;;
        esac
        ;;
    esac
}

# variable NAME VALUE: NAME=VALUE on the command line.
variable() {
    case $1 in
    '' | *[!A-Za-z0-9_]* | [0-9]*) die "$1=$2: not a variable's name" ;;
    esac
    look_up "$1"
    if test "$kind" = var; then
        eval "$1=\$2"
        given_variables="$given_variables $1"
    else
        warn "$1 has no effect: this build uses CARGO, RUSTC, RUSTFLAGS, PROFILE, CC and CFLAGS"
    fi
}

waiting=''
for argument do
    arguments="$arguments $(quote "$argument")"
    if test -n "$waiting"; then
        value_option "$waiting" "$argument" "$waiting=$argument"
        waiting=''
        continue
    fi
    case $argument in
    -h | --help) help=options ;;
    --help=*) help=${argument#--help=} ;;
    -V | --version) help=version ;;
    -q | --quiet | --silent) quiet=yes ;;
    -n | --no-create) no_create=yes ;;
    -C | --config-cache) ;;
    --disable-option-checking) option_checking=no ;;
    --enable-*=*) name=${argument#--enable-} && feature "${name%%=*}" "${name#*=}" "$argument" ;;
    --enable-*) feature "${argument#--enable-}" yes "$argument" ;;
    --disable-*) feature "${argument#--disable-}" no "$argument" ;;
    --with-*=*) name=${argument#--with-} && package "${name%%=*}" "${name#*=}" "$argument" ;;
    --with-*) package "${argument#--with-}" yes "$argument" ;;
    --without-*) package "${argument#--without-}" no "$argument" ;;
    --*=*) value_option "${argument%%=*}" "${argument#*=}" "$argument" ;;
    --*)
        look_up "$argument"
        if test -n "$kind"; then waiting=$argument; else unknown "$argument"; fi
        ;;
    -*) unknown "$argument" ;;
    *=*) variable "${argument%%=*}" "${argument#*=}" ;;
    *) die "$argument is not an option; ./configure --help lists them" ;;
    esac
done
test -z "$waiting" || die "$waiting wants a value"

# Nobody knows these: say so, and what may have been meant.
if test -n "$unknown_options" && test "$option_checking" = yes; then
    known=$(
        printf '%s\n' "$option_table" | sed 's/|.*//; /^--/!d; p; s/^--enable-/--disable-/p; s/^--with-/--without-/p'
        for name in $module_names; do
            printf -- '--enable-%s\n--disable-%s\n' "$name" "$name" | tr _ -
        done
    )
    save_ifs=$IFS
    IFS=$newline
    for option in $unknown_options; do
        near=$(printf '%s\n' "$known" | nearest "${option%%=*}")
        warn "nobody here knows the option $option${near:+; did you mean $near?}"
    done
    IFS=$save_ifs
fi

# What the options choose and the environment may set; config.nice keeps both.
for name in CARGO RUSTC RUSTFLAGS PROFILE CC CFLAGS; do
    eval "value=\${$name-}"
    if test -n "$value" && ! has "$given_variables" "$name"; then
        environment="$environment $name"
    fi
    eval "$name=\$value"
done
