#!/bin/sh
# The report's history shows what the table showed at each commit: the same kinds of input, the same
# size, and no quick runs among full ones.
# usage: test_history.sh PERFLAB MODULES SOURCES BUILD
set -u
perflab=$1 sources=$3
work=$(mktemp -d /tmp/perflab-history-XXXXXX) || exit 1
cd "$work" || exit 1
. "$sources/common.sh"
export PERFLAB_CLOCK="$sources/noise.txt"
git init -q . && git config user.email t@example.org && git config user.name t || fail "git"

# bench PARTS: writes a candidate whose share of the baseline's time depends on kind of input and size.
bench() {
    cat >bench-kinds.c <<END
#include "perflab.h"
static int32_t out[2];
static int setup(perflab_ctx *ctx) { out[0] = out[1] = 0; (void)ctx; return PERFLAB_OK; }
static void baseline(perflab_ctx *ctx) { out[0] = 1; perflab_spend(ctx, 30000); }
static void candidate(perflab_ctx *ctx) {
    out[1] = 1;
    perflab_spend(ctx, (uint64_t)(ctx->size == 7 ? 1000 : ctx->input[0] == 'a' ? $1 : 24000));
}
static bool validate(perflab_ctx *ctx) { return perflab_check_ids(ctx, "x", out, out + 1, 1); }
static const char *const kinds[] = {"a", "b", 0};
PERFLAB_MODULE({.id = "1", .component = "c", .title = "t", .size = 100, .inputs = kinds,
                .setup = setup, .baseline = baseline, .candidate = candidate, .validate = validate})
END
    git add bench-kinds.c && git commit -qm "parts $1" || fail "commit"
    "$perflab" build --fixed >build.txt 2>&1 || fail "build: $(cat build.txt)"
}

factor() { "$perflab" table 1 --json | sed -n 's/.*"median":[^0-9]*\([0-9.]*\).*/\1/p' | head -1; }

table=''
for parts in 15000 20000; do
    bench $parts
    "$perflab" run 1 --runs 7 >run.txt 2>&1 || fail "run: $(cat run.txt)"
    # The table shows neither another size nor a quick run.
    "$perflab" run 1 --size 7 --runs 6 >run.txt 2>&1 || fail "run at another size: $(cat run.txt)"
    "$perflab" run 1 --quick --runs 20 >run.txt 2>&1 || fail "quick run: $(cat run.txt)"
    table="$table $(factor)"
done
"$perflab" report r.html >/dev/null || fail "report"
points=$(sed -n '/Speedup by commit/,/<\/svg>/s/.*<title>[0-9a-f+]*: \([0-9.]*\)x.*/\1/p' r.html | tr '\n' ' ')
echo "$table" "$points" | awk '{
    if (NF != 4) { print "FAIL: not two of each:", $0; exit 1 }
    for (i = 1; i <= 2; i++) { d = $i - $(i + 2); if (d > 0.001 || d < -0.001) { print "FAIL: table and history differ:", $0; exit 1 } }
}' || fail 'history'

finish "the history is the table's"
