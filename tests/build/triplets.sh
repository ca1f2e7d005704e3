#! /bin/sh
# The table of defaults: which MPM configure takes for --host, without --with-mpm.

. "${0%/*}/lib.sh"
count=0
while read -r triplet mpm; do
    good "$SRCDIR/configure" --host="$triplet" --help=mpm
    says out "default MPM for $triplet: $mpm"
    count=$((count + 1))
done <<'EOF'
i586-pc-beos beos
i686-beos-gnu beos
x86_64-unknown-haiku beos
i586-pc-haiku beos
i386-novell-netware mpm_netware
i586-pc-netware mpm_netware
i386-pc-os2-emx mpmt_os2
i686-os2-emx mpmt_os2
x86_64-w64-mingw32 mpm_winnt
i686-w64-mingw32 mpm_winnt
i686-pc-mingw32 mpm_winnt
x86_64-pc-windows-gnu mpm_winnt
x86_64-pc-windows-msvc mpm_winnt
aarch64-pc-windows-msvc mpm_winnt
x86_64-win7-windows-gnu mpm_winnt
x86_64-pc-cygwin prefork
x86_64-pc-msys prefork
x86_64-pc-linux-gnu prefork
x86_64-unknown-linux-musl prefork
aarch64-linux-gnu prefork
arm-linux-gnueabihf prefork
riscv64-unknown-linux-gnu prefork
aarch64-linux-android prefork
s390x-ibm-linux-gnu prefork
x86_64-unknown-freebsd14.0 prefork
x86_64-unknown-openbsd7.4 prefork
x86_64--netbsd prefork
x86_64-unknown-dragonfly6.4 prefork
aarch64-apple-darwin23.1.0 prefork
x86_64-apple-darwin prefork
sparc-sun-solaris2.11 prefork
x86_64-unknown-illumos prefork
powerpc-ibm-aix7.2 prefork
hppa2.0w-hp-hpux11.11 prefork
i686-unknown-gnu0.9 prefork
x86_64-unknown-minix prefork
EOF
test "$count" -ge 25 || fail "only $count triplets"

# The same choice is made, and told, when it is not only asked for. Where Rust has no such system one sentence says so.
bad "$SRCDIR/configure" --host=i386-pc-os2-emx
says out 'checking the MPM... mpmt_os2 (the default on os2)'
says err 'mpmt_os2 is built only on unix, not on os2'
lines err 1
good "$SRCDIR/configure"
says out 'checking the MPM... prefork (the default on '
bad "$SRCDIR/configure" --host=nonsense
says err 'nonsense is not the name of a system'
good "$SRCDIR/configure" -q --host=i786-acme-acmeos
says err 'taking it for a Unix'
