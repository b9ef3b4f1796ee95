#!/bin/sh
# usage: test_parity_record.sh PARITY MODEL FOLDER
# A walk that the parity program recorded can be replayed with Pluck alone; other tokens in the record
# are noticed.
set -eu
parity=$1 model=$2 record=$3/parity_record.tokens
# mirostat v1, whose draws depend on all those before
set -- --model "$model" --full 2 --small 200 --small-vocab 400 --part 64 --parts 100

fail() {
    echo "test_parity_record: $1" >&2
    exit 1
}

entry=$((6 * 4)) # bytes: Pluck's token, the exact oracle's, llama.cpp's, its oracle's, two flags

"$parity" "$@" --record "$record" >"$record.found" || fail "could not record"
[ "$(wc -c <"$record")" -eq $((202 * entry)) ] || fail "the record does not have 202 entries"
"$parity" "$@" --replay "$record" >"$record.again" || fail "the same program draws other tokens"
sed 's/ [0-9.]* s$//' "$record.found" >"$record.a"
sed 's/ [0-9.]* s$//' "$record.again" >"$record.b"
cmp "$record.a" "$record.b" || fail "the same program finds something else"

# Changes the first byte of Pluck's token, and of the exact oracle's, late in the walk.
for at in $((190 * entry)) $((190 * entry + 4)); do
    byte=$(od -An -tu1 -j "$at" -N 1 "$record")
    printf '%b' "\\0$(printf '%o' $(((byte + 1) % 256)))" |
        dd of="$record" bs=1 seek="$at" conv=notrunc 2>/dev/null
done
! "$parity" "$@" --replay "$record" >/dev/null 2>&1 || fail "another token was not noticed"

"$parity" "$@" --record "$record" >/dev/null || fail "could not record again"
head -c $((201 * entry)) "$record" >"$record.short"
! "$parity" "$@" --replay "$record.short" >/dev/null 2>&1 || fail "a short record was not noticed"
rm -f "$record" "$record".*
