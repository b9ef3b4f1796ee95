/*
 * logprobs.c: the log-probabilities of one token of a row and of its top n, which servers return.
 * Selects as top-k does.
 */
#include "arithmetic.h"

#include "workspace.h"

static pluck_status check(const pluck_row *row, int32_t n_top, const int32_t *ids,
                          const float *logprobs, int32_t token, bool wants_token) {
    if (!row || !row->logits || !row->workspace) return PLUCK_ERR_NULL;
    if (n_top > 0 && (!ids || !logprobs)) return PLUCK_ERR_NULL;
    if (row->ids || row->n < 1) return PLUCK_ERR_ROW;
    if (n_top < 0 || n_top > row->n) return PLUCK_ERR_SIZE;
    if (wants_token && (token < 0 || token >= row->n)) return PLUCK_ERR_TOKEN;
    return pk_workspace_vocab(row->workspace) < row->n ? PLUCK_ERR_WORKSPACE : PLUCK_OK;
}

static PK_APART pluck_status top_logprobs(const pluck_row *row, int32_t n_top, int32_t *ids,
                                          float *logprobs, int32_t *n_written, int32_t token,
                                          float *token_logprob) {
    view *v = &row->workspace->view;
    TRY(pk_workspace_begin(row->workspace, row->n, row, false));
    TRY(pk_view_scan(v));
    const double log_sum = pk_view_log_sum(v);
    if (token_logprob) *token_logprob = (float)((double)pk_view_value(v, token) - log_sum);
    if (n_written) *n_written = 0;
    if (n_top == 0) return PLUCK_OK;
    pk_view_top_k(v, n_top);
    TRY(pk_view_materialise(v));
    const list *l = pk_view_list(v);
    for (int32_t i = 0; i < l->n; i++) {
        ids[i] = l->ids[i];
        logprobs[i] = (float)((double)l->x[i] - log_sum);
    }
    if (n_written) *n_written = l->n;
    return PLUCK_OK;
}

pluck_status pluck_top_logprobs(const pluck_row *row, int32_t n_top, int32_t *ids, float *logprobs,
                                int32_t *n_written, int32_t token, float *token_logprob) {
    TRY(check(row, n_top, ids, logprobs, token, token_logprob != NULL));
    PK_IN_OWN_ENV(pluck_status,
                  top_logprobs(row, n_top, ids, logprobs, n_written, token, token_logprob));
}
