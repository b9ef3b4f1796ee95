/*
 * top_p.c: keeps the shortest prefix, in descending order, whose probabilities sum to p or more.
 *
 * Source: Holtzman et al., "The Curious Case of Neural Text Degeneration", 2019. Parameters: p, >=
 * 1 disables; min_keep. Asks the view for its sum; makes it a LIST in descending order.
 */
#include "../chain.h"

STAGE(top_p) {
    const pluck_stage_mass *s = &run->stage->as.top_p;
    TRY(candidates_scan(c));
    candidates_keep_mass(c, ORDER_DESCENDING, (double)s->p, false, s->min_keep);
    return PLUCK_OK;
}
