# shellcheck shell=sh disable=SC2034,SC2154 # names are shared with the other files
# Nothing more to ask: writes config.nice (this call, to be repeated), config.status (all answers, and the files anew from
# them), and by it include/httpd_config.h, Makefile, support/apachectl and support/apxs.

# The yes and no of the kernel, as C has them.
for word in epoll kqueue ports accept4 sendfile reuseport; do
    case ,$system_has, in
    *,"$word",*) eval "have_$word=1" ;;
    *) eval "have_$word=0" ;;
    esac
done
server_config_file=$rel_sysconfdir/$progname.conf
types_config_file=$rel_sysconfdir/mime.types
default_pidlog=$rel_runtimedir/$progname.pid
default_scoreboard=$rel_runtimedir/apache_runtime_status
default_errorlog=$rel_logfiledir/error_log
suexec_bin=$sbindir/suexec
answers="srcdir builddir version compatible magic_major magic_minor build host system platform rust_target cannot linker build_std
have_epoll have_kqueue have_ports have_accept4 have_sendfile have_reuseport v4_mapped
mpm_name mpm_title mpm_file mpm_identifier mpm_threaded mpm_forked mpm_threads
modules_static modules_shared features progname exe port sslport layout httpd_root $folders
rel_sysconfdir rel_runtimedir rel_statedir rel_logfiledir rel_libexecdir
server_config_file types_config_file default_pidlog default_scoreboard default_errorlog suexec_bin
CARGO RUSTC RUSTFLAGS PROFILE CC CFLAGS"
answers=$(printf '%s ' "$answers" | tr '\n' ' ')

# write_nice: prints config.nice.
write_nice() {
    printf '#! /bin/sh\n# Created by configure: repeats its call, with more options behind if you like.\n\n'
    for name in $environment; do
        eval "value=\$$name"
        printf '%s=%s\nexport %s\n' "$name" "$(quote "$value")" "$name"
    done
    printf '\nexec %s%s "$@"\n' "$(quote "$srcdir/configure")" "$arguments"
}

# write_status: prints config.status.
write_status() {
    printf '#! /bin/sh\n# Created by configure: the answers, and the files anew from them.\n'
    printf '# ./config.status [-q] [--recheck | --config | --version]\n\nset -fu\n'
    for name in $answers arguments; do
        eval "value=\$$name"
        printf '%s=%s\n' "$name" "$(quote "$value")"
    done
    printf 'answers=%s\n' "$(quote "$answers")"
    # shellcheck disable=SC2016 # it is the other script that shall expand it
    printf '\ncd "$builddir" || exit 1\n. "$srcdir/build/status.sh"\n'
}

if test "$no_create" = no; then
    note ''
    for name in $answers; do
        eval "value=\$$name"
        note "$name=$(quote "$value")"
    done
    if ! write_nice >config.nice || ! write_status >config.status; then die "cannot write into $builddir"; fi
    chmod +x config.nice config.status
    if test "$quiet" = yes; then
        "${CONFIG_SHELL:-/bin/sh}" ./config.status -q || exit 1
    else
        "${CONFIG_SHELL:-/bin/sh}" ./config.status || exit 1
    fi
fi
