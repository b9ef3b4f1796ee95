#!/bin/sh
# test_quiet.sh: what the drop-in does to programs it has nothing to do with, and how it is switched.
# usage: test_quiet.sh PRELOAD-LIBRARY PLUCK-E2E-PROGRAM FAKE-LIBLLAMA-PROGRAM MODEL
set -eu
preload=$1 e2e=$2 other=$3 model=$4

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fail() {
    echo "$1"
    cat "$out"/* || true
    exit 1
}

# A program without libllama: no effect, no output, whatever the setting.
for mode in on off log; do
    PLUCK_LLAMA=$mode LD_PRELOAD=$preload /bin/echo hello >"$out/text" 2>"$out/errors"
    [ "$(cat "$out/text")" = hello ] || fail "echo was disturbed"
    [ ! -s "$out/errors" ] || fail "echo says something"
done

# off: nothing is taken over; log: what was is told, once each.
generate() {
    LD_PRELOAD=$preload "$e2e" "$model" 12 >"$out/text" 2>"$out/errors"
}
PLUCK_LLAMA=off generate
grep -q pluck: "$out/errors" && fail "PLUCK_LLAMA=off says something"
cp "$out/text" "$out/expected"
PLUCK_LLAMA=log generate
[ "$(grep -c 'are taken over' "$out/errors")" -eq 1 ] || fail "PLUCK_LLAMA=log does not tell once"
[ "$(grep -c 'first chain' "$out/errors")" -eq 1 ] || fail "PLUCK_LLAMA=log does not tell the chain"
cmp -s "$out/text" "$out/expected" || fail "another text than without the drop-in"
generate
[ ! -s "$out/errors" ] || fail "without PLUCK_LLAMA something is said"

# Another version: left alone, with a line on stderr; arguments that the drop-in does not know pass.
LD_PRELOAD=$preload "$other" >"$out/text" 2>"$out/errors" || fail "the other libllama was disturbed"
[ "$(grep -c '^pluck: the samplers of libllama 9.9.9 .* are left alone: it does not export llama_' "$out/errors")" -eq 1 ] ||
    fail "another version is not told"
echo "ok"
