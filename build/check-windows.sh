# shellcheck shell=sh disable=SC2154 # the answers come from config.status
# make check-windows: builds httpd.exe with the cross compiler, and asks it under wine what tests/conformance asks of every
# server, but for the cases of tests/conformance/windows.skip, which are listed with their reasons. Work lies in check-windows/.
# That it "builds for Windows and passes under wine" is all that this shows.

set -e
set +f
# shellcheck source=build/windows-tools.sh
. "$srcdir/build/windows-tools.sh"
if test -z "$wine"; then
    printf 'make: this needs wine64 and x86_64-w64-mingw32-gcc; INSTALL names the packages\n' >&2
    exit 1
fi

folder=$builddir/check-windows
mkdir -p "$folder"

# The program, and the suite that asks it, which runs on this system.
if test "$system" = windows; then
    exe_folder=$builddir
    suite_folder=$folder
    (cd "$suite_folder" && env -u CARGO -u RUSTC /bin/sh "$srcdir/configure" -q PROFILE=dev)
else
    exe_folder=$folder
    suite_folder=$builddir
    (cd "$exe_folder" && env -u CARGO -u RUSTC /bin/sh "$srcdir/configure" -q --host=x86_64-w64-mingw32 PROFILE=dev)
fi
(cd "$exe_folder" && ${MAKE:-make})

# A wine of its own, which ends with this script. Its server is started first, so that no test seems to leave it behind.
WINEPREFIX=$folder/wine
WINEDEBUG=-all
export WINEPREFIX WINEDEBUG
unset DISPLAY
server=$(dirname "$(readlink -f "$wine")")/wineserver
test -x "$server" || server=wineserver
trap '"$server" -k || true' 0
trap 'exit 1' 1 2 15
# Neither is asked for by the suite, and both would want to be fetched.
WINEDLLOVERRIDES='mscoree,mshtml='
export WINEDLLOVERRIDES
mkdir -p "$WINEPREFIX"
"$server" -p
cat >"$folder/httpd-by-wine" <<EOF
#! /bin/sh
exec '$wine' "\${HTTPD_EXE:-$exe_folder/$progname.exe}" "\$@"
EOF
chmod +x "$folder/httpd-by-wine"
# Wine cannot give its pipes to the host's shell, which the suite's scripts are for; this program can.
x86_64-w64-mingw32-gcc -O -o "$folder/sh.exe" "$srcdir/tests/conformance/harness/sh.c"
HTTPD_SHELL=Z:$folder/sh.exe
# A copy of the program above a Winsock that breaks AcceptEx.
mkdir -p "$folder/layer"
x86_64-w64-mingw32-gcc -O -shared -o "$folder/layer/mswsock.dll" "$srcdir/tests/conformance/harness/layer.c" -lws2_32
HTTPD_LAYERED=$folder/layer/httpd.exe
cp "$exe_folder/$progname.exe" "$HTTPD_LAYERED"
export HTTPD_SHELL HTTPD_LAYERED
# Wine boots with the first program. A wineboot -i would start a second service manager, and who asks would get either.
"$folder/httpd-by-wine" -V

printf '\nLeft out on Windows (tests/conformance/windows.skip):\n'
sed '/^# /d; /^$/d; s/^## //; t; s/^/  /' "$srcdir/tests/conformance/windows.skip"
set -- --exact --test-threads=4
while read -r name _; do
    case $name in
    '' | '#'*) ;;
    *) set -- "$@" --skip "$name" ;;
    esac
done <"$srcdir/tests/conformance/windows.skip"
cd "$suite_folder"
log=$folder/check.log
{
    code=0
    HTTPD=$folder/httpd-by-wine ${MAKE:-make} check CHECK_ARGS="--test conformance -- $*" 2>&1 || code=$?
    printf '%s\n' "$code" >"$folder/check.code"
} | tee "$log"
read -r code <"$folder/check.code"
sed -n 's/^test result: .* \([0-9]*\) passed; \([0-9]*\) failed;.* \([0-9]*\) filtered out;.*/\
make check-windows: under wine \1 cases passed, \2 failed, and \3 were left out for the reasons above/p' "$log"
exit "$code"
