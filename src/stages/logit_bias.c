/*
 * logit_bias.c: logit[token] += bias.
 *
 * Source: llama.cpp's logit-bias. Parameters: pairs of token and bias, bias neither NaN nor +inf,
 * -inf masks; at creation pairs of one token are added up and sorted by token (plan.c). Asks
 * nothing of the view; edits it.
 */
#include "../chain.h"

static double add_bias(const void *ctx, int32_t k, double logit) {
    const pluck_logit_bias *biases = ctx;
    /* A mask masks +inf too. */
    return biases[k].bias == -INFINITY ? -INFINITY : logit + (double)biases[k].bias;
}

STAGE(logit_bias) {
    const pluck_stage_logit_bias *p = &run->stage->as.logit_bias;
    return candidates_edit(c, run->ids, p->n_biases, add_bias, p->biases);
}
