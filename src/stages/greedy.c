/*
 * greedy.c: selects the greatest logit, the lowest id among equals. No random number. Asks the view
 * for its maximum.
 */
#include "../chain.h"

STAGE(greedy) {
    (void)run;
    TRY(candidates_scan(c));
    float x;
    const int32_t token = candidates_argmax(c, &x);
    candidates_select(c, token, x);
    return PLUCK_OK;
}
