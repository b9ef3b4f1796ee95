#!/bin/sh
# test_altered.sh: samplers that do something else than Pluck's are left to libllama, and that is
# said; the text is that without the drop-in.
# usage: test_altered.sh PRELOAD PROGRAM-WITH-ONE-ALTERED PROGRAM-WITH-ALL-ALTERED MODEL
set -eu
preload=$1 one=$2 all=$3 model=$4

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fail() {
    echo "$1"
    cat "$out"/* || true
    exit 1
}
# run PROGRAM SETTING [vocabulary]: its text, and what is said.
run() {
    PLUCK_LLAMA=$2 LD_PRELOAD=$preload "$1" "$model" 24 "${3:-}" >"$out/text" 2>"$out/errors"
    cmp -s "$out/text" "$out/expected" || fail "another text than without the drop-in ($2)"
}
# says PATTERN: exactly one line does.
says() {
    [ "$(grep -c "$1" "$out/errors")" -eq 1 ] || fail "there is no line, or several, with: $1"
}

"$one" "$model" 24 >"$out/expected"
run "$one" log
says '^pluck: the samplers of libllama 0\.5\.99 (.*altered_libllama.*) are taken over$'
says "^pluck: but min-p: not what Pluck's give, so left to libllama\$"
says '^pluck: first chain: fused: top-k; as it is: min-p; fused: temp dist$'
run "$one" on
[ ! -s "$out/errors" ] || fail "without log something is said"
run "$one" strict
says '^pluck: the samplers of libllama 0\.5\.99 .* are left alone: PLUCK_LLAMA=strict '
"$one" "$model" 24 vocabulary >"$out/expected"
run "$one" log vocabulary
says "^pluck: but dry: not what Pluck's give, so left to libllama\$"
says "^pluck: but infill: not what Pluck's give, so left to libllama\$"
says '^pluck: first chain: as it is: dry; fused: top-k; as it is: top-k; fused: dist$'

"$all" "$model" 24 >"$out/expected"
run "$all" on
says '^pluck: the samplers of libllama 0\.5\.99 .* are left alone: none of them '
[ "$(wc -l <"$out/errors")" -eq 1 ] || fail "more than a line is said"
run "$all" off
[ ! -s "$out/errors" ] || fail "PLUCK_LLAMA=off says something"
echo ok
