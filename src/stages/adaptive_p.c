/*
 * adaptive_p.c: draws a token whose probability P is near a target.
 *     logit = 5 - 10 d^2 / (1 + d),  d = |P - t| / 0.3
 *     t = 2 target - weighted_sum / total_weight, clamped to [0, 1]
 * The quotient is a decaying average of the P of accepted tokens. A target below 0 draws from P.
 *
 * Source: MrJackSpade's adaptive-p; llama.cpp's adaptive-p. Parameters: target <= 1; decay in [0,
 * 1], clamped to 0.99. Keeps the order. Uses no random number if one candidate is left. The average
 * changes on accept, and only if the token is the one that this stage selected.
 */
#include "../arithmetic.h"

#include "../stage.h"

static const float PEAK = 5.0f, SHARPNESS = 10.0f, WIDTH = 0.3f;

static double adapted_target(const stage_run *run) {
    const double target = clamp((double)run->stage->as.adaptive_p.target, 0.0, 1.0);
    const double weight = run->memory->adaptive.total_weight;
    if (weight == 0.0) return target;
    return clamp(2.0 * target - run->memory->adaptive.weighted_sum / weight, 0.0, 1.0);
}

static pick draw_unless_single(view *v, const stage_run *run) {
    return pk_view_counted(v) == 1 ? pk_view_pick(v, run->rng, 0.0) : pk_draw(v, run);
}

/* The probability of an x before the transform. */
static double original_probability(const adapt_params *a, float x) {
    float e;
    pk_kernels()->array.shifted_exp(&x, 1, &a->e, &e);
    return (double)e * (double)a->inv_sum;
}

static pluck_status apply(view *v, const stage_run *run) {
    run->memory->adaptive.pending_token = -1;
    if (run->stage->as.adaptive_p.target < 0.0f) {
        pk_select(run, v, draw_unless_single(v, run));
        return PLUCK_OK;
    }
    if (run->rng != PLUCK_RNG_PHILOX) TRY(pk_view_fix_order(v));
    const adapt_params a = pk_view_adapt_params(v, adapted_target(run), WIDTH, SHARPNESS);
    pk_view_adapt(v, &a, PEAK);
    const pick found = draw_unless_single(v, run);
    pk_select(run, v, found);
    run->memory->adaptive.pending_token = found.token;
    run->memory->adaptive.pending_probability = original_probability(&a, found.x);
    float logit;
    pk_kernels()->array.adapt(&found.x, 1, &a, PEAK, &logit);
    run->selection->logit = (double)logit;
    return PLUCK_OK;
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_adaptive_p *p = &stage->as.adaptive_p;
    (void)n_vocab;
    TRY(pk_check_param(isfinite(p->target) && p->target <= 1.0f, err, "target", (double)p->target,
                       "up to 1, finite"));
    return pk_check_unit(err, "decay", p->decay);
}

static double decay_of(const pluck_stage *stage) {
    return fmin((double)stage->as.adaptive_p.decay, (double)0.99f);
}

static void reset(const pluck_stage *stage, stage_memory *memory) {
    const double weight = 1.0 / (1.0 - decay_of(stage));
    memory->adaptive.weighted_sum = (double)stage->as.adaptive_p.target * weight;
    memory->adaptive.total_weight = weight;
    memory->adaptive.pending_token = -1;
}

static void accept(const pluck_stage *stage, stage_memory *memory, int32_t token) {
    if (memory->adaptive.pending_token == token) {
        const double decay = decay_of(stage);
        memory->adaptive.weighted_sum =
            memory->adaptive.pending_probability + decay * memory->adaptive.weighted_sum;
        memory->adaptive.total_weight = 1.0 + decay * memory->adaptive.total_weight;
    }
    memory->adaptive.pending_token = -1;
}

static uint32_t seed(const pluck_stage *stage) {
    return stage->as.adaptive_p.seed;
}

extern const stage_kind pk_stage_adaptive_p;
const stage_kind pk_stage_adaptive_p = {
    .kind = PLUCK_STAGE_ADAPTIVE_P,
    .name = "adaptive_p",
    .defaults.as.adaptive_p = {.target = -1.0f, .decay = 0.9f, .seed = PLUCK_SEED_RANDOM},
    .state = VIEW_SUMMED,
    .apply = apply,
    .random = true,
    .selects = true,
    .check = check,
    .seed = seed,
    .create = reset,
    .reset = reset,
    .accept = accept,
};
