# shellcheck shell=sh disable=SC2154 # the answers come from config.status
# make check-mpms: the tests on each MPM of this release, one after another, then a table. The configured MPM is tested in
# this build folder, each other one in check-mpms/NAME, configured by the same options; what does not depend on the MPM is
# built once for those, in check-mpms/target. mpm_winnt is tested under wine (check-windows.sh), where there is one and a cross
# compiler. The tests of configure itself do not depend on it either, so they run only by
# make check. Extra arguments go to cargo test.

set +f
extra=$*

# shellcheck source=build/windows-tools.sh
. "$srcdir/build/windows-tools.sh"

# tests FOLDER LOG TARGET: runs them; the log's last line is the exit code.
tests() {
    { (cd "$1" && HTTPD_SKIP_BUILD_TESTS=1 ${MAKE:-make} "$3" CHECK_ARGS="--no-fail-fast $extra") 2>&1; echo "exit $?"; } | tee "$2"
}

good() {
    tail -n 1 "$1" | grep -q '^exit 0$'
}

table=''
failed=0
mkdir -p check-mpms
for facts in "$srcdir"/mpm/*/facts; do
    grep -q '^status=planned' "$facts" && continue
    name=$(sed -n 's/^name=//p' "$facts")
    log=$builddir/check-mpms/$name.log
    started=$(date +%s)
    target=check
    if grep -q '^builds-on=windows' "$facts"; then
        if test -z "$wine"; then
            table="$table$(printf '%-12s left out: no cross compiler, or no wine' "$name")
"
            continue
        fi
        folder=$builddir target=check-windows
    elif test "$name" = "$mpm_name"; then
        folder=$builddir
    else
        folder=$builddir/check-mpms/$name
        mkdir -p "$folder" check-mpms/target
        test -e "$folder/target" || ln -s ../target "$folder/target"
        printf '== %s: configure\n' "$name"
        (cd "$folder" && /bin/sh "$builddir/config.nice" -q --srcdir="$srcdir" --with-mpm="$name") || exit 1
    fi
    printf '== %s: tests, in %s\n' "$name" "$folder"
    tests "$folder" "$log" "$target"
    result=passed
    if ! good "$log" && test -n "${HTTPD_CI-}"; then
        # On a machine that is busy with other work a limit of time can be met for no fault of the server's. What fails
        # twice has failed; what fails once is told.
        mv "$log" "$log.first"
        printf '== %s: once more, since these failed:\n' "$name"
        grep -a '^test .* FAILED' "$log.first"
        tests "$folder" "$log" "$target"
        result='2nd try'
    fi
    if ! good "$log"; then
        result=FAILED
        failed=1
    fi
    # shellcheck disable=SC2016 # the dollar signs are awk's
    counts=$(awk '/^test result:/ { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) p += $(i - 1); if ($i ~ /^failed/) f += $(i - 1); if ($i ~ /^ignored/) g += $(i - 1) } }
        END { printf "%8d %8d %8d", p, f, g }' "$log")
    line=$(printf '%-12s %-8s %s %7ds' "$name" "$result" "$counts" "$(($(date +%s) - started))")
    table="$table$line
"
done
printf '\n%-12s %-8s %8s %8s %8s %8s\n%s' MPM tests passed failed ignored time "$table"
exit "$failed"
