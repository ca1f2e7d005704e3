# shellcheck shell=sh disable=SC2034 # the names are for those who read this file
# Is there what httpd.exe is built and run with here? $wine is the program that runs it, empty if something is missing. WINE
# names another one; WINE=none leaves Windows out.

wine=${WINE-}
if test "$wine" = none; then
    wine=''
elif test -z "$wine" && command -v x86_64-w64-mingw32-gcc >/dev/null 2>&1; then
    for program in wine64 /usr/lib/wine/wine64; do
        if command -v "$program" >/dev/null 2>&1; then
            wine=$(command -v "$program")
            break
        fi
    done
fi
