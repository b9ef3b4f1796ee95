#!/bin/sh
# test_setuid.sh: programs that run with more rights than their user. The loader does not preload
# the drop-in into them; if they are linked with it, it ignores the environment.
# usage: test_setuid.sh PRELOAD PROGRAM PROGRAM-LINKED-WITH-THE-DROP-IN
set -eu
preload=$1 plain=$2 linked=$3
out=$(mktemp -d)
. "$(dirname "$0")/dropin_common.sh"

[ "$(id -u)" -eq 0 ] || skip "only root can make a program that runs as another user"
mkdir "$out/bin"
chmod 755 "$out" "$out/bin"
for program in "$plain" "$linked"; do
    copy=$out/bin/$(basename "$program")
    cp "$program" "$copy"
    chown nobody "$copy"
    chmod 4755 "$copy"
done
expected=$("$plain" | cut -d' ' -f2)
[ "$("$out/bin/$(basename "$plain")" 2>/dev/null)" = "1 $expected" ] ||
    skip "programs do not run with the rights of their owner here"

for program in "$plain" "$linked"; do
    name=$(basename "$program")
    PLUCK_LLAMA=log LD_PRELOAD=$preload "$out/bin/$name" >"$out/$name.text" 2>"$out/$name.errors" ||
        fail "$name failed"
    [ "$(cat "$out/$name.text")" = "1 $expected" ] || fail "$name drew another token"
    [ ! -s "$out/$name.errors" ] || fail "$name: PLUCK_LLAMA was read"
done
# Without such rights, the program that is linked with the drop-in does read PLUCK_LLAMA.
PLUCK_LLAMA=log "$linked" >"$out/own.text" 2>"$out/own.errors" || fail "$linked failed"
[ "$(cat "$out/own.text")" = "0 $expected" ] || fail "another token"
grep -q 'are taken over$' "$out/own.errors" || fail "the drop-in that it is linked with did not take over"
echo ok
