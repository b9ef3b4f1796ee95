#!/bin/sh
# The gate of all improvements on small rows. What is asserted: every benchmark with a candidate passed
# on every kind of row, and there are as many as the folder holds.
# usage: validate.sh PERFLAB MODULES
set -u
perflab=$1 modules=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
for size in 3 1500; do
    "$perflab" validate --modules "$modules" --ledger "$work/test.ledger" --size $size --seeds 2 \
        >"$work/$size.txt" 2>&1 || status=1
    cat "$work/$size.txt"
    grep -q 'gate skipped' "$work/$size.txt" && status=1
    passed=$(grep -c 'gate passed' "$work/$size.txt")
    # 23 improvements on three kinds of row, two of them on one, in two variants each.
    [ "$passed" -ge 130 ] || { echo "only $passed gates passed"; status=1; }
done
exit $status
