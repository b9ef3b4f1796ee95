/*
 * prepare.c: a call's parameters as the kernels read them: the rows, then the chains that they use,
 * then the edits, packed into one buffer so that one copy takes them to the device.
 */
#include "batch.h"

#include <string.h>

size_t gpu_params_size(const pluck_gpu_batch_config *config) {
    const size_t rows = (size_t)config->max_rows;
    return rows *
           (sizeof(plk_row) + sizeof(plk_chain) + (size_t)config->max_edits * sizeof(plk_edit));
}

/* The chain as this batch can run it: a k that is larger than the batch's
 * takes the general route. */
static pluck_gpu_status fit_chain(const pluck_gpu_batch *batch, const pluck_gpu_plan *plan,
                                  plk_chain *chain) {
    if (plan->placement == PLUCK_GPU_ROW) return PLUCK_GPU_ERR_CHAIN;
    if (plan->n_vocab != batch->config.n_vocab) return PLUCK_GPU_ERR_SIZE;
    *chain = plan->chain;
    if (chain->route == PLK_ROUTE_TOP && chain->k > batch->config.max_candidates) {
        if (chain->give == PLK_GIVE_CANDIDATES) return PLUCK_GPU_ERR_SIZE;
        chain->route = PLK_ROUTE_GENERAL;
        chain->needs_sigma = 0;
    }
    return PLUCK_GPU_OK;
}

static void note_route(gpu_prepared *out, const plk_chain *chain) {
    out->any_greedy |= chain->route == PLK_ROUTE_GREEDY;
    out->any_top |= chain->route == PLK_ROUTE_TOP;
    out->any_gathered |= chain->route == PLK_ROUTE_PLAIN || chain->route == PLK_ROUTE_NUCLEUS;
    for (int32_t i = 0; i < chain->n_ops && chain->route == PLK_ROUTE_NUCLEUS; i++)
        out->any_moments |= PLK_OP_SUMS_OTHER(chain->ops[i].kind);
    out->any_surveyed |= out->any_gathered || (chain->route == PLK_ROUTE_TOP && chain->needs_sigma);
    out->any_large |=
        chain->route != PLK_ROUTE_GREEDY && (chain->route != PLK_ROUTE_TOP || chain->k > PLK_FEW);
    out->any_finish |= chain->route != PLK_ROUTE_GREEDY;
    if (chain->route == PLK_ROUTE_TOP && chain->k > out->max_k) out->max_k = chain->k;
    out->any_candidates |= chain->give == PLK_GIVE_CANDIDATES;
}

/* Chains are few and rows many: each plan's chain is sent once. */
static pluck_gpu_status prepare_chains(pluck_gpu_batch *batch, const pluck_gpu_call *call,
                                       plk_row *rows, plk_chain *chains, int32_t *n_chains,
                                       gpu_prepared *out) {
    int32_t n = 0;
    for (int32_t i = 0; i < call->logits.n_rows; i++) {
        const pluck_gpu_plan *plan = call->rows[i].plan;
        int32_t c = n - 1;
        if (!plan) return PLUCK_GPU_ERR_NULL;
        while (c >= 0 && batch->plans[c] != plan) c--;
        if (c < 0) {
            c = n++;
            batch->plans[c] = plan;
            GPU_TRY(fit_chain(batch, plan, chains + c));
            note_route(out, chains + c);
        }
        rows[i].chain = c;
    }
    *n_chains = n;
    return PLUCK_GPU_OK;
}

pluck_gpu_status gpu_prepare(pluck_gpu_batch *batch, const pluck_gpu_call *call, void *params,
                             gpu_prepared *out) {
    const int32_t n_rows = call->logits.n_rows;
    plk_row *rows = params;
    plk_chain *chains = (plk_chain *)(void *)((char *)params + (size_t)n_rows * sizeof *rows);
    plk_edit *edits;
    int32_t n_chains = 0, n_edits = 0;
    GPU_TRY(prepare_chains(batch, call, rows, chains, &n_chains, out));
    edits = (plk_edit *)(void *)(chains + n_chains);
    for (int32_t i = 0; i < n_rows; i++) {
        const pluck_gpu_row *row = call->rows + i;
        plk_row *r = rows + i;
        int32_t n = 0;
        if (row->masked && !call->masks) return PLUCK_GPU_ERR_NULL;
        GPU_TRY(gpu_edits_gather(&batch->edits, row, &n));
        if (n > 0) memcpy(edits + n_edits, batch->edits.edits, (size_t)n * sizeof *edits);
        r->seed = row->plan->seed != PLUCK_SEED_RANDOM ? row->plan->seed : row->seed;
        r->stream = row->plan->stream;
        r->position_lo = (uint32_t)row->position;
        r->position_hi = (uint32_t)(row->position >> 32);
        r->mask_row = row->masked ? i : -1;
        r->edit_begin = n_edits;
        r->n_edits = n;
        n_edits += n;
    }
    out->call.rows_at = 0;
    out->call.chains_at = (uint32_t)((char *)chains - (char *)params);
    out->call.edits_at = (uint32_t)((char *)edits - (char *)params);
    out->bytes = (size_t)((char *)(edits + n_edits) - (char *)params);
    return PLUCK_GPU_OK;
}
