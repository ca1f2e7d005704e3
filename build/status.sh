# shellcheck shell=sh disable=SC2034,SC2154 # the names are answers of config.status
# The end of config.status, which has set all answers before it comes here: fills each template of the sources into its
# place in the build folder, or runs one of the scripts of build/ that make needs, with the answers at hand.
# A file whose content stays the same keeps its time, so that nothing is built again for it.

LC_ALL=C
export LC_ALL
quiet=no
case ${1-} in
'') ;;
-q | --quiet | --silent) quiet=yes ;;
--recheck) eval "exec \"\$srcdir/configure\" $arguments" ;;
--config) printf '%s\n' "${arguments# }" && exit 0 ;;
-V | --version) printf 'httpd config.status %s\n' "$version" && exit 0 ;;
--run)
    running=$2
    shift 2
    # shellcheck source=/dev/null # cargo.sh, install.sh, ...
    . "$srcdir/build/$running"
    exit
    ;;
*) printf 'usage: config.status [-q] [--recheck | --config | --version | --run SCRIPT [ARGUMENT]...]\n' >&2 && exit 1 ;;
esac

# One line of sed for each answer.
script=config.sed.$$
trap 'rm -f "$script" config.out.$$' 0
trap 'exit 1' 1 2 15
for name in $answers; do
    eval "value=\$$name"
    case $value in
    *[\\\&\|]*) value=$(printf '%s\n' "$value" | sed 's/[\\&|]/\\&/g') ;;
    esac
    printf 's|@%s@|%s|g\n' "$name" "$value"
done >"$script" || exit 1

# fill TEMPLATE FILE MODE
fill() {
    folder=${2%/*}
    test "$folder" = "$2" || mkdir -p "$folder" || exit 1
    sed -f "$script" "$srcdir/$1" >config.out.$$ || exit 1
    state=same
    if ! cmp -s config.out.$$ "$2"; then
        rm -f "$2"
        cp config.out.$$ "$2" || exit 1
        state=written
    fi
    chmod "$3" "$2"
    test "$quiet" = yes || printf 'config.status: %s: %s\n' "$2" "$state"
}

fill include/httpd_config.h.in include/httpd_config.h 644
fill Makefile.in Makefile 644
fill support/apachectl.in support/apachectl 755
fill support/apxs.in support/apxs 755
