#!/bin/sh
# run.sh PACKAGE COMMAND: packs the package, installs it into a fresh folder as a user does, and runs
# the tests there. COMMAND is the native `pluck`, whose draws must be the same.
set -eu
package=$1
here=$(cd "$(dirname "$0")" && pwd)
PLUCK_COMMAND=$2
PLUCK_ROWS=$here/../../data/rows-kjv-152k.npy
PLUCK_EXPECTED=$here/../../examples/expected
export PLUCK_COMMAND PLUCK_ROWS PLUCK_EXPECTED
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd "$package" && npm pack --silent --pack-destination "$work" >/dev/null)
mkdir "$work/user"
cd "$work/user"
echo '{ "private": true }' >package.json
npm install --offline --silent --no-audit --no-fund "$work"/*.tgz
cp "$here"/*.test.mjs .
node --expose-gc --test ./*.test.mjs
