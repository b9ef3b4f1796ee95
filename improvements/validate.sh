#!/bin/sh
# Gates all improvements except those on GPUs on small rows, and again with each set of wide instructions
# disabled. No gate may fail or be skipped, and as many must pass as there are in this folder. (GPU devices
# can be slow to open; `make run` gates these improvements.)
# usage: validate.sh PERFLAB MODULES
set -u
perflab=$1 modules=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
ids=$("$perflab" table --csv --modules "$modules" --ledger "$work/none.ledger" |
    awk -F'"' 'NR > 1 && $2 !~ /^G/ && $2 != "" { print $2 }')

# gates LEAST OPTION...: runs the gates. At least LEAST must pass, and no other line may be printed.
gates() {
    least=$1
    shift
    # shellcheck disable=SC2086 # ids are words
    "$perflab" validate $ids --modules "$modules" --ledger "$work/test.ledger" "$@" >"$work/out.txt" 2>&1 || status=1
    grep -v 'gate passed' "$work/out.txt" && status=1
    passed=$(grep -c 'gate passed' "$work/out.txt")
    echo "validate $*: $passed gates passed"
    [ "$passed" -ge "$least" ] || { echo "expected at least $least" && status=1; }
}

# Per variant: 18 improvements and 4 whole chains on three kinds of row, and the rings on one.
gates 134 --size 3 --seeds 2
gates 134 --size 1500 --seeds 2
for disabled in avx512 avx512,avx2,neon; do
    PLUCK_DISABLE_CPU=$disabled
    export PLUCK_DISABLE_CPU
    gates 67 --size 1003 --seeds 1 --variant native
done
exit $status
