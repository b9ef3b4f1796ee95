#!/bin/sh
# The commands around measuring: stats, env --tune, build, status, export, import, integration,
# compare, report; and two perflabs at once.
# usage: test_commands.sh PERFLAB MODULES SOURCES BUILD
set -u
perflab=$1 modules=$2 sources=$3
work=$(mktemp -d /tmp/perflab-commands-XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export PERFLAB_CLOCK="$sources/noise.txt"
failures=0

fail() {
    echo "FAIL: $*"
    failures=$((failures + 1))
}

# says PATTERN COMMAND...: the command must succeed, and its output must match.
says() {
    pattern=$1
    shift
    "$@" >said.txt 2>&1 || fail "$* exits with $?: $(cat said.txt)"
    grep -q -- "$pattern" said.txt || fail "$* does not say '$pattern': $(cat said.txt)"
}

# refuses PATTERN COMMAND...: the command must fail, and its output must match.
refuses() {
    pattern=$1
    shift
    "$@" >said.txt 2>&1 && fail "$* succeeds"
    grep -q -- "$pattern" said.txt || fail "$* does not say '$pattern': $(cat said.txt)"
}

# --- stats: lines with units, and columns of numbers
printf '%s\n' 'temp_baseline:   45.23 us/iter  (n=1000)' 'temp_baseline:   44.98 us/iter  (n=1000)' \
    'temp_opt:   38.12 us/iter  (n=1000)' 'temp_baseline:   45.11 us/iter  (n=1000)' \
    'temp_baseline:   45.34 us/iter  (n=1000)' 'temp_baseline:   45.01 us/iter  (n=1000)' >results.txt
says 'n 5  mean 45.134  stddev 0.1511' "$perflab" stats results.txt
says 'temp_opt' "$perflab" stats results.txt
printf '%s\n' 'a 1 10' 'b 2 20' 'c 3 30' 'd 4 40' 'e 5 50' 'f 600 60' >columns.txt
says 'mean 35 ' "$perflab" stats columns.txt --column 3
says 'outliers 1  600 (#6)' "$perflab" stats columns.txt --column 2
refuses 'holds no numbers' "$perflab" stats "$sources/CMakeLists.txt" --column 99

# --- env --tune, on a folder that stands in for /sys
mkdir -p sys/sys/devices/system/cpu/cpu0/cpufreq sys/sys/devices/system/cpu/cpu1/cpufreq \
    sys/sys/devices/system/cpu/intel_pstate sys/proc
governor0=sys/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor
governor1=sys/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor
no_turbo=sys/sys/devices/system/cpu/intel_pstate/no_turbo
put_sys() { printf 'powersave' >$governor0 && printf 'ondemand' >$governor1 && printf '0' >$no_turbo; }
put_sys
export PERFLAB_SYSROOT="$work/sys"
"$perflab" env --tune -- sh -c "cat $governor0 $governor1 $no_turbo >during.txt" >env.txt 2>&1 || fail "env --tune"
[ "$(cat during.txt)" = "performanceperformance1" ] || fail "not tuned: $(cat during.txt)"
[ "$(cat $governor0) $(cat $governor1) $(cat $no_turbo)" = "powersave ondemand 0" ] || fail "not restored"
grep -q 'powersave' env.txt || fail "env does not name the governor"
grep -q 'env --tune' env.txt || fail "env gives no advice"
# If it is interrupted, it restores everything too.
"$perflab" env --tune -- sleep 20 >/dev/null 2>&1 &
tuner=$!
n=0
while [ "$(cat $governor0)" = powersave ] && [ $n -lt 100 ]; do sleep 0.05; n=$((n + 1)); done
[ "$(cat $governor0)" = performance ] || fail "not tuned before the interruption"
kill -TERM $tuner
wait $tuner 2>/dev/null
[ "$(cat $governor0) $(cat $governor1) $(cat $no_turbo)" = "powersave ondemand 0" ] || fail "a signal leaves it tuned"
unset PERFLAB_SYSROOT

# --- two perflabs with one ledger
export PERFLAB_MODULES="$modules"
"$perflab" run P.1 P.2 --quick >one.txt 2>&1 &
first=$!
"$perflab" run P.3 P.18 --quick >two.txt 2>&1 || fail "the second perflab: $(cat two.txt)"
wait $first || fail "the first perflab: $(cat one.txt)"
"$perflab" export all.jsonl || fail "export"
[ "$(grep -c '"table":"process"' all.jsonl)" = 30 ] || fail "two at once lost something"

# --- a run in portions: nothing is measured twice, nothing is left out
processes() { "$perflab" export "$@" | grep -c '"table":"process"'; }
"$perflab" run P.1 P.2 --runs 8 --time 1 --for 0.000001 --ledger portions.ledger >portions.txt || fail "a portion: $(cat portions.txt)"
grep -q '^2 of 2 left' portions.txt || fail "a portion without time starts something: $(cat portions.txt)"
"$perflab" run P.1 --runs 6 --time 1 --ledger portions.ledger >/dev/null || fail "the first of two portions"
"$perflab" run P.1 P.2 --runs 8 --time 1 --missing --ledger portions.ledger >/dev/null || fail "the second of two"
[ "$(processes --ledger portions.ledger)" = 16 ] || fail "--missing does not measure what is missing"
"$perflab" run P.1 P.2 --runs 8 --time 1 --missing --ledger portions.ledger >/dev/null || fail "nothing is missing"
[ "$(processes --ledger portions.ledger)" = 16 ] || fail "--missing measures what is there"
"$perflab" run P.2 --quick --missing --ledger portions.ledger >/dev/null
[ "$(processes --ledger portions.ledger)" = 16 ] || fail "a quick run adds to a full one"

# --- export, import, and a table from the imported ledger alone
says '30\|rows' "$perflab" import all.jsonl --ledger copy.ledger
(cd / && PERFLAB_MODULES=/nonexistent "$perflab" table --ledger "$work/copy.ledger" 2>/dev/null) >alone.txt
grep -q 'true 2x' alone.txt || fail "an imported ledger has no table"
head -5 all.jsonl >cut.jsonl
cp copy.ledger before.ledger
refuses 'damaged or incomplete' "$perflab" import cut.jsonl --ledger copy.ledger
refuses 'not an exported ledger' "$perflab" import "$sources/noise.txt" --ledger copy.ledger
cmp -s copy.ledger before.ledger || fail "a refused import changed the ledger"
refuses 'not a perflab ledger' "$perflab" table --ledger "$sources/noise.txt"

# --- an end-to-end result
echo '{"name": "whole program", "device": "this CPU", "covers": ["P.1"],
 "before_ms": [10, 10.1, 10.2, 10, 10.1, 10.3], "after_ms": [5, 5.1, 5, 5.2, 5, 5.1]}' >whole.json
