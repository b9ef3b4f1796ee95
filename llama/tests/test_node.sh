#!/bin/sh
# test_node.sh: node-llama-cpp, as npm installs it, gives the same seeded texts with and without the
# drop-in, and the drop-in takes over.
# usage: test_node.sh PRELOAD-LIBRARY MODEL NPM-FOLDER
set -eu
preload=$1 model=$2 library=$3/node_modules/node-llama-cpp/dist/index.js
here=$(dirname "$0")
out=$(mktemp -d)
. "$here/dropin_common.sh"

command -v node >/dev/null 2>&1 || skip "node is not installed"
[ "$(node --version | sed 's/^v\([0-9]*\).*/\1/')" -ge 20 ] || skip "node-llama-cpp needs Node 20"
[ -f "$library" ] || skip "node-llama-cpp is not installed (scripts/get-llama does it)"

node "$here/node_generate.mjs" "$library" "$model" >"$out/without"
PLUCK_LLAMA=log LD_PRELOAD=$preload \
    node "$here/node_generate.mjs" "$library" "$model" >"$out/with" 2>"$out/log"

[ "$(wc -l <"$out/without")" -eq 7 ] || fail "seven texts were expected"
grep -q '^pluck: the samplers of libllama 0.5.0' "$out/log" || fail "libllama was not taken over"
grep -q '^pluck: first chain: fused:' "$out/log" || fail "the first chain was not taken over"
diff "$out/without" "$out/with" || fail "the texts differ"
echo "7 texts are the same"
