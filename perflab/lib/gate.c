/*
 * gate.c - the gate that every candidate must pass before it is timed, and again afterwards.
 *
 * The sides run in both orders, and the slack around buffers is checked after each call. The
 * validator is tested too: the gate fails if it compares nothing, or if it accepts a candidate that
 * did not run.
 */
#include "gate.h"

#include <stdio.h>
#include <string.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

const char *const *perflab_inputs_of(const perflab_benchmark *b) {
    static const char *const only[] = {"default", NULL};
    return b->inputs != NULL && b->inputs[0] != NULL ? b->inputs : only;
}

size_t perflab_size_of(const perflab_benchmark *b) {
    return b->size != 0 ? b->size : 100000;
}

size_t perflab_gate_sizes_of(const perflab_benchmark *b, size_t sizes[PERFLAB_MAX_GATE_SIZES]) {
    static const size_t usual[] = {1, 2, 31, 33, 1000, 0};
    const size_t *given = b->gate_sizes != NULL ? b->gate_sizes : usual;
    const size_t own = perflab_size_of(b);
    size_t n = 0;
    sizes[n++] = own;
    for (; *given != 0 && n < PERFLAB_MAX_GATE_SIZES; given++) {
        size_t at = n;
        if (*given == own) continue;
        while (at > 0 && sizes[at - 1] > *given) {
            sizes[at] = sizes[at - 1];
            at--;
        }
        sizes[at] = *given;
        n++;
    }
    return n;
}

static void say(const perflab_case *c, const char *phase) {
    if (c->phase != NULL) c->phase(c->self, phase);
}

/* Bytes that malloc has handed out; 0 if the C library does not say. */
static size_t heap_bytes(void) {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
    const struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
#else
    return 0;
#endif
}

perflab_outcome perflab_case_open(const perflab_case *c, perflab_ctx *ctx, perflab_host *host) {
    perflab_host_init(host, c->layout, c->layout_seed, c->clock);
    *ctx = (perflab_ctx){
        .size = c->size, .input = c->input, .seed = c->seed, .data_dir = c->data_dir, .host = host};
    say(c, "setup");
    const size_t before = heap_bytes();
    const int got = c->benchmark->setup != NULL ? c->benchmark->setup(ctx) : PERFLAB_OK;
    const size_t after = heap_bytes();
    host->heap_bytes = after > before ? after - before : 0;
    if (got == PERFLAB_OK && c->edit != NULL) c->edit(c->self);
    if (got == PERFLAB_OK) return PERFLAB_PASSED;
    if (host->reason[0] == '\0') perflab_reason(ctx, "setup returned %d", got);
    perflab_host_free(host);
    return got == PERFLAB_SKIP ? PERFLAB_SKIPPED : PERFLAB_BROKEN;
}

void perflab_case_close(const perflab_case *c, perflab_ctx *ctx) {
    say(c, "teardown");
    if (c->benchmark->teardown != NULL) c->benchmark->teardown(ctx);
    perflab_host_free(ctx->host);
}

/* Notes what a call took. Its side's first call may allocate something to keep, such as a pool. */
static void note_use(const perflab_case *c, const perflab_ctx *ctx, perflab_side side) {
    if (c->heap == NULL) return;
    const perflab_heap_use use = c->heap->stop();
    if (ctx->host->n_calls[side] > 0 && use.calls >= c->heap->most[side].calls) {
        c->heap->most[side] = use;
    }
}

static void run_side(const perflab_case *c, perflab_ctx *ctx, perflab_side side) {
    const bool base = side == PERFLAB_BASELINE;
    ctx->side = side;
    say(c, base ? "reset of the baseline" : "reset of the candidate");
    if (c->benchmark->reset != NULL) c->benchmark->reset(ctx);
    say(c, base ? "baseline" : "candidate");
    const size_t before = heap_bytes();
    if (c->heap != NULL) c->heap->start();
    const uint64_t start = c->clock->now(c->clock->self);
    (base ? c->benchmark->baseline : c->benchmark->candidate)(ctx);
    ctx->host->call_ns[side] = (double)(c->clock->now(c->clock->self) - start);
    note_use(c, ctx, side);
    /* A first call may allocate something to keep, such as a table or a pool: that is no leak. */
    const size_t after = heap_bytes();
    if (ctx->host->n_calls[side]++ > 0 && after > before) ctx->host->leaked[side] += after - before;
}

/* Puts the side that did it in front of the reason. */
static perflab_outcome overwritten(perflab_ctx *ctx, perflab_side side) {
    char what[400];
    snprintf(what, sizeof what, "%.399s", ctx->host->reason);
    perflab_reason(ctx, "%s %s", side == PERFLAB_BASELINE ? "baseline" : "candidate", what);
    return PERFLAB_OUT_OF_BOUNDS;
}

perflab_outcome perflab_gate_once(const perflab_case *c, perflab_ctx *ctx, perflab_side first) {
    const perflab_side second = first == PERFLAB_BASELINE ? PERFLAB_CANDIDATE : PERFLAB_BASELINE;
    if (c->benchmark->validate == NULL) {
        perflab_reason(ctx, "the benchmark has no validator");
        return PERFLAB_BROKEN;
    }
    run_side(c, ctx, first);
    if (!perflab_host_intact(ctx)) return overwritten(ctx, first);
    run_side(c, ctx, second);
    if (!perflab_host_intact(ctx)) return overwritten(ctx, second);
    return perflab_gate_outputs(c, ctx);
}

perflab_outcome perflab_gate_outputs(const perflab_case *c, perflab_ctx *ctx) {
    if (!perflab_host_intact(ctx)) return PERFLAB_OUT_OF_BOUNDS;
    const size_t before = ctx->host->compared;
    ctx->host->reason[0] = '\0';
    say(c, "validate");
    if (!c->benchmark->validate(ctx)) {
        if (ctx->host->reason[0] == '\0') perflab_reason(ctx, "validate returned false");
        return PERFLAB_MISMATCH;
    }
    if (ctx->host->compared == before) {
        perflab_reason(ctx, "the validator compared nothing");
        return PERFLAB_MISMATCH;
    }
    return PERFLAB_PASSED;
}

perflab_outcome perflab_gate(const perflab_case *c, perflab_host *host, char *why) {
    perflab_ctx ctx;
    perflab_outcome verdict = perflab_case_open(c, &ctx, host);
    if (verdict == PERFLAB_PASSED) {
        verdict = perflab_gate_once(c, &ctx, PERFLAB_BASELINE);
        if (verdict == PERFLAB_PASSED) verdict = perflab_gate_once(c, &ctx, PERFLAB_CANDIDATE);
        perflab_case_close(c, &ctx);
    }
    snprintf(why, sizeof host->reason, "%s", host->reason);
    return verdict;
}

bool perflab_gate_notices(const perflab_case *c) {
    perflab_ctx ctx;
    perflab_host host;
    if (c->benchmark->validate == NULL) return false;
    if (perflab_case_open(c, &ctx, &host) != PERFLAB_PASSED) return false;
    run_side(c, &ctx, PERFLAB_BASELINE);
    ctx.side = PERFLAB_CANDIDATE;
    if (c->benchmark->reset != NULL) c->benchmark->reset(&ctx);
    say(c, "validate of a candidate that did nothing");
    const bool noticed = !c->benchmark->validate(&ctx);
    perflab_case_close(c, &ctx);
    return noticed;
}
