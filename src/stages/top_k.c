/*
 * top_k.c: keeps the k candidates of the greatest logits, ties by the lower id.
 *
 * Source: Fan et al. 2018; llama.cpp's top-k, after which candidates are in descending order.
 * Parameter: k, <= 0 disables. Asks the view for its maxima; makes it a LIST.
 */
#include "../chain.h"

STAGE(top_k) {
    TRY(candidates_scan(c));
    candidates_top_k(c, run->stage->as.top_k.k);
    return PLUCK_OK;
}
