#!/bin/sh
# test_two.sh: two generations of libllama in one process. Each plugin's calls go to the one that it
# is linked with, and both are taken over.
# usage: test_two.sh PRELOAD PROGRAM MODEL NEW-PLUGIN OLD-PLUGIN
set -eu
preload=$1 program=$2 model=$3 new=$4 old=$5
out=$(mktemp -d)
. "$(dirname "$0")/dropin_common.sh"
"$program" "$model" "$new" >"$out/new"
"$program" "$model" "$old" >"$out/old"
grep -q -- '-1' "$out/new" "$out/old" && fail "a token is missing"

# both FIRST SECOND: with the drop-in, loaded in that order.
both() {
    PLUCK_LLAMA=log LD_PRELOAD=$preload "$program" "$model" "$1" "$2" >"$out/text" 2>"$out/log" ||
        fail "the program failed"
    [ "$(grep -c 'are taken over$' "$out/log")" -eq 2 ] || fail "not both are taken over"
    grep -q 'libllama 0.5.0' "$out/log" || fail "the new one is not reported"
    grep -q 'libllama b7347' "$out/log" || fail "the old one is not reported"
    grep -q '^pluck: left to libllama' "$out/log" && fail "a sampler is left to libllama"
    return 0
}
both "$new" "$old"
cat "$out/new" "$out/old" | cmp -s - "$out/text" || fail "other tokens with the new one first"
both "$old" "$new"
cat "$out/old" "$out/new" | cmp -s - "$out/text" || fail "other tokens with the old one first"
echo ok
