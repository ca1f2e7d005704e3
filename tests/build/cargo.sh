#! /bin/sh
# Plain cargo, without configure: the default and one warning; wrong builds stop with one sentence.

. "${0%/*}/lib.sh"
stub src
CARGO_TARGET_DIR=$here/target
export CARGO_TARGET_DIR
cd src

good cargo run --locked
says out 'mpm=prefork threaded=false'
says out 'configured=0'
says err 'not configured: building the defaults of '
test "$(grep -c '^warning: httpd' "$here/err")" = 1 || fail 'not one warning'

good cargo run -q --features mpm-event
says out 'mpm=event threaded=true'
silent err 'not configured'
good cargo run -q --features mpm-event,mod-alias,mod-env-shared
says out 'static=core so http alias'
says out 'shared=env'
says out 'alias=true cgi=false cgid=false'

bad cargo build --features mpm-event,mpm-worker
says err 'the features mpm-worker and mpm-event are both on, but a server has exactly one MPM'
bad cargo build --all-features
says err 'a server has exactly one MPM'

printf '#define HTTPD_MPM_NAME "worker"\n#define HTTPD_STATIC_MODULES "core so http"\n' >"$here/header.h"
bad env HTTPD_CONFIG="$here/header.h" cargo build --features mpm-event
says err 'the feature mpm-event contradicts the configured header, which says worker'
good env HTTPD_CONFIG="$here/header.h" cargo run -q
says out 'mpm=worker'
says out 'static=core so http'
bad env HTTPD_CONFIG="$here/none.h" cargo build
says err "cannot read $here/none.h"

# An MPM of the release to come cannot slip in by a header.
planned=$(grep -l '^status=planned' mpm/*/facts | head -n 1)
if test -n "$planned"; then
    name=$(sed -n 's/^name=//p' "$planned")
    printf '#define HTTPD_MPM_NAME "%s"\n' "$name" >"$here/header.h"
    bad env HTTPD_CONFIG="$here/header.h" cargo build
    says err "MPM $name is not in this release yet"
fi
