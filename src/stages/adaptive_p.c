/*
 * adaptive_p.c: draws near a target probability.
 *     logit = 5 - 10 d^2 / (1 + d),  d = |P - t| / 0.3
 *     t = 2 target - average, clamped to [0, 1]; average = weighted_sum / total_weight of the P of
 * what was accepted, decaying; a target below 0 draws from P as it is.
 *
 * Source: MrJackSpade's adaptive-p; llama.cpp's adaptive-p. Parameters: target <= 1; decay in [0,
 * 1], clamped to 0.99. The order stays. No random number where one candidate is left. The average
 * learns on accept, and only of the token this stage selected.
 *
 * The candidates' values stay as they are: the view's sums become those of the adaptive weights,
 * and the transform is noted in the view for whoever looks at it next (candidates_materialise).
 */
#include "../chain.h"

static const float SHARPNESS = 10.0f;
static const float WIDTH = 0.3f;

void adaptive_masses(const candidates *c, const float *x, size_t n, float *mass) {
    const exp_params unit = exp_params_make(0.0f, 1.0);
    c->kernels->array.adapt(x, n, &c->adapt, 0.0f, mass);
    c->kernels->array.shifted_exp(mass, n, &unit, mass);
}

static double adapted_target(const stage_run *run) {
    const double target = clamp((double)run->stage->as.adaptive_p.target, 0.0, 1.0);
    const double weight = run->memory->adaptive.total_weight;
    if (weight == 0.0) return target;
    return clamp(2.0 * target - run->memory->adaptive.weighted_sum / weight, 0.0, 1.0);
}

static void draw_unless_single(candidates *c, const stage_run *run) {
    if (c->n_counted == 1)
        candidates_draw(c, run->rng, 0.0);
    else
        draw_now(c, run);
}

/* P of a value before the transform. */
static double original_probability(const candidates *c, float x) {
    float e;
    c->kernels->array.shifted_exp(&x, 1, &c->adapt.e, &e);
    return (double)e * (double)c->adapt.inv_sum;
}

STAGE(adaptive_p) {
    TRY(candidates_scan(c));
    candidates_group_sums(c);
    run->memory->adaptive.pending_token = -1;
    if (run->stage->as.adaptive_p.target < 0.0f) {
        draw_unless_single(c, run);
        return PLUCK_OK;
    }
    const candidate_order lies = c->whole ? ORDER_ID : c->stored;
    if (run->rng != PLUCK_RNG_PHILOX && c->order != ORDER_STORED && c->order != lies) {
        TRY(candidates_materialise(c));
        candidates_group_sums(c);
    }
    c->adapt = (adapt_params){
        .e = candidates_exp(c),
        .inv_sum = (float)(1.0 / c->sum),
        .target = (float)adapted_target(run),
        .inv_width = 1.0f / WIDTH,
        .sharpness = SHARPNESS,
    };
    candidates_sum_adapted(c);
    draw_unless_single(c, run);
    run->memory->adaptive.pending_token = c->token;
    run->memory->adaptive.pending_probability = original_probability(c, c->token_x);
    c->kernels->array.adapt(&c->token_x, 1, &c->adapt, ADAPTIVE_PEAK, &c->token_x);
    c->token_scale = 1.0;
    c->token_infinite = false;
    return PLUCK_OK;
}
