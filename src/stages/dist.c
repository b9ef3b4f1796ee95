/*
 * dist.c: draws from softmax(logits): the first candidate, in order, whose cumulative probability
 * reaches u. One u always, also where one candidate is left.
 *
 * Source: llama.cpp's dist. Asks the view for its sum.
 */
#include "../chain.h"

void draw_now(candidates *c, const stage_run *run) {
    candidates_draw(c, run->rng, stream_double(run->stream));
}

double surprise_of(const candidates *c) {
    return -log2(c->token_probability);
}

STAGE(dist) {
    TRY(candidates_scan(c));
    candidates_sum(c);
    draw_now(c, run);
    return PLUCK_OK;
}
