#! /bin/sh
# Five shells give the same files and say the same, for several command lines, right and wrong.

. "${0%/*}/lib.sh"
need dash && need bash && need busybox && need yash && need mksh

# try NUMBER OPTION...: one command line under each shell, the results side by side.
try() {
    number=$1
    shift
    for shell in dash 'bash --posix' 'busybox sh' yash mksh; do
        # Each works in a folder of the same name, so that no path differs.
        rm -rf work
        mkdir work
        # shellcheck disable=SC2086 # bash --posix are two words
        code=0
        (cd work && exec $shell "$SRCDIR/configure" "$@" >said 2>&1 </dev/null) || code=$?
        echo "exit $code" >>work/said
        sed '/^ *in .*, on /d' work/config.log >work/log 2>/dev/null || :
        rm -f work/config.log
        name=$(printf '%s\n' "$shell" | tr -d ' ')
        mv work "result.$number.$name"
        diff -r "result.$number.dash" "result.$number.$name" >difference || fail "$name differs from dash with $*: $(cat difference)"
    done
}

try 1
try 2 --prefix="$here/in stalled" --with-mpm=mpm_event --enable-mods-shared='alias,dir env' --disable-status \
    --enable-layout=GNU --enable-fob --with-apr=x CFLAGS="-O2 -DX='a b'" --with-port=8080
try 3 --with-mpm=worker --enable-modules=few --enable-mods-static=logio --prefix /opt/httpd --host=aarch64-linux-gnu
try 4 --with-mpm=nosuch
try 5 --enable-modules='alias nosuch'
try 6 --enable-layout=Debian --with-program-name=apache2 -q
try 7 --host=i386-pc-os2-emx
try 8 --help
try 9 --host=x86_64-unknown-haiku --help=mpm
grep -q 'exit 0' result.1.dash/said || fail 'the plain call failed'
grep -q 'exit 0' result.2.dash/said || fail 'the second call failed'
grep -q 'exit 0' result.3.dash/said || fail 'the third call failed'
grep -q 'exit 1' result.4.dash/said || fail 'the fourth call went through'

# And with busybox's awk, sed and the rest in place of the usual ones.
mkdir tools
for tool in $(busybox --list); do ln -s "$(command -v busybox)" "tools/$tool"; done
for tool in cargo rustc cc; do
    if command -v "$tool" >/dev/null 2>&1; then ln -sf "$(command -v "$tool")" "tools/$tool"; fi
done
mkdir work
(cd work && PATH=$here/tools exec "$here/tools/sh" "$SRCDIR/configure" --prefix="$here/in stalled" --with-mpm=mpm_event --enable-mods-shared='alias,dir env' --disable-status \
    --enable-layout=GNU --enable-fob --with-apr=x CFLAGS="-O2 -DX='a b'" --with-port=8080 >said 2>&1)
echo 'exit 0' >>work/said
rm work/config.log
rm result.2.dash/log
diff -r result.2.dash work >difference || fail "busybox's tools make a difference: $(cat difference)"
