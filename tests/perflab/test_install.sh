#!/bin/sh
# What a new user does in an empty folder, with only perflab installed: from `new` to a COMPLETE row, then a
# change of the source, which takes the status back.
# usage: test_install.sh PERFLAB MODULES SOURCES BUILD
set -u
build=$4
work=$(mktemp -d /tmp/perflab-install-XXXXXX)
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "FAIL: $*"
    failures=$((failures + 1))
}

cmake --install "$build" --component perflab --prefix "$work/prefix" >/dev/null || fail "install"
PATH="$work/prefix/bin:$PATH"
unset PERFLAB_MODULES PERFLAB_LEDGER PERFLAB_CLOCK
mkdir "$work/empty"
cd "$work/empty" || exit 1

perflab new 5.1 "temp scaling" || fail "new"
perflab new 5.1 "temp scaling" 2>/dev/null && fail "new overwrites a file"
[ -f bench-temp-scaling.c ] || fail "new does not write bench-temp-scaling.c"
perflab build || fail "build"
.perflab/bench-temp-scaling --time 0.01 | grep -q 'us/iter  (n=' || fail "the program does not print us/iter and n"
.perflab/bench-temp-scaling-portable --time 0.01 | grep -q 'optimized' || fail "no portable program"
perflab validate || fail "the template does not validate"
perflab status 5.1 | grep -q 'temp scaling  VALIDATED' || fail "the template is not VALIDATED: $(perflab status)"

# Make the baseline slower by much more than any noise: it does its work 40 times.
sed -i '/^static void baseline/,/^}/ s|out\[i\] = input\[i\] / d;|for (int k = 0; k < 40; k++) { out[i] = input[i] / d; perflab_keep(out); }|' bench-temp-scaling.c
perflab build --fixed --variant native --no-program >/dev/null || fail "build after the change"
perflab status 5.1 | grep -q 'temp scaling  IMPLEMENTED' || fail "a change of the source leaves the status"
perflab run --runs 6 --time 1 || fail "run"
perflab status 5.1 >status.txt
grep -q 'temp scaling  COMPLETE' status.txt || fail "not COMPLETE: $(cat status.txt)"
perflab table --markdown | grep -q '^| 5.1 | temp scaling | .* | COMPLETE |' || fail "the table has no COMPLETE row"

perflab export | grep -q "$work" && fail "an export names folders of this machine"

# asm and profile show the hot loops and what limits them.
if command -v objdump >/dev/null && [ "$(uname -m)" = x86_64 ]; then
    perflab asm 5.1 --record >asm.txt || fail "asm: $(cat asm.txt)"
    perflab report asm.html >/dev/null && [ "$(grep -c 'Hot loop, ' asm.html)" = 2 ] || fail "the report has no hot loops"
    grep -q 'candidate  *candidate in temp-scaling-native.so' asm.txt || fail "asm names no hot function: $(cat asm.txt)"
    grep -Eq '[1-9][0-9]* packed' asm.txt || fail "asm sees no packed instruction: $(cat asm.txt)"
fi
perflab profile 5.1 >profile.txt 2>&1 || fail "profile: $(cat profile.txt)"
grep -Eq 'memory-bound|compute-bound|neither roof' profile.txt || fail "profile gives no verdict: $(cat profile.txt)"
if command -v valgrind >/dev/null; then
    grep -Eq 'IPC|counted by valgrind' profile.txt || fail "profile counts nothing: $(cat profile.txt)"
fi

# After a wrong change, nothing counts any more.
sed -i '/^static void candidate/,/^}/ s|input\[i\] / d|input[i] / d + 0.001f|' bench-temp-scaling.c
perflab build --fixed --variant native --no-program >/dev/null || fail "build after the wrong change"
perflab validate --variant native >wrong.txt && fail "a wrong candidate validates"
grep -q 'output\[0\]: baseline .*, candidate ' wrong.txt || fail "the mismatch is not described: $(cat wrong.txt)"
perflab status 5.1 | grep -q 'IMPLEMENTED: mismatch' || fail "a wrong candidate keeps its status"
perflab table --csv | tail -n +2 | grep -q '[0-9][.][0-9]*x' && fail "a wrong candidate shows a speedup"

# With the old sources, what was recorded for them counts again.
sed -i 's| + 0.001f||' bench-temp-scaling.c
perflab build --fixed >/dev/null || fail "build of the old source"
perflab status 5.1 | grep -q 'temp scaling  COMPLETE' || fail "what was recorded for the old source is lost"

# An export of the current builds alone is enough for their table.
perflab export all.jsonl && perflab export current.jsonl --current || fail "export"
[ "$(grep -c '"table":"build"' current.jsonl)" = 2 ] || fail "--current exports other builds"
[ "$(grep -c '"table":"build"' all.jsonl)" = 5 ] || fail "a full export leaves builds out"
perflab import current.jsonl --ledger current.ledger >/dev/null || fail "import of what is current"
perflab table --ledger current.ledger | grep -q COMPLETE || fail "the current builds alone make no COMPLETE row"

# A module of a renamed source is replaced; two sources with the same id are an error.
mv bench-temp-scaling.c bench-renamed.c
perflab build --fixed >renamed.txt 2>&1 || fail "a renamed source: $(cat renamed.txt)"
grep -q 'registered twice' renamed.txt && fail "the module of a renamed source is not replaced"
perflab status 5.1 >/dev/null 2>twice.txt || fail "status after renaming: $(cat twice.txt)"
cp bench-renamed.c bench-temp-scaling.c
perflab build --fixed 2>&1 | grep -q 'registered twice' || fail "two sources with the same id are not noticed"
rm bench-renamed.c

# A broken benchmark does not affect the others.
echo 'int broken(' >bench-broken.c
perflab build --fixed --no-program >/dev/null 2>&1 && fail "build succeeds although a benchmark does not compile"
perflab status 5.1 | grep -q 'COMPLETE' || fail "a broken benchmark hides the others"

[ "$failures" -eq 0 ] && echo "from new to COMPLETE" && exit 0
exit 1
