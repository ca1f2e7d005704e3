#! /bin/sh
# The C preprocessor sees in httpd_config.h what cargo's build script hands to the Rust sources.

. "${0%/*}/lib.sh"
need cc
stub src
mkdir b
cd b
good ../src/configure -q --prefix="$here/in stalled" --with-mpm=event --enable-mods-shared='env dir' --with-port=8080 PROFILE=dev
sed -n 's/^#define \([A-Z_0-9]*\) .*/\1/p' include/httpd_config.h | grep -v -e '^HAVE_' >names
test "$(wc -l <names)" -gt 40 || fail 'too few names'

{
    printf '#include <stdio.h>\n#include "httpd_config.h"\n#define S(x) S2(x)\n#define S2(x) #x\nint main(void) {\n'
    while read -r name; do
        case $(defined "$name") in
        \"*) printf '    puts("%s=" %s);\n' "$name" "$name" ;;
        *) printf '    puts("%s=" S(%s));\n' "$name" "$name" ;;
        esac
    done <names
    printf '    return 0;\n}\n'
} >c.c
good cc -std=c89 -pedantic -Wall -Werror -Iinclude -o c c.c
./c >from_c

{
    printf 'fn main() {\n'
    while read -r name; do
        case $name in
        HTTPD_*) variable=$name ;;
        *) variable=HTTPD_$name ;;
        esac
        printf '    println!("%s={}", env!("%s"));\n' "$name" "$variable"
    done <names
    printf '}\n'
} >../src/src/main.rs
good make
./httpd >from_rust
diff from_c from_rust || fail 'C and Rust see different values'

# And a plain cargo build has the values of a plain configure.
cd ..
mkdir plain
cd plain
good ../src/configure -q PROFILE=dev
good make
./httpd >configured
good env CARGO_TARGET_DIR="$here/target" cargo run -q --manifest-path ../src/Cargo.toml
grep -v '^HTTPD_\(HOST\|[A-Z]*_MODULES\|MPM_[A-Z]*\)=' "$here/out" >unconfigured
grep -v '^HTTPD_\(HOST\|[A-Z]*_MODULES\|MPM_[A-Z]*\)=' configured | diff - unconfigured || fail 'the defaults of build/defaults.rs are not those of configure'
