#!/bin/sh
# test_setuid.sh: programs that run with more rights than their user. The loader does not preload
# the drop-in into them; where it is part of the program, it reads no environment.
# usage: test_setuid.sh PRELOAD PROGRAM PROGRAM-LINKED-WITH-THE-DROP-IN
set -eu
preload=$1 plain=$2 linked=$3

skip() {
    echo "skipped: $1"
    exit 77
}
fail() {
    echo "$1"
    cat "$out"/*.text "$out"/*.errors || true
    exit 1
}
[ "$(id -u)" -eq 0 ] || skip "only root can make a program that runs as somebody else"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
chmod 755 "$out"
for program in "$plain" "$linked"; do
    copy=$out/$(basename "$program")
    cp "$program" "$copy"
    chown nobody "$copy"
    chmod 4755 "$copy"
done
expected=$("$plain" | cut -d' ' -f2)
[ "$("$out/$(basename "$plain")" 2>/dev/null)" = "1 $expected" ] ||
    skip "programs of other users do not run here with their rights"

for program in "$plain" "$linked"; do
    name=$(basename "$program")
    PLUCK_LLAMA=log LD_PRELOAD=$preload "$out/$name" >"$out/$name.text" 2>"$out/$name.errors" ||
        fail "$name failed"
    [ "$(cat "$out/$name.text")" = "1 $expected" ] || fail "$name drew another token"
    [ ! -s "$out/$name.errors" ] || fail "$name: PLUCK_LLAMA was read"
done
# With no more rights than its user, the one that is linked with the drop-in tells.
PLUCK_LLAMA=log "$linked" >"$out/own.text" 2>"$out/own.errors" || fail "$linked failed"
[ "$(cat "$out/own.text")" = "0 $expected" ] || fail "another token"
grep -q 'are taken over$' "$out/own.errors" || fail "the drop-in that is linked is not at work"
echo ok
