#!/bin/sh
# `perflab sweep`: sizes and threads as parameters, on a simulated clock: the planted orders are fitted,
# threads are not mixed, and what is recorded is not measured again.
# usage: test_sweep.sh PERFLAB MODULES SOURCES BUILD
set -u
perflab=$1 sources=$3
work=$(mktemp -d /tmp/perflab-sweep-XXXXXX) || exit 1
cd "$work" || exit 1
. "$sources/common.sh"
export PERFLAB_CLOCK="$sources/noise.txt"

cat >bench-grow.c <<'END'
#include "perflab.h"
#include <math.h>
#include <stdlib.h>
static int32_t out[2], *data;
static int setup(perflab_ctx *ctx) {
    const char *omp = getenv("OMP_NUM_THREADS");
    data = perflab_alloc(ctx, ctx->size * 64, 0);
    out[0] = out[1] = 0;
    return omp == NULL || strtoul(omp, NULL, 10) == perflab_threads(ctx) ? PERFLAB_OK : 3;
}
static void baseline(perflab_ctx *ctx) { out[0] = 1; perflab_spend(ctx, ctx->size * ctx->size / 10); }
static void candidate(perflab_ctx *ctx) {
    const double n = (double)ctx->size, threads = (double)perflab_threads(ctx);
    out[1] = 1;
    perflab_spend(ctx, (uint64_t)(10 * n * log2(n) * (0.2 + 0.8 / threads)));
}
static bool validate(perflab_ctx *ctx) { return perflab_check_ids(ctx, "x", out, out + 1, 1); }
static const size_t sizes[] = {64, 0};
PERFLAB_MODULE({.id = "1", .component = "sorting", .title = "t", .size = 1000, .gate_sizes = sizes,
                .setup = setup, .baseline = baseline, .candidate = candidate, .validate = validate})
END
says 'grow' "$perflab" build --fixed --variant native --no-program
says '^1 sorting$' "$perflab" sweep --sizes '1k..64k*4' --threads 1,2,4 --time 0.05
also '^ +64000 +1 +4[01][0-9] ms +'
also '^ +64000 +4 .* 2\.[45][0-9]x$'
also '^baseline, 1 thread: grows like n\^2 \([0-9.]+ % off\), exponent (2\.0|1\.9)'
also '^optimized, 4 threads: grows like n log n \([0-9.]+ % off\), exponent 1\.[01]'
# Where this machine's caches are known: 64 bytes for each of 1000 to 64000.
l2=$("$perflab" machines --json | awk '/"l2_bytes"/ { print $2 + 0; exit }')
processes() { "$perflab" export | grep -c '"table":"process"'; }
[ "$(processes)" = 72 ] || fail "not 4 sizes of 3 numbers of threads: $(processes)"
[ "$l2" -le 64000 ] || [ "$l2" -ge 4096000 ] || says "^L2 ends at a size of about $((l2 / 64))$" "$perflab" sweep --sizes '1k..64k*4' --time 0.05
says '"order":	"n log n"' "$perflab" sweep 1 --sizes '1k..64k*4' --time 0.05 --json
[ "$(processes)" = 72 ] || fail "a sweep is measured again"

# --- Threads are not mixed: the table shows those of one thread, unless it is asked for others.
one=$("$perflab" table 1 --json | awk '/"candidate_us"/ { print int($2 + 0.5); exit }')
four=$("$perflab" table 1 --threads 4 --json | awk '/"candidate_us"/ { print int($2 + 0.5); exit }')
[ "$one" -gt $((2 * four)) ] && [ "$one" -lt $((3 * four)) ] || fail "one thread $one, four $four"

# --- The report has a chart of it.
says '^ +400 +1 ' "$perflab" sweep 1 --sizes '100..400*2' --time 0.05
says 'r.html' "$perflab" report r.html
grep -q 'Scaling' r.html && grep -q 'n log n' r.html || fail "the report shows no scaling"

# --- Wrong use.
for range in 4..2 1,1 0 x 1..4*1 1..1000000*2x ''; do
    ends 2 'a range is 1k..1M' "$perflab" sweep --sizes "$range"
done
ends 2 'no module registers 9' "$perflab" sweep 9 --sizes 10
finish "growth is fitted"
