/*
 * skew.c: draws the first candidate, in descending order, whose cumulative probability reaches
 * u ^ exp(-skew), u uniform.
 *
 * Source: exllamav2's extension (sample_basic). That program also multiplies the number by 0.9998,
 * because its float32 probabilities may add up to less than 1; these do not. Parameters: skew,
 * finite. Leaves descending order, whatever the generator.
 */
#include "../arithmetic.h"

#include "../stage.h"

static pluck_status apply(view *v, const stage_run *run) {
    const double skew = (double)run->stage->as.skew.skew;
    pk_view_sort(v);
    const double u = pow(pk_stream_double(run->stream), exp(-skew));
    /* mt19937's draws go along the candidates' order. */
    pk_select(run, v, pk_view_pick(v, PLUCK_RNG_MT19937, fmin(u, nextafter(1.0, 0.0))));
    return PLUCK_OK;
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    (void)n_vocab;
    return pk_check_finite(err, "skew", stage->as.skew.skew);
}

static uint32_t seed(const pluck_stage *stage) {
    return stage->as.skew.seed;
}

extern const stage_kind pk_stage_skew;
const stage_kind pk_stage_skew = {
    .kind = PLUCK_STAGE_SKEW,
    .name = "skew",
    .defaults.as.skew = {.skew = 0.0f, .seed = PLUCK_SEED_RANDOM},
    .state = VIEW_SCANNED,
    .takes_cut = true,
    .apply = apply,
    .random = true,
    .selects = true,
    .check = check,
    .seed = seed,
};
