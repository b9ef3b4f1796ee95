#!/bin/sh
# test_altered.sh: samplers that differ from Pluck's are left to libllama, and messages say so; the
# text is the same as without the drop-in.
# usage: test_altered.sh PRELOAD PROGRAM-WITH-ONE-ALTERED PROGRAM-WITH-ALL-ALTERED MODEL
set -eu
preload=$1 one=$2 all=$3 model=$4
out=$(mktemp -d)
. "$(dirname "$0")/dropin_common.sh"

# run PROGRAM SETTING [vocabulary]: its text must be as expected; its messages are kept.
run() {
    PLUCK_LLAMA=$2 LD_PRELOAD=$preload "$1" "$model" 24 "${3:-}" >"$out/text" 2>"$out/errors"
    cmp -s "$out/text" "$out/expected" || fail "the text differs from that without the drop-in ($2)"
}
# says PATTERN: exactly one line of the messages matches.
says() {
    [ "$(grep -c "$1" "$out/errors")" -eq 1 ] || fail "not exactly one line matches: $1"
}

"$one" "$model" 24 >"$out/expected"
run "$one" log
says '^pluck: the samplers of libllama 0\.5\.99 (.*altered_libllama.*) are taken over$'
says '^pluck: left to libllama, since its results differ: min-p$'
says '^pluck: first chain: fused: top-k; as it is: min-p; fused: temp dist$'
run "$one" on
[ ! -s "$out/errors" ] || fail "there is a message without PLUCK_LLAMA=log"
run "$one" strict
says '^pluck: the samplers of libllama 0\.5\.99 .* are left alone: PLUCK_LLAMA=strict '
"$one" "$model" 24 vocabulary >"$out/expected"
run "$one" log vocabulary
says '^pluck: left to libllama, since its results differ: dry$'
says '^pluck: left to libllama, since its results differ: infill$'
says '^pluck: first chain: as it is: dry; fused: top-k; as it is: top-k; fused: dist$'

"$all" "$model" 24 >"$out/expected"
run "$all" on
says '^pluck: the samplers of libllama 0\.5\.99 .* are left alone: all of them '
[ "$(wc -l <"$out/errors")" -eq 1 ] || fail "there is more than one message"
run "$all" off
[ ! -s "$out/errors" ] || fail "there is a message with PLUCK_LLAMA=off"
echo ok
