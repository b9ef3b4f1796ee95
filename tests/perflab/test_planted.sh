#!/bin/sh
# perflab on benchmarks whose result is known, from gate to table, on a simulated clock.
# usage: test_planted.sh PERFLAB MODULES SOURCES BUILD
set -u
perflab=$1 modules=$2 sources=$3
work=$(mktemp -d /tmp/perflab-planted-XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export PERFLAB_MODULES="$modules" PERFLAB_CLOCK="$sources/noise.txt"
failures=0

fail() {
    echo "FAIL: $*"
    failures=$((failures + 1))
}

# field ID NAME: prints a member of an improvement in the JSON table, which has a line for each.
field() {
    awk -v id="\"$1\"" -v name="\"$2\":" '
        $1 == "\"id\":" { mine = index($0, id ",") > 0 }
        mine && $1 == name { sub(/^[^:]*:[ \t]*/, ""); sub(/,$/, ""); gsub(/"/, ""); print; exit }' table.json
}

# expect ID STATUS REASON: the status, and a pattern that its reason must match.
expect() {
    status=$(field "$1" status)
    reason=$(field "$1" reason)
    [ "$status" = "$2" ] || fail "$1 is $status ($reason), expected $2"
    printf '%s\n' "$reason" | grep -Eq -e "$3" || fail "$1: reason '$reason' does not say '$3'"
}

# no_speedup ID: no table may show a speedup.
no_speedup() {
    [ -z "$(field "$1" candidate_us)" ] || fail "$1 shows a candidate's time"
    "$perflab" table "$1" --by-input --csv | tail -n +2 | grep -q '[0-9][.][0-9]*x' && fail "$1 shows a speedup"
    "$perflab" table "$1" --csv | tail -n +2 | grep -q '[0-9][.][0-9]*x' && fail "$1 shows a speedup"
}

# --timeout ends the hang. The rest must run in spite of all faults.
"$perflab" run --timeout 8 --memory 1024 >run.txt 2>&1
[ $? -eq 1 ] || fail "a run with wrong candidates must exit with 1"
"$perflab" table --json >table.json || fail "table"

expect P.1 COMPLETE ""
expect P.2 COMPLETE ""
# Of comparisons of equal code, one in fifty is called a difference, by design: then it is below 2 %.
expect P.3 REJECTED "no difference resolved|difference under 2 %"
expect P.4 REJECTED "slower"
expect P.5 IMPLEMENTED "mismatch"
expect P.6 IMPLEMENTED "mismatch"
expect P.7 IMPLEMENTED "crashed"
expect P.8 IMPLEMENTED "hung"
expect P.9 IMPLEMENTED "out of memory"
expect P.10 IMPLEMENTED "out of bounds"
expect P.11 IMPLEMENTED "out of bounds"
expect P.12 IMPLEMENTED "did nothing"
expect P.13 IMPLEMENTED "compared nothing"
expect P.14 IMPLEMENTED "no validator"
expect P.15 BENCHMARKED "no candidate"
expect P.16 NOT_STARTED "no baseline"
expect P.17 VALIDATED "GPU"
expect P.18 COMPLETE ""
expect P.19 IMPLEMENTED "skipped"
expect P.20 REJECTED "slower"
expect P.21 IMPLEMENTED "leaks"
for id in 5 6 7 8 9 10 11 12 13 14 15 16 17 19 21; do no_speedup "P.$id"; done

grep -q 'P.5 .*out\[321\]: baseline .*, candidate ' run.txt || fail "the mismatch does not name index and values"
grep -q 'P.5 .*seed 1, size 500' run.txt || fail "the mismatch does not name seed and size"
grep -q 'P.10 .*past the end of a buffer' run.txt || fail "the overrun is not described"
grep -q 'P.11 .*before the start of a buffer' run.txt || fail "the underrun is not described"
grep -q 'P.9 .*memory' run.txt || fail "the unbounded allocation is not described"

# The planted 2x and 1.05x must be measured as such.
awk '/P.1 .*optimized/ { for (i = 1; i <= NF; i++) if ($i ~ /x$/) v = $i + 0; exit !(v > 1.96 && v < 2.04) }' run.txt ||
    fail "P.1 is not 2x"
"$perflab" table P.2 --csv | awk -F'"' 'NR == 2 { split($10, s, "x"); exit !(s[1] > 1.03 && s[1] < 1.07) }' ||
    fail "P.2 is not 1.05x"

"$perflab" table P.20 --csv | awk -F'"' 'NR == 2 { split($10, s, "x"); exit !(s[1] > 0.96 && s[1] < 0.98) }' ||
    fail "P.20 is not 0.97x"

# The same faults in real time, as selftest plants them.
"$perflab" selftest --faults >faults.txt || fail "selftest --faults: $(cat faults.txt)"
[ "$(grep -c '^fault .* as planted: ' faults.txt)" = 6 ] || fail "not six faults: $(cat faults.txt)"
grep -q '^fault overrun .*out of bounds: .* 1 bytes past the end of a buffer' faults.txt || fail "the overrun: $(cat faults.txt)"

# A wrong candidate stays wrong, even if part of it is gated again.
"$perflab" validate P.5 --size 33 >/dev/null 2>&1
"$perflab" validate P.5 --seeds 1 --size 1 >/dev/null 2>&1
"$perflab" run P.5 --quick >/dev/null 2>&1
"$perflab" table --json >table.json
expect P.5 IMPLEMENTED "mismatch"
no_speedup P.5

# Its program prints no speedup either.
"${modules%/modules}/bench-planted" P.5 --time 0.01 --size 500 >program.txt && fail "a wrong program exits with 0"
grep -q 'WRONG' program.txt || fail "bench-planted hides that P.5 is wrong"
grep -q 'optimized' program.txt && fail "bench-planted times the wrong P.5"
"${modules%/modules}/bench-planted" P.6 --time 0.01 >program.txt && fail "a program that is wrong later exits with 0"
grep -q 'WRONG after the timing' program.txt || fail "bench-planted hides that P.6 is wrong later"
grep -q 'optimized' program.txt && fail "bench-planted times the wrong P.6"
"${modules%/modules}/bench-planted" P.1 --time 0.01 | grep -Eq 'P.1 optimized .* us/iter  \(n=[0-9]+\)  [0-9.]+x' ||
    fail "bench-planted does not print us/iter and n"

# With a GPU (here only its name), the row of the GPU may become COMPLETE, and names the device.
PLANTED_GPU="Planted GPU 9000" "$perflab" run P.17 >/dev/null 2>&1 || fail "the GPU run"
"$perflab" table --json >table.json
expect P.17 COMPLETE ""
[ "$(field P.17 device)" = "Planted GPU 9000 (simulated clock)" ] || fail "the row of the GPU does not name its device"

# Quick runs stop at VALIDATED.
PERFLAB_LEDGER=quick.ledger "$perflab" run P.1 --quick >quick.txt 2>&1 || fail "the quick run"
grep -q '^quick:' quick.txt || fail "a quick run does not say so"
PERFLAB_LEDGER=quick.ledger "$perflab" table --json >table.json
expect P.1 VALIDATED "quick"

# Five runs have no interval; ten of the same source have one.
PERFLAB_LEDGER=five.ledger "$perflab" run P.1 --runs 5 >/dev/null 2>&1
PERFLAB_LEDGER=five.ledger "$perflab" table --json >table.json
expect P.1 VALIDATED "fewer than 6"
"$perflab" run P.1 --runs 4 2>/dev/null && fail "four runs must be refused"

[ "$failures" -eq 0 ] && echo "all as planted" && exit 0
cat run.txt
exit 1