"$perflab" record-integration whole.json || fail "record-integration"
says 'end to end  *whole program .*COMPLETE' "$perflab" table
echo '{"name": "x", "device": "d", "before_ms": [1, 2], "after_ms": [1]}' >uneven.json
refuses 'of equal length' "$perflab" record-integration uneven.json

# --- status: ticks follow the facts
"$perflab" status P.1 >status.txt
grep -q '\[x\] Ran integration test' status.txt || fail "the integration is not ticked"
grep -q '\[ \] Updated tracking table' status.txt || fail "no table was written yet"
"$perflab" table --markdown --output table.md || fail "table --output"
says '\[x\] Updated tracking table' "$perflab" status P.1
sed -i 's/true 2x/true 3x/' table.md
says '\[ \] Updated tracking table' "$perflab" status P.1
says '\[ \] Ran integration test' "$perflab" status P.2

# --- compare
"$perflab" compare >runs.txt || fail "compare lists no runs"
key_of() { awk -v id="$1" '$3 == id { print $1; exit }' runs.txt; }
says 'B gains less over its baseline' "$perflab" compare "$(key_of P.1)" "$(key_of P.2)"
refuses 'no run zzz' "$perflab" compare zzz "$(key_of P.1)"
"$perflab" table --csv >before.csv
says '\(no difference resolved\|a difference under 2 %\) (the same code)' "$perflab" compare "$modules" "$modules" --id P.1 --quick
# A run of each build is recorded, with six processes each, and no row changes.
"$perflab" export pairs.jsonl || fail "export after compare"
[ "$(grep -c '"table":"run".*"partner":"' pairs.jsonl)" = 2 ] || fail "compare does not record a run of each build"
[ "$(grep -c '"table":"process"' pairs.jsonl)" = 42 ] || fail "compare does not record its processes"
"$perflab" table --csv >after.csv
cmp -s before.csv after.csv || fail "a comparison changes the table: $(diff before.csv after.csv)"
"$perflab" compare >runs.txt
one=$(awk '/  with / { print $1; exit }' runs.txt) two=$(awk '/  with / { print $NF; exit }' runs.txt)
says '\(no difference resolved\|a difference under 2 %\) (interleaved' "$perflab" compare "$one" "$two"
says 'speedup over the other build 1.0' "$perflab" compare "$one" "$two"
refuses 'only be compared with its partner' "$perflab" compare "$one" "$(key_of P.2)"
says '0 new' "$perflab" import pairs.jsonl

# --- report
"$perflab" report report.html >/dev/null || fail "report"
grep -q '<svg' report.html || fail "the report has no charts"
grep -q 'P.18' report.html || fail "the report has no rows"
grep -Eq '(src|href)="?https?:' report.html && fail "the report loads something"
tail -c 10 report.html | grep -q '</html>' || fail "the report is cut off"

# --- wrong use
refuses 'there is no command' "$perflab" frobnicate
refuses 'unknown option' "$perflab" run --frobnicate
refuses 'whole number' "$perflab" run --runs many
refuses 'no module registers' "$perflab" run Z.9
says 'usage: perflab run' "$perflab" run --help

[ "$failures" -eq 0 ] && echo "all commands behave" && exit 0
exit 1
