# shellcheck shell=sh disable=SC2034,SC2154 # names are shared with the other files
# Which system compiles, and which will run the server? --build and --host, else what uname tells. build/systems says what a
# triplet means: $system, $system_kinds (all words that mpm/*/facts may mean it by), $platform.

# guess: prints the triplet of the system that runs this script.
guess() {
    machine=$(uname -m 2>/dev/null) || machine=unknown
    kernel=$(uname -s 2>/dev/null) || kernel=unknown
    release=$(uname -r 2>/dev/null) || release=''
    case $machine in
    i[3-6]86 | x86_64) vendor=pc ;;
    amd64) machine=x86_64 vendor=pc ;;
    arm64) machine=aarch64 vendor=unknown ;;
    i86pc) machine=x86_64 vendor=pc ;;
    *) machine=$(printf '%s\n' "$machine" | tr ' /' '__') vendor=unknown ;;
    esac
    case $kernel in
    Linux) printf '%s\n' "$machine-$vendor-linux-gnu" ;;
    Darwin) printf '%s\n' "$machine-apple-darwin$release" ;;
    FreeBSD | OpenBSD | NetBSD | DragonFly)
        printf '%s\n' "$machine-unknown-$kernel${release%%-*}" | tr '[:upper:]' '[:lower:]'
        ;;
    SunOS) printf '%s\n' "$machine-$vendor-solaris2.${release#5.}" ;;
    Haiku) printf '%s\n' "$machine-unknown-haiku" ;;
    BeOS) printf '%s\n' "i586-pc-beos" ;;
    OS/2) printf '%s\n' "i386-pc-os2-emx" ;;
    MINGW* | Windows_NT) printf '%s\n' "$machine-w64-mingw32" ;;
    CYGWIN*) printf '%s\n' "$machine-pc-cygwin" ;;
    MSYS*) printf '%s\n' "$machine-pc-msys" ;;
    *) printf '%s\n' "$machine-unknown-$kernel" | tr '[:upper:] /' '[:lower:]__' ;;
    esac
}

# know TRIPLET: sets system, system_kinds, platform, rust_system and system_has from the first line that fits.
know() {
    system='' system_kinds='' platform=Unix rust_system=- system_has=-
    while read -r pattern word kinds brackets rust has_words; do
        case $pattern in
        '' | '#') continue ;;
        esac
        # shellcheck disable=SC2254 # the table holds patterns
        case $1 in
        $pattern)
            system=$word platform=$brackets rust_system=$rust system_has=$has_words
            test "$kinds" = - && kinds=''
            system_kinds="$word $(printf '%s\n' "$kinds" | tr , ' ')"
            break
            ;;
        esac
    done <"$srcdir/build/systems"
}

build=${build_alias:-$(guess)}
host=${host_alias:-$build}
for triplet in "$build" "$host"; do
    case $triplet in
    *[!A-Za-z0-9._+-]* | -* | '') die "$triplet is not the name of a system" ;;
    *-*) ;;
    *) die "$triplet is not the name of a system: it looks like x86_64-pc-linux-gnu" ;;
    esac
done
know "$host"
if test -z "$system"; then
    system=unknown system_kinds='unknown unix'
    test -n "$help" || warn "no line of build/systems fits $host; taking it for a Unix"
fi
