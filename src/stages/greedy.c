/*
 * greedy.c: selects the token with the greatest logit, of equals the lowest id. Uses no random
 * number. Asks the view for its maximum.
 *
 * Source: llama.cpp's greedy. No parameters.
 */
#include "../arithmetic.h"

#include "../stage.h"

static pluck_status apply(view *v, const stage_run *run) {
    pk_select(run, v, pk_view_argmax(v));
    return PLUCK_OK;
}

extern const stage_kind pk_stage_greedy;
const stage_kind pk_stage_greedy = {
    .kind = PLUCK_STAGE_GREEDY,
    .name = "greedy",
    .state = VIEW_SCANNED,
    .takes_cut = true,
    .apply = apply,
    .selects = true,
};
