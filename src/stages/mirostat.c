/*
 * mirostat.c: draws such that the surprise -log2 P of the tokens drawn stays near tau.
 *     v1: s from the top m, k = ((s-1) 2^mu / (1 - V^-(s-1))) ^ (1/s), top-k, draw
 *     v2: keep P >= 2^-mu, draw
 *     both: mu = mu - eta * (surprise - tau), starting with mu = 2 tau
 *
 * Source: Basu et al., "Mirostat", 2020; llama.cpp's mirostat and mirostat-v2. Parameters: tau, eta
 * >= 0, finite; m >= 2. s is the least-squares slope of log P over log rank: sum(t b) / sum(t t)
 * with t_i = log((i+2)/(i+1)) and b_i = log(P_i / P_i+1), a difference of logits. If the formula is
 * 0/0 its limit is taken: s = 1 gives (2^mu / log V)^(1/s). If s cannot be estimated, k = 1. Uses
 * no random number if one candidate is left.
 */
#include "../arithmetic.h"

#include "../stage.h"

/* Up to this many of the greatest candidates are selected; for more, all candidates are sorted. */
enum { FEW = 4096 };

/* Draws, and updates mu. The surprise is that in the distribution that is left. */
static void draw_and_learn(view *v, const stage_run *run) {
    const pluck_stage_mirostat *p = &run->stage->as.mirostat;
    const pick found = pk_view_is_single(v) ? pk_view_pick(v, run->rng, 0.0) : pk_draw(v, run);
    pk_select(run, v, found);
    run->memory->mu -= (double)p->eta * (pk_surprise(found) - (double)p->tau);
}

/* t_i, the step of log rank. */
static double step_of(int32_t i) {
    return log((double)(i + 2) / (double)(i + 1));
}

/* k from mu and the m greatest x, which descend. `steps`: the first n_steps t_i. */
static double k_of(const view *v, double mu, const float *top, int32_t m, const double *steps,
                   int32_t n_steps) {
    if (m < 2) return 1.0;
    double tb = 0.0, tt = 0.0;
    for (int32_t i = 0; i + 1 < m; i++) {
        const double t = i < n_steps ? steps[i] : step_of(i);
        tb += t * ((double)top[i] - (double)top[i + 1]) * pk_view_scale(v);
        tt += t * t;
    }
    const double s = tb / tt;
    const double epsilon = s - 1.0;
    const double vocab = (double)pk_view_vocab(v);
    const double slope = epsilon == 0.0 ? 1.0 / log(vocab) : epsilon / (1.0 - pow(vocab, -epsilon));
    const double k = pow(slope * exp2(mu), 1.0 / s);
    return isnan(k) ? 1.0 : k;
}

/* How many t_i are prepared, since a logarithm takes longer than the rest of a term. */
static int32_t n_prepared(const pluck_stage *stage) {
    return (int32_t)min_i64(stage->as.mirostat.m, FEW) - 1;
}

static pluck_status estimate_k(view *v, const stage_run *run, double *k) {
    const int32_t m = (int32_t)min_i64(run->stage->as.mirostat.m, pk_view_alive(v));
    float few[FEW];
    const float *top = few;
    if (m <= FEW) {
        (void)pk_view_greatest(v, m, few);
    } else {
        pk_view_sort(v);
        TRY(pk_view_prepare(v, VIEW_LIST, false));
        top = pk_view_list(v)->x;
    }
    *k = k_of(v, run->memory->mu, top, m, run->prepared, n_prepared(run->stage));
    return PLUCK_OK;
}

static pluck_status apply_v1(view *v, const stage_run *run) {
    double k;
    TRY(estimate_k(v, run, &k));
    const int64_t n = pk_view_counted(v);
    pk_view_top_k(v, k >= (double)n ? n : max_i64((int64_t)k, 1));
    draw_and_learn(v, run);
    return PLUCK_OK;
}

static pluck_status apply_v2(view *v, const stage_run *run) {
    pk_view_sort(v);
    pk_view_keep_likely(v, run->memory->mu * 0.69314718055994531, run->stream);
    draw_and_learn(v, run);
    return PLUCK_OK;
}

static pluck_status check_both(const pluck_stage_mirostat *p, pluck_error *err) {
    TRY(pk_check_param(isfinite(p->tau) && p->tau >= 0.0f, err, "tau", (double)p->tau,
                       "0 and above, finite"));
    return pk_check_param(isfinite(p->eta) && p->eta >= 0.0f, err, "eta", (double)p->eta,
                          "0 and above, finite");
}

static pluck_status check_v1(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    (void)n_vocab;
    TRY(check_both(&stage->as.mirostat, err));
    const int32_t m = stage->as.mirostat.m;
    return pk_check_param(m >= 2, err, "m", (double)m, "2 and above");
}

static pluck_status check_v2(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    (void)n_vocab;
    return check_both(&stage->as.mirostat, err);
}

static void reset(const pluck_stage *stage, stage_memory *memory) {
    memory->mu = 2.0 * (double)stage->as.mirostat.tau;
}

static uint32_t seed(const pluck_stage *stage) {
    return stage->as.mirostat.seed;
}

static PK_APART void fill_steps(double *steps, int32_t n) {
    for (int32_t i = 0; i < n; i++) steps[i] = step_of(i);
}

static const void *copy(plan_arena *arena, pluck_stage *stage) {
    const int32_t n = n_prepared(stage);
    double *steps = pk_plan_put(arena, (size_t)n * sizeof *steps);
    if (steps) PK_DO_IN_OWN_ENV(fill_steps(steps, n));
    return steps;
}

/* The defaults of both versions; v2 does not use m. */
#define DEFAULTS                                                                                   \
    { .tau = 5.0f, .eta = 0.1f, .m = 100, .seed = PLUCK_SEED_RANDOM }

extern const stage_kind pk_stage_mirostat;
const stage_kind pk_stage_mirostat = {
    .kind = PLUCK_STAGE_MIROSTAT,
    .name = "mirostat",
    .defaults.as.mirostat = DEFAULTS,
    .state = VIEW_SCANNED,
    .apply = apply_v1,
    .random = true,
    .selects = true,
    .check = check_v1,
    .copy = copy,
    .seed = seed,
    .create = reset,
    .reset = reset,
};

extern const stage_kind pk_stage_mirostat_v2;
const stage_kind pk_stage_mirostat_v2 = {
    .kind = PLUCK_STAGE_MIROSTAT_V2,
    .name = "mirostat_v2",
    .defaults.as.mirostat = DEFAULTS,
    .state = VIEW_SUMMED,
    .apply = apply_v2,
    .random = true,
    .selects = true,
    .check = check_v2,
    .seed = seed,
    .create = reset,
    .reset = reset,
};
