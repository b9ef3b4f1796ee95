#!/bin/sh
# usage: test_parity_record.sh PARITY MODEL FOLDER
# What the parity program records of a walk holds when Pluck walks again alone, and a record that says
# something else is noticed.
set -eu
parity=$1 model=$2 record=$3/parity_record.tokens
# mirostat v1, whose draws hang on all those before
set -- --model "$model" --full 2 --small 200 --small-vocab 400 --part 64 --parts 100

fail() {
    echo "test_parity_record: $1" >&2
    exit 1
}

"$parity" "$@" --record "$record" >/dev/null || fail "could not record"
[ "$(wc -c <"$record")" -eq $((202 * 4)) ] || fail "the record does not have 202 tokens"
"$parity" "$@" --replay "$record" || fail "the same program draws other tokens"

# Another token, late in the walk: its lowest byte changes by one.
byte=$(od -An -tu1 -j 760 -N 1 "$record")
printf '%b' "\\0$(printf '%o' $(((byte + 1) % 256)))" |
    dd of="$record" bs=1 seek=760 conv=notrunc 2>/dev/null
! "$parity" "$@" --replay "$record" 2>/dev/null || fail "another token was not noticed"

"$parity" "$@" --record "$record" >/dev/null || fail "could not record again"
head -c 800 "$record" >"$record.short"
! "$parity" "$@" --replay "$record.short" 2>/dev/null || fail "a short record was not noticed"
rm -f "$record" "$record.short"
