#! /bin/sh
# make check and make check-mpms: every MPM of the release is tested, and the table tells of each; a failure is not hidden.

. "${0%/*}/lib.sh"
stub src
mkdir b
cd b
good ../src/configure -q --with-mpm=worker
good make check
says out '1 passed; 0 failed'
WINE=none
export WINE
good make check-mpms
for name in prefork worker event; do
    grep -q "^$name *passed *1 *0 *0 " "$here/out" || fail "the table has no line for $name"
done
test ! -e check-mpms/worker || fail 'the configured MPM was built twice'
grep -q 'define HTTPD_MPM_NAME "event"' check-mpms/event/include/httpd_config.h || fail 'event was not configured'
is HTTPD_MPM_NAME '"worker"'

sed 's/assert_eq!(env!("HTTPD_CONFIGURED"), "1")/assert_ne!(env!("HTTPD_MPM_NAME"), "event")/' ../src/src/main.rs >main.rs
cp main.rs ../src/src/main.rs
bad make check-mpms
grep -q '^event *FAILED *0 *1 ' "$here/out" || fail 'the failure of event is not told'
grep -q '^prefork *passed *1 *0 ' "$here/out" || fail 'prefork was not tested after a failure'

good make check CHECK_ARGS='-- --list'
says out 'the_mpm_is_the_configured_one: test'
