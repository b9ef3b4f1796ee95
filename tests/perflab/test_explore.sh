#!/bin/sh
# `perflab explore`: candidates that are wrong, or crash, only behind several conditions, which random inputs
# do not meet; found by coverage, and confirmed with the real module.
# usage: test_explore.sh PERFLAB MODULES SOURCES BUILD
set -u
perflab=$1 sources=$3
work=$(mktemp -d /tmp/perflab-explore-XXXXXX) || exit 1
cd "$work" || exit 1
. "$sources/common.sh"

cat >bench-deep.c <<'END'
#include "perflab.h"
#include <stdlib.h>
static int64_t *ints, out[2];
static int setup(perflab_ctx *ctx) {
    perflab_rng rng = {ctx->seed};
    ints = perflab_alloc(ctx, ctx->size * sizeof *ints, 8);
    for (size_t i = 0; i < ctx->size; i++) ints[i] = (int64_t)(perflab_rng_u64(&rng) % 1000000 + 1000);
    perflab_any(ctx, ints, ctx->size, PERFLAB_I64);
    out[0] = out[1] = -7;
    return PERFLAB_OK;
}
static int64_t largest(const perflab_ctx *ctx) {
    int64_t most = ints[0];
    for (size_t i = 1; i < ctx->size; i++) most = ints[i] > most ? ints[i] : most;
    return most;
}
/* Four conditions on different elements: a random input meets them once in 10^70 or so. */
static int deep(const perflab_ctx *ctx) {
    if (ctx->size < 8) return 0;
    if (ints[1] != INT64_MIN) return 0;
    if (ints[3] != -1) return 0;
    if (ints[5] != ints[2]) return 0;
    return ints[6] == 0;
}
static void baseline(perflab_ctx *ctx) { out[0] = largest(ctx); }
static void right(perflab_ctx *ctx) { out[1] = largest(ctx); }
static void wrong(perflab_ctx *ctx) { out[1] = largest(ctx) + deep(ctx); }
static void crash(perflab_ctx *ctx) { if (deep(ctx)) abort(); out[1] = largest(ctx); }
static bool validate(perflab_ctx *ctx) { return perflab_check_index(ctx, "largest", out[0], out[1]); }
static const size_t sizes[] = {1, 0};
#define ONE(name, c) {.id = name, .component = "c", .title = "t", .size = 10, .gate_sizes = sizes, .setup = setup, \
    .baseline = baseline, .candidate = c, .validate = validate}
PERFLAB_MODULE(ONE("wrong", wrong), ONE("crash", crash), ONE("right", right))
END
sed -e 's/perflab_any(.*$//' -e 's/ONE("crash", crash), ONE("right", right)/ONE("none", right)/; s/ONE("wrong", wrong), //' bench-deep.c >bench-plain.c
says 'deep' "$perflab" build --fixed --variant native --no-program
for id in wrong crash right; do says 'gate passed \(16 cases' "$perflab" validate $id; done
if ! command -v clang >/dev/null; then
    ends 3 'needs clang' "$perflab" explore wrong
    finish "explore names what it needs: there is no clang here"
fi

ends 1 'wrong +c +default +found: mismatch: seed [0-9]+, size 10, input default, input 1\[' "$perflab" explore wrong --for 60
# Only what is needed is left of the changes.
also 'input 1\[1\] = -9223372036854775808'
also 'input 1\[3\] = -1'
also 'input 1\[6\] = 0'
also ': largest: baseline [0-9]+, candidate [0-9]+'
[ "$(grep -o 'input 1\[' says.txt | wc -l)" -le 6 ] || fail "the changes are not reduced: $(cat says.txt)"
says 'IMPLEMENTED: mismatch on default: seed' "$perflab" status wrong
ends 1 'crash +c +default +found: crashed: signal 6' "$perflab" explore crash --for 60
says 'right +c +default +[0-9]+ cases, [0-9]+ kept since they reached new code: no difference' "$perflab" explore right --for 1
says 'VALIDATED' "$perflab" status right
says 'declares no inputs with perflab_any' "$perflab" explore none --for 1
ends 2 'no module registers 9' "$perflab" explore 9
ends 3 'needs clang' env PATH="$(dirname "$(command -v git)" | sed 's|.*|/nonexistent|')" "$perflab" explore wrong

finish "what random inputs miss is found"
