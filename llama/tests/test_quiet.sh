#!/bin/sh
# test_quiet.sh: the drop-in leaves programs without a libllama that it knows alone, and follows
# PLUCK_LLAMA.
# usage: test_quiet.sh PRELOAD PROGRAM OTHER-PROGRAM MODEL
set -eu
preload=$1 program=$2 other=$3 model=$4
out=$(mktemp -d)
. "$(dirname "$0")/dropin_common.sh"

# A program without libllama: no effect, no output, whatever the setting.
for mode in on off log; do
    PLUCK_LLAMA=$mode LD_PRELOAD=$preload /bin/echo hello >"$out/text" 2>"$out/errors"
    [ "$(cat "$out/text")" = hello ] || fail "echo prints something else"
    [ ! -s "$out/errors" ] || fail "there is a message from echo"
done

# off: nothing is taken over. log: the library and the first chain are reported, once each.
generate() {
    LD_PRELOAD=$preload "$program" "$model" 12 >"$out/text" 2>"$out/errors"
}
PLUCK_LLAMA=off generate
grep -q pluck: "$out/errors" && fail "there is a message with PLUCK_LLAMA=off"
cp "$out/text" "$out/expected"
PLUCK_LLAMA=log generate
[ "$(grep -c 'are taken over' "$out/errors")" -eq 1 ] || fail "not exactly one library is reported"
[ "$(grep -c 'first chain' "$out/errors")" -eq 1 ] || fail "not exactly one chain is reported"
cmp -s "$out/text" "$out/expected" || fail "the text differs from that without the drop-in"
generate
[ ! -s "$out/errors" ] || fail "there is a message without PLUCK_LLAMA"

# Another version is left alone, with a line on stderr; arguments that are unknown here are passed on.
LD_PRELOAD=$preload "$other" >"$out/text" 2>"$out/errors" || fail "the other libllama failed"
[ "$(grep -c '^pluck: the samplers of libllama 9.9.9 .* are left alone: it does not export llama_' "$out/errors")" -eq 1 ] ||
    fail "there is no message about the other version"
echo "ok"
