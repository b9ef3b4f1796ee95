/*
 * logprobs.c: log-probabilities of a row for a server's answer: of one token, and of the top N,
 * found by the same selection as top-k.
 */
#include "candidates.h"

/* Log-probability of x; the difference is exact enough in double. */
static float logprob_of(const candidates *c, double log_sum, float x) {
    return (float)((double)x - (double)c->ref - log_sum);
}

/* The row's value of one token; -inf where it is masked. */
static float value_of(const candidates *c, int32_t token) {
    if (!c->whole) { /* a row with +inf has become the list of those */
        for (int32_t i = 0; i < c->n; i++)
            if (c->ws->ids[i] == token) return c->ws->logits[i];
        return -INFINITY;
    }
    float x[GROUP];
    candidates_group(c, token / GROUP, x);
    return x[token % GROUP];
}

pluck_status pluck_top_logprobs(const pluck_row *row, int32_t n_top, int32_t *ids, float *logprobs,
                                int32_t *n_written, int32_t token, float *token_logprob) {
    if (!row || !row->logits || !row->workspace) return PLUCK_ERR_NULL;
    if (n_top > 0 && (!ids || !logprobs)) return PLUCK_ERR_NULL;
    if (row->ids || row->n < 1) return PLUCK_ERR_ROW;
    if (n_top < 0 || n_top > row->n) return PLUCK_ERR_SIZE;
    if (token_logprob && (token < 0 || token >= row->n)) return PLUCK_ERR_TOKEN;
    pluck_workspace *ws = row->workspace;
    if (ws->n_vocab < row->n) return PLUCK_ERR_WORKSPACE;
    ws->has_result = false;
    candidates *c = &ws->view;
    TRY(candidates_begin(c, ws, row->n, row));
    TRY(candidates_scan(c));
    candidates_sum(c);
    const double log_sum = log(c->sum);
    if (token_logprob) *token_logprob = logprob_of(c, log_sum, value_of(c, token));
    if (n_written) *n_written = 0;
    if (n_top == 0) return PLUCK_OK;
    candidates_top_k(c, n_top);
    TRY(candidates_materialise(c));
    for (int32_t i = 0; i < c->n; i++) {
        ids[i] = ws->ids[i];
        logprobs[i] = logprob_of(c, log_sum, ws->logits[i]);
    }
    if (n_written) *n_written = c->n;
    return PLUCK_OK;
}
