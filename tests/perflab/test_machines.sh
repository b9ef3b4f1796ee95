#!/bin/sh
# Runs of two machines in one ledger: they are listed and named, and shown side by side. Another machine id
# under $PERFLAB_SYSROOT makes this machine another one.
# usage: test_machines.sh PERFLAB MODULES SOURCES BUILD
set -u
perflab=$1 modules=$2 sources=$3
work=$(mktemp -d /tmp/perflab-machines-XXXXXX) || exit 1
. "$sources/common.sh"
export PERFLAB_CLOCK="$sources/noise.txt" PERFLAB_MODULES="$modules"
mkdir -p other/etc && echo 0123456789abcdef >other/etc/machine-id
elsewhere() { PERFLAB_SYSROOT="$work/other" "$@"; }

ends 3 'there is no ledger' "$perflab" machines
"$perflab" run P.1 P.4 --time 1 >run.txt 2>&1 || fail "run here: $(cat run.txt)"
elsewhere "$perflab" run P.1 P.2 --time 1 --ledger there.ledger >run.txt 2>&1 || fail "run there: $(cat run.txt)"
elsewhere "$perflab" machines --name 'the other, old one' --ledger there.ledger || fail "name"
"$perflab" export --ledger there.ledger >there.jsonl && says 'rows' "$perflab" import there.jsonl

# --- The list: two machines, of which one has a name.
says '^the other, old one +[0-9a-f]{16} .* 20 +2 ' "$perflab" machines
also '\(this one\)$'
[ "$(wc -l <says.txt)" = 3 ] || fail "not two machines: $(cat says.txt)"
key=$(awk '/this one/ { print }' says.txt | grep -o '[0-9a-f]\{16\}')
says '"name":	"the other, old one"' "$perflab" machines --json
ends 2 'has that name already' "$perflab" machines --name 'the other, old one'
ends 2 'nothing is recorded for a machine zzz' "$perflab" machines zzz --name x
ends 2 'MACHINE is for --name' "$perflab" machines zzz
"$perflab" machines "$key" --name bench1 || fail "name here"
says '^bench1 ' "$perflab" machines

# --- One of them, by name or by the start of its key; both side by side.
says '^P.2 .*COMPLETE' "$perflab" table P.2 --machine 'The Other, old one'
says '^P.4 .*REJECTED' "$perflab" table P.4 --machine "$(echo "$key" | cut -c 1-6)"
"$perflab" table P.1 P.2 P.4 --machines 'bench1,the other, old one' --csv >both.csv || fail "two machines"
head -1 both.csv | grep -q '"ID","Component","bench1: optimized","bench1: speedup","bench1: status","the other, old one: optimized"' ||
    fail "heads: $(head -1 both.csv)"
grep -Eq '^"P.1","true 2x","10.* us","(2\.0|1\.9).*x \[.*","COMPLETE","10.* us","(2\.0|1\.9).*x \[.*","COMPLETE"$' both.csv || fail "P.1: $(cat both.csv)"
grep -Eq '^"P.2",.*,"-","-","[A-Z_]+",".* us","1\.0.*","COMPLETE"$' both.csv || fail "P.2: $(cat both.csv)"
grep -Eq '^"P.4",.*,".* us","0\.[67].*","REJECTED","-","-",' both.csv || fail "P.4: $(cat both.csv)"
says '^\| P.1 \| true 2x \| .*COMPLETE \|.*COMPLETE \|$' "$perflab" table P.1 --machines all --markdown
says 'the other, old one: speedup' "$perflab" table P.1 --machines all
ends 2 'machine nobody' "$perflab" table --machines bench1,nobody
ends 2 'only --markdown and --csv' "$perflab" table --machines all --json
# --- Rows that belong together, such as candidates for one baseline: their intervals are corrected for their number.
"$perflab" table P.1 P.4 --json >apart.json && "$perflab" table P.1 P.4 --together --json >together.json || fail "--together"
awk '/"confidence"/ { print $2 + 0 }' apart.json together.json | sort -u >levels.txt
[ "$(tr '\n' ' ' <levels.txt)" = '0.978516 ' ] || fail "two rows of ten processes need no wider interval: $(cat levels.txt)"
"$perflab" table --together --json >together.json || fail "--together"
awk '/"confidence"/ { print $2 + 0 }' together.json | grep -q '0.998047' || fail "nineteen rows are not corrected: $(grep confidence together.json)"
says 'hold at once with 95 %' "$perflab" table --together

says '^P.1 true 2x: speedup, native, size 500$' "$perflab" history P.1 --machine bench1
also 'no commit +(2\.0|1\.9).*n=10'
says '"unit":	"us"' "$perflab" history P.1 --metric optimized --json
ends 2 'speedup, optimized or baseline' "$perflab" history P.1 --metric size
ends 3 'nothing is recorded for that' "$perflab" history P.7

# --- Machines of one name are told apart by their keys.
elsewhere "$perflab" run P.1 --time 1 --ledger same.ledger >run.txt 2>&1 || fail "run"
"$perflab" run P.1 --time 1 --ledger same.ledger >run.txt 2>&1 || fail "run"
says ' \([0-9a-f]{4}\) +[0-9a-f]{16} ' "$perflab" machines --ledger same.ledger
[ "$(grep -c ' ([0-9a-f]\{4\}) ' says.txt)" = 2 ] || fail "not told apart: $(cat says.txt)"

finish "machines have names"
