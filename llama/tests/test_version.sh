#!/bin/sh
# test_version.sh: the drop-in takes over this version of libllama, which is one of those that count
# as tested, and every sampler of it. (That they then do the same, the program itself tests.)
# usage: test_version.sh PRELOADS PROGRAM VERSION
set -eu
preloads=$1 program=$2 version=$3

out=$(mktemp)
trap 'rm -f "$out"' EXIT
PLUCK_LLAMA=log,strict LD_PRELOAD=$preloads "$program" >/dev/null 2>"$out" || {
    cat "$out"
    exit 1
}
if ! grep -q "^pluck: the samplers of libllama $version.* are taken over\$" "$out" ||
    ! grep -q '^pluck: first chain: fused: penalties top-k xtc temp dist$' "$out" ||
    grep '^pluck: but' "$out"; then
    echo "libllama $version was not taken over as a whole:"
    cat "$out"
    exit 1
fi
