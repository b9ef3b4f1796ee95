#!/bin/sh
# test_version.sh: the drop-in takes over this version of libllama, which PLUCK_LLAMA=strict allows,
# with all of its samplers. (The program itself tests that they do the same.)
# usage: test_version.sh PRELOADS PROGRAM VERSION
set -eu
preloads=$1 program=$2 version=$3
out=$(mktemp -d)
. "$(dirname "$0")/dropin_common.sh"

PLUCK_LLAMA=log,strict LD_PRELOAD=$preloads "$program" >/dev/null 2>"$out/errors" ||
    fail "the program failed"
grep -q "^pluck: the samplers of libllama $version.* are taken over\$" "$out/errors" ||
    fail "libllama $version was not taken over"
grep -q '^pluck: first chain: fused: penalties top-k xtc temp dist$' "$out/errors" ||
    fail "the first chain is not fused as a whole"
! grep -q '^pluck: left to libllama' "$out/errors" || fail "a sampler is left to libllama"
