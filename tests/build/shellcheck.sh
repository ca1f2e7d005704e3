#! /bin/sh
# The linter finds nothing in any script of the tree.

. "${0%/*}/lib.sh"
need shellcheck
cd "$SRCDIR"
good shellcheck -x configure
good shellcheck build/*.sh build/configure.d/*.sh
good shellcheck -s sh support/*.in
good shellcheck -x -P SCRIPTDIR tests/build/*.sh
good shellcheck .ci/run
