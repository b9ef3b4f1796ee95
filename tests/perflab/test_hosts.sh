#!/bin/sh
# Measuring on other hosts through a launcher (here: two that stand in for srun and ssh), formats of other
# tools, and `perflab watch`.
# usage: test_hosts.sh PERFLAB MODULES SOURCES BUILD
set -u
perflab=$1 modules=$2 sources=$3
work=$(mktemp -d /tmp/perflab-hosts-XXXXXX) || exit 1
. "$sources/common.sh"
export PERFLAB_CLOCK="$sources/noise.txt" PERFLAB_MODULES="$modules"

# --- Another host: another machine id, another folder, an empty environment. One launcher runs its arguments
# as srun does, the other joins them for a shell as ssh does, and this one has no perflab at its path.
mkdir -p other/etc && echo 0123456789abcdef >other/etc/machine-id
printf '#!/bin/sh\ncd /\nexec env -i PATH="$PATH" PERFLAB_SYSROOT=%s/other "$@"\n' "$work" >srun
printf '#!/bin/sh\nshift\ncd /\nexec env -i PATH="$PATH" PERFLAB_SYSROOT=%s/other sh -c "$*"\n' "$work" >ssh
chmod +x srun ssh
says '^\./srun: [0-9]+ rows, [0-9]+ new$' "$perflab" run P.1 'P.18' --runs 6 --time 1 --input normal --launcher ./srun
also 'P.18 .*normal .*n=6'
says '^\./ssh host: [0-9]+ rows, [0-9]+ new$' "$perflab" run --launcher='./ssh host' P.1 --runs 7 --time 1 --ledger=./perflab.ledger
"$perflab" run P.1 --runs 6 --time 1 >run.txt 2>&1 || fail "run here"
says 'last run' "$perflab" machines
[ "$(wc -l <says.txt)" = 3 ] || fail "not two machines: $(cat says.txt)"
also ' 13 +2 ' # 6 of P.18, which has that kind of input, and 7 of P.1
ends 1 '\./srun: .* new' "$perflab" run P.5 --launcher ./srun
ends 2 'no module registers Z' "$perflab" run Z --launcher ./srun
ends 3 'no results came back \(status 7\)' "$perflab" run P.1 --launcher "sh -c 'exit 7'"
ends 2 'another host.s ledger' "$perflab" run P.1 --missing --launcher ./srun
says '\./srun: ' "$perflab" sweep P.1 --sizes 10,20 --time 0.05 --launcher ./srun

# --- Formats of other tools.
says '"P.1 true 2x/default/optimized":' "$perflab" table P.1 --bencher
also '"latency":'
also '"lower_value":	10[0-9]{3}'
also '"speedup":'
"$perflab" table P.1 --google-benchmark >google.json || fail "google"
[ "$(grep -c '"run_name":	"P.1/default/optimized"' google.json)" = 6 ] || fail "not a repetition for each process"
says 'P.1/default/baseline, us' "$perflab" stats google.json
also '  n 6  mean 21'
says '"latency":' "$perflab" compare "$modules" "$modules" --id P.1 --quick --bencher
printf '{"context": {}, "benchmarks": [{"name": "f", "run_type": "iteration", "real_time": 1.5, "time_unit": "ms"},
 {"name": "f", "run_type": "iteration", "real_time": 2500, "time_unit": "us"},
 {"name": "f_mean", "run_name": "f", "run_type": "aggregate", "real_time": 9, "time_unit": "ms"}]}' >theirs.json
says '^f, ms$' "$perflab" stats theirs.json
also '  n 2  mean 2 '
also '^1 lines or entries without a timing'
ends 3 'no numbers' sh -c "echo '{\"benchmarks\": []}' | '$perflab' stats -"

# --- watch: builds and gates at first, and again when a source or a header is saved.
unset PERFLAB_MODULES PERFLAB_CLOCK
mkdir here && cd here || exit 1
cat >bench-one.c <<'END'
#include "perflab.h"
#include "one.h"
static int32_t out[2];
static void baseline(perflab_ctx *ctx) { out[0] = 1; (void)ctx; }
static void candidate(perflab_ctx *ctx) { out[1] = ONE; (void)ctx; }
static void reset(perflab_ctx *ctx) { out[ctx->side] = 0; }
static bool validate(perflab_ctx *ctx) { return perflab_check_ids(ctx, "one", out, out + 1, 1); }
PERFLAB_MODULE({.id = "1", .component = "c", .title = "t", .size = 1, .reset = reset, .baseline = baseline,
                .candidate = candidate, .validate = validate})
END
echo '#define ONE 1' >one.h
# seen COUNT PATTERN: waits until the watcher has said that so often.
seen() {
    for _ in $(seq 600); do
        [ "$(grep -c "$2" watch.txt)" -ge "$1" ] && return 0
        sleep 0.1
    done
    fail "watch does not say '$2' $1 times: $(cat watch.txt)"
}
"$perflab" watch >watch.txt 2>&1 &
watcher=$!
seen 1 'all gates passed'
echo '#define ONE 2' >one.h
seen 1 'gate mismatch'
grep -q '^--- .*one.h$' watch.txt || fail "it does not name the file: $(cat watch.txt)"
echo '#define ONE (' >one.h
seen 1 'not built'
echo '#define ONE 1' >one.h
seen 2 'all gates passed'
kill $watcher
wait $watcher 2>/dev/null
ends 2 'there is no missing.c' "$perflab" watch missing.c

finish "other hosts measure"
