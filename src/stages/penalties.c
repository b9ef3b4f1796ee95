/*
 * penalties.c: for each token that stands `count` times among the last n accepted,
 *     logit = logit <= 0 ? logit * repeat : logit / repeat
 *     logit = logit - count * freq - present
 *
 * Source: Keskar et al. 2019 (CTRL) for the first, with the sign llama.cpp's practice added;
 * OpenAI's API for the others. Parameters: last_n 0 to 1048576; repeat finite, > 0; freq and
 * present finite. Nothing where last_n = 0, or repeat = 1 and freq = present = 0. Asks nothing of
 * the view; edits it.
 */
#include "../chain.h"

typedef struct penalty {
    const pluck_stage_penalties *p;
    const int32_t *counts;
} penalty;

static double penalise(const void *ctx, int32_t k, double logit) {
    const penalty *self = ctx;
    const double repeat = (double)self->p->repeat;
    const double scaled = logit <= 0.0 ? logit * repeat : logit / repeat;
    return scaled - ((double)self->counts[k] * (double)self->p->freq + (double)self->p->present);
}

STAGE(penalties) {
    const history *h = run->history;
    int32_t *tokens = run->scratch, *counts = run->scratch + h->capacity;
    if (candidates_edits_row(c))
        history_unordered(h, tokens, counts);
    else
        history_distinct(h, tokens, counts);
    const penalty ctx = {&run->stage->as.penalties, counts};
    return candidates_edit(c, tokens, h->n_distinct, penalise, &ctx);
}
