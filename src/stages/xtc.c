/*
 * xtc.c: "exclude top choices". With probability `probability`, keeps only the least likely of the
 * candidates with P >= threshold, and all candidates below the threshold.
 *
 * Source: p-e-w's XTC; llama.cpp's xtc. Parameters: probability, <= 0 disables; threshold, > 0.5
 * disables; min_keep: nothing is dropped if fewer would remain; spared: nothing is dropped if one of
 * these tokens would be (text-generation-webui). With fewer than two candidates it
 * does nothing; else it uses one random number of its stream. Asks the view for its sum; drops the
 * few candidates above the threshold. If it acts, it leaves descending order.
 */
#include "../arithmetic.h"

#include "../stage.h"

#include <float.h>

/* Whether a spared token that is not masked is among those with x >= low, and not the last of
 * them. With `masked_too` masked candidates, which come behind, are among them. */
static bool would_drop_spared(view *v, const pluck_stage_xtc *p, float low, bool masked_too) {
    const bool last_is_masked = masked_too && pk_view_counted(v) > pk_view_alive(v);
    int32_t last = -1;
    for (int32_t i = 0; i < p->n_spared; i++) {
        const float x = pk_view_value(v, p->spared[i]);
        if (x == -INFINITY || x < low) continue;
        if (last_is_masked) return true;
        if (last < 0) last = pk_view_last_above(v, low);
        if (p->spared[i] != last) return true;
    }
    return false;
}

static pluck_status apply(view *v, const stage_run *run) {
    const pluck_stage_xtc *p = &run->stage->as.xtc;
    if (pk_view_counted(v) < 2) return PLUCK_OK;
    if (pk_stream_float(run->stream) > p->probability) return PLUCK_OK;
    TRY(pk_view_prepare(v, VIEW_SCANNED, false));
    pk_view_sort(v);
    if (p->threshold <= 0.0f) {
        /* Every candidate reaches it, even a masked one: only the last one is kept. */
        const bool drops = p->min_keep <= 1 && !would_drop_spared(v, p, -FLT_MAX, true);
        return drops ? pk_view_keep_last(v) : PLUCK_OK;
    }
    const float low = pk_view_x_likely(v, log((double)p->threshold));
    if (low > pk_view_max(v)) return PLUCK_OK;
    const int64_t n = pk_view_count_above(v, low);
    if (n > 1 && pk_view_counted(v) - (n - 1) >= p->min_keep &&
        !would_drop_spared(v, p, low, false))
        pk_view_drop_top(v, low);
    return PLUCK_OK;
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_xtc *p = &stage->as.xtc;
    TRY(pk_check_unit(err, "probability", p->probability));
    TRY(pk_check_unit(err, "threshold", p->threshold));
    TRY(pk_check_count(err, "min_keep", p->min_keep));
    return pk_check_tokens(err, "spared", p->spared, p->n_spared, n_vocab);
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.xtc.probability <= 0.0f || stage->as.xtc.threshold > 0.5f;
}

static const void *copy(plan_arena *arena, pluck_stage *stage) {
    return pk_plan_put_set(arena, &stage->as.xtc.spared, &stage->as.xtc.n_spared);
}

static uint32_t seed(const pluck_stage *stage) {
    return stage->as.xtc.seed;
}

extern const stage_kind pk_stage_xtc;
const stage_kind pk_stage_xtc = {
    .kind = PLUCK_STAGE_XTC,
    .name = "xtc",
    .defaults.as.xtc = {.probability = 0.0f,
                        .threshold = 0.1f,
                        .min_keep = 0,
                        .seed = PLUCK_SEED_RANDOM},
    .state = VIEW_ANY,
    .apply = apply,
    .random = true,
    .check = check,
    .disabled = disabled,
    .copy = copy,
    .seed = seed,
};
