#!/bin/sh
# test_two.sh: two generations of libllama in one process; each plugin's calls go to the one it is
# linked with, and both are taken over.
# usage: test_two.sh PRELOAD PROGRAM MODEL NEW-PLUGIN OLD-PLUGIN
set -eu
preload=$1 program=$2 model=$3 new=$4 old=$5

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fail() {
    echo "$1"
    cat "$out"/* || true
    exit 1
}
"$program" "$model" "$new" >"$out/new"
"$program" "$model" "$old" >"$out/old"
grep -q -- '-1' "$out/new" "$out/old" && fail "a token is missing"

# both FIRST SECOND: with the drop-in, loaded in that order.
both() {
    PLUCK_LLAMA=log LD_PRELOAD=$preload "$program" "$model" "$1" "$2" >"$out/text" 2>"$out/log" ||
        fail "the program failed"
    [ "$(grep -c 'are taken over$' "$out/log")" -eq 2 ] || fail "not both are taken over"
    grep -q 'libllama 0.5.0' "$out/log" || fail "the new one is not told"
    grep -q 'libllama b7347' "$out/log" || fail "the old one is not told"
    grep -q 'pluck: but' "$out/log" && fail "something is left to libllama"
    return 0
}
both "$new" "$old"
cat "$out/new" "$out/old" | cmp -s - "$out/text" || fail "other tokens, the new one first"
both "$old" "$new"
cat "$out/old" "$out/new" | cmp -s - "$out/text" || fail "other tokens, the old one first"
echo ok
