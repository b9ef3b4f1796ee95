/*
 * min_p.c: keeps candidates with P >= p * max P, that is logit >= max + log p.
 *
 * Source: Nguyen et al., "Turning Up the Heat: Min-p Sampling", 2024. Parameters: p, <= 0 disables;
 * min_keep: where fewer remain, the min_keep greatest are kept, in descending order. Asks the view
 * for its maximum; makes it a LIST. The order stays.
 */
#include "../chain.h"

/* How many candidates of a LIST are at or above cut. */
static int64_t count_above(const candidates *c, float cut) {
    int64_t n = 0;
    for (int32_t i = 0; i < c->n; i++) n += c->ws->logits[i] >= cut;
    return n;
}

STAGE(min_p) {
    const pluck_stage_mass *s = &run->stage->as.min_p;
    TRY(candidates_scan(c));
    const float cut = candidates_x_at(c, c->max, log((double)s->p));
    candidates_count(c);
    const int64_t least = min_i64(s->min_keep, c->n_counted);
    if (s->min_keep > 1) {
        if (c->whole) {
            const float bound = candidates_bound(c, least);
            candidates_keep_above(c, bound < cut ? bound : cut);
        }
        if (count_above(c, cut) < s->min_keep) {
            candidates_top_k(c, least);
            return PLUCK_OK;
        }
    }
    candidates_keep_above(c, cut);
    c->n_counted = c->n;
    return PLUCK_OK;
}
