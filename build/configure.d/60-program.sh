# shellcheck shell=sh disable=SC2034,SC2154 # names are shared with the other files
# What is the program called, and which ports does its first configuration name?

# check_port OPTION VALUE
check_port() {
    case $2 in
    yes | no) die "$1 wants a port number" ;;
    '' | *[!0-9]* | ??????*) die "$1=$2: a port is a number from 1 to 65535" ;;
    esac
    if test "$2" -lt 1 || test "$2" -gt 65535; then die "$1=$2: a port is a number from 1 to 65535"; fi
}

port=${with_port:-80}
sslport=${with_sslport:-443}
check_port --with-port "$port"
check_port --with-sslport "$sslport"
test "$port" != "$sslport" || die "the ports of --with-port and --with-sslport are the same, $port"

progname=${with_program_name:-httpd}
case $progname in
yes | no) die "--with-program-name wants a name" ;;
-* | .* | *[!A-Za-z0-9._+-]*) die "--with-program-name=$progname: it takes letters, digits and . _ + -" ;;
esac

case $v4_mapped in
'')
    v4_mapped=0
    case ,$system_has, in
    *,v4mapped,*) v4_mapped=1 ;;
    esac
    ;;
yes) v4_mapped=1 ;;
no) v4_mapped=0 ;;
*) die "--enable-v4-mapped=$v4_mapped: it takes yes or no" ;;
esac

exe=''
test "$system" != windows || exe=.exe
answer 'the name and the port of the server' "$progname$exe, $port"
