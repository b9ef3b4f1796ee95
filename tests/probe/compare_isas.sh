#!/bin/sh
# compare_isas.sh PROBE: runs the probe once per instruction set this machine has and compares the
# outputs; they must be the same to the last bit.
set -eu
probe=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Scalar first: everything that could be removed is removed.
PLUCK_DISABLE_CPU=avx512,avx2,neon "$probe" >"$work/scalar"
test "$(PLUCK_DISABLE_CPU=avx512,avx2,neon "$probe" isa)" = scalar
test "$(wc -l <"$work/scalar")" -gt 1000

# Each instruction set once: what is disabled is not always there.
compared=" scalar "
for disabled in "" avx512 avx2 neon "avx512,neon"; do
    isa=$(PLUCK_DISABLE_CPU=$disabled "$probe" isa)
    case $compared in *" $isa "*) continue ;; esac
    compared="$compared$isa "
    PLUCK_DISABLE_CPU=$disabled "$probe" >"$work/other"
    if ! cmp -s "$work/scalar" "$work/other"; then
        echo "$isa (without '$disabled') differs from scalar:"
        diff "$work/scalar" "$work/other" | head -20
        exit 1
    fi
    echo "$isa (without '$disabled'): the same as scalar"
done
