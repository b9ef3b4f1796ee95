#!/bin/sh
# test_node.sh: node-llama-cpp as npm installs it gives the same seeded texts with and without the
# drop-in, and the drop-in has taken over.
# usage: test_node.sh PRELOAD-LIBRARY MODEL NPM-FOLDER
set -eu
preload=$1 model=$2 library=$3/node_modules/node-llama-cpp/dist/index.js
here=$(dirname "$0")

skip() {
    echo "skipped: $1"
    exit 77
}
command -v node >/dev/null 2>&1 || skip "node is not installed"
[ "$(node --version | sed 's/^v\([0-9]*\).*/\1/')" -ge 20 ] || skip "node-llama-cpp needs Node 20"
[ -f "$library" ] || skip "node-llama-cpp is not installed (scripts/get-llama does it)"

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
node "$here/node_generate.mjs" "$library" "$model" >"$out/without"
PLUCK_LLAMA=log LD_PRELOAD=$preload \
    node "$here/node_generate.mjs" "$library" "$model" >"$out/with" 2>"$out/log"

if [ "$(wc -l <"$out/without")" -ne 7 ]; then
    echo "seven texts were expected:"
    cat "$out/without"
    exit 1
fi
if ! grep -q '^pluck: the samplers of libllama 0.5.0' "$out/log" ||
    ! grep -q '^pluck: first chain: fused:' "$out/log"; then
    echo "the drop-in did not take over:"
    cat "$out/log"
    exit 1
fi
if ! diff "$out/without" "$out/with"; then
    echo "the texts differ"
    exit 1
fi
echo "7 texts are the same"
