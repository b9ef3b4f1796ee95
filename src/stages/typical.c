/*
 * typical.c: keeps the candidates whose surprise -log P is nearest the entropy H, until their
 * probabilities sum to more than p; they are then in the order of that distance.
 *
 * Source: Meister et al., "Locally Typical Sampling", 2022. Parameters: p, >= 1 disables; min_keep.
 * No logarithm is taken: with lse = log sum exp, -log P = lse - logit and H = lse - sum(P logit),
 * so the distance is that of the logit from sum(P logit), the mean logit under the distribution.
 */
#include "../chain.h"

STAGE(typical) {
    const pluck_stage_mass *s = &run->stage->as.typical;
    TRY(candidates_scan(c));
    const double mean = candidates_mean(c);
    /* In order of the distance from another centre: in no order that still has a name. */
    if (c->stored == ORDER_NEAR) c->stored = ORDER_STORED;
    c->centre = (double)c->ref + mean;
    candidates_keep_mass(c, ORDER_NEAR, (double)s->p, true, s->min_keep);
    return PLUCK_OK;
}
