#! /bin/sh
# apachectl: each verb becomes the right call of the server, whose exit code it passes on.

. "${0%/*}/lib.sh"
good "$SRCDIR/configure" -q --prefix="$here/in stalled" --with-port=8080
mkdir -p 'in stalled/bin' fake
cp support/apachectl 'in stalled/bin/'
cat >'in stalled/bin/httpd' <<'EOF'
#! /bin/sh
printf 'httpd'
printf ' [%s]' "$@"
printf '\n'
exit "${FAKE_EXIT:-0}"
EOF
chmod +x 'in stalled/bin/httpd'
apachectl="$here/in stalled/bin/apachectl"

for verb in start stop restart graceful graceful-stop upgrade status fullstatus; do
    good "$apachectl" "$verb"
    says out "httpd [-k] [$verb]"
done
run "$apachectl" reopen
test "$code" = 1 || fail "reopen without a server ended with $code"
good "$apachectl" start -D 'A B' -f /x.conf
says out 'httpd [-k] [start] [-D] [A B] [-f] [/x.conf]'
good "$apachectl" upgrade /opt/new/httpd
says out 'httpd [-k] [upgrade] [/opt/new/httpd]'
good "$apachectl" configtest
says out 'httpd [-t]'
good "$apachectl"
says out 'httpd [-h]'
good "$apachectl" -M
says out 'httpd [-M]'
good "$apachectl" -k graceful
says out 'httpd [-k] [graceful]'
run env FAKE_EXIT=3 "$apachectl" configtest
test "$code" = 3 || fail "the exit code of httpd was lost: $code"
run env FAKE_EXIT=1 "$apachectl" status
test "$code" = 1 || fail "the exit code of httpd was lost: $code"
for verb in startssl sslstart start-SSL; do
    run "$apachectl" "$verb"
    test "$code" = 2 || fail "$verb ended with $code"
    lines err 3
done

# Settings, from the environment and from envvars.
good env HTTPD="/bin/echo other" "$apachectl" start
says out 'other -k start'
echo 'HTTPD="/bin/echo fromfile"' >'in stalled/bin/envvars'
good "$apachectl" start
says out 'fromfile -k start'
rm 'in stalled/bin/envvars'

# The status page, by whatever can fetch it, where the socket is off.
cat >fake/curl <<'EOF'
#! /bin/sh
for last do :; done
printf 'page %s\nBusyWorkers: 1\n' "$last"
EOF
cat >fake/lynx <<'EOF'
#! /bin/sh
printf 'Server uptime\n%s\n   1 requests currently being processed, 3 idle workers in process\nSrv PID\n' "$2"
EOF
chmod +x fake/*
mkdir tools
for tool in sh awk grep sed cat printf env; do ln -s "$(command -v "$tool")" "tools/$tool"; done
good env FAKE_EXIT=3 PATH="$here/fake:$here/tools" "$apachectl" status
says out 'http://localhost:8080/server-status'
says out 'idle workers'
silent out 'Srv PID'
good env FAKE_EXIT=3 PATH="$here/fake:$here/tools" "$apachectl" fullstatus
says out 'Srv PID'
rm fake/lynx
good env FAKE_EXIT=3 PATH="$here/fake:$here/tools" STATUSURL=http://127.0.0.1:99/s "$apachectl" status
says out 'page http://127.0.0.1:99/s?auto'
says out 'BusyWorkers: 1'
rm fake/curl
bad env FAKE_EXIT=3 PATH="$here/tools" "$apachectl" status
says err 'none of lynx'
