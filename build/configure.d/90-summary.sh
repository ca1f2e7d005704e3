# shellcheck shell=sh disable=SC2034,SC2154 # names are shared with the other files
# The last word: what was decided.

threads='no threads'
case $mpm_threads in
fixed) threads='a fixed number of threads in a process' ;;
variable) threads='as many threads as are needed' ;;
esac
say ''
say "  httpd $version"
say "    MPM:             $mpm_name ($threads)"
say "    runs on:         $host"
say "    layout:          $layout, below ${prefix:-/}"
say "    configuration:   $sysconfdir/$progname.conf, port $port"
say "    modules static:  $(printf '%s\n' "$modules_static" | fold -s -w 90 | sed '2,$s/^/                     /; s/ *$//')"
say "    modules shared:  ${modules_shared:-none}"
say "    profile:         $PROFILE, by $("$RUSTC" --version | sed 's/ (.*//')"
test -z "$cannot" || say "    make:            cannot work: $cannot"
say ''
if test "$no_create" = yes; then
    say 'Nothing was written (--no-create).'
elif test -z "$cannot"; then
    say 'Now: make && make install'
fi
