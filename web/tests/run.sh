#!/bin/sh
# run.sh chain|page BUILD: tests the playground, its logic and the documents' pictures in Node, or the built
# page in Chromium, with the package in BUILD/js/package. Exit status 77: Chromium is not here, or Vite could
# not be fetched.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$2" && pwd)
case $1 in
chain)
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/node_modules" "$work/tests"
    cp -R "$build/js/package" "$work/node_modules/pluck-sampling"
    cp -R "$here/../src" "$work"
    cp "$here"/*.test.mjs "$work/tests"
    echo '{ "type": "module" }' >"$work/package.json"
    cd "$work"
    node --test tests/
    node "$here/../tools/pictures.mjs" "$build/js/package" --check
    ;;
page)
    chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
        echo "There is no Chromium: make deps DEPS=web"
        exit 77
    }
    "$here/../../scripts/build-web" "$build"
    node "$here/page.mjs" "$build/web" "$build/js/package" "$build/web-npm/node_modules/axe-core/axe.min.js" "$chromium"
    ;;
*)
    echo "usage: run.sh chain|page BUILD" >&2
    exit 2
    ;;
esac
