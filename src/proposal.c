/* proposal.c: see proposal.h. */
#include "arithmetic.h"

#include "proposal.h"

#include "error.h"

/* ---- checks ---- */

static pluck_status check_ids(const pluck_proposal *of, int32_t n_vocab, int32_t place,
                              pluck_error *err) {
    for (int32_t i = 0; i < of->n; i++) {
        if (of->ids[i] < 0 || of->ids[i] >= n_vocab)
            return pk_fail(err, PLUCK_ERR_TOKEN, "proposals[%d]: ids[%d] is %d; allowed: 0 to %d",
                           (int)place, (int)i, (int)of->ids[i], (int)n_vocab - 1);
        if (i > 0 && of->ids[i] <= of->ids[i - 1])
            return pk_fail(err, PLUCK_ERR_PARAM,
                           "proposals[%d]: ids[%d] is %d after %d; allowed: ascending ones",
                           (int)place, (int)i, (int)of->ids[i], (int)of->ids[i - 1]);
    }
    return PLUCK_OK;
}

static pluck_status add_up(const pluck_proposal *of, int32_t place, double *sum, pluck_error *err) {
    *sum = 0.0;
    for (int32_t i = 0; i < of->n; i++) {
        const float p = of->probabilities[i];
        if (!(p >= 0.0f && p <= 1.0f))
            return pk_fail(err, PLUCK_ERR_PARAM,
                           "proposals[%d]: probabilities[%d] is %g; allowed: 0 to 1", (int)place,
                           (int)i, (double)p);
        *sum += (double)p;
    }
    if (fabs(*sum - 1.0) <= 1e-3) return PLUCK_OK;
    return pk_fail(
        err, PLUCK_ERR_PARAM,
        "proposals[%d]: the probabilities add up to %g; all of the distribution is needed",
        (int)place, *sum);
}

pluck_status pk_proposal_check(proposal *q, int32_t n_vocab, int32_t place, pluck_error *err) {
    const pluck_proposal *of = q->of;
    q->scale = 1.0;
    if (!of) return PLUCK_OK;
    if (!of->probabilities)
        return pk_fail(err, PLUCK_ERR_NULL, "proposals[%d]: probabilities is NULL", (int)place);
    if (of->n < 1 || of->n > n_vocab || (!of->ids && of->n != n_vocab))
        return pk_fail(err, PLUCK_ERR_SIZE, "proposals[%d]: n is %d; allowed: %s%d", (int)place,
                       (int)of->n, of->ids ? "1 to " : "", (int)n_vocab);
    if (of->ids) TRY(check_ids(of, n_vocab, place, err));
    double sum;
    TRY(add_up(of, place, &sum, err));
    q->scale = 1.0 / sum;
    if (pk_proposal_at(q, q->token) > 0.0) return PLUCK_OK;
    return pk_fail(err, PLUCK_ERR_PARAM,
                   "proposals[%d]: gives tokens[%d], which is %d, no probability", (int)place,
                   (int)place, (int)q->token);
}

/* ---- beside a view ---- */

double pk_proposal_at(const proposal *q, int32_t token) {
    if (!q->of) return token == q->token ? 1.0 : 0.0;
    if (!q->of->ids) return (double)q->of->probabilities[token] * q->scale;
    const int32_t at = find_ascending(q->of->ids, q->of->n, token);
    return at < 0 ? 0.0 : (double)q->of->probabilities[at] * q->scale;
}

/* What is left of one candidate. */
static double left_of(const proposal *q, double reached, int32_t token, double p) {
    return p > 0.0 ? fmax(reached * p - pk_proposal_at(q, token), 0.0) : 0.0;
}

/* The same sum as what P has, less what Q takes of it: for a Q of few tokens. */
static double residual_of_few(const proposal *q, view *v, double reached) {
    double taken = 0.0;
    const int32_t n = q->of ? q->of->n : 1;
    for (int32_t i = 0; i < n; i++) {
        const int32_t token = q->of ? q->of->ids[i] : q->token;
        const float x = pk_view_value(v, token);
        if (x == -INFINITY) continue;
        taken += fmin(reached * pk_view_probability(v, x), pk_proposal_at(q, token));
    }
    return fmax(reached - taken, 0.0);
}

double pk_proposal_residual(const proposal *q, view *v, double reached) {
    const int32_t n_chunks = pk_view_chunks(v);
    if (!pk_view_is_list(v) && (!q->of || (q->of->ids && q->of->n < n_chunks)))
        return residual_of_few(q, v, reached);
    double sum = 0.0;
    for (int32_t c = 0; c < n_chunks; c++) {
        view_chunk chunk;
        pk_view_chunk(v, c, &chunk);
        for (int32_t i = 0; i < chunk.n; i++) sum += left_of(q, reached, chunk.ids[i], chunk.p[i]);
    }
    return sum;
}

pick pk_proposal_draw(const proposal *q, view *v, double reached, double u) {
    pick found = {-1, -INFINITY, 0.0};
    const int32_t n_chunks = pk_view_chunks(v);
    double whole = 0.0, sum = 0.0;
    view_chunk chunk;
    for (int32_t c = 0; c < n_chunks; c++) {
        pk_view_chunk(v, c, &chunk);
        for (int32_t i = 0; i < chunk.n; i++)
            whole += left_of(q, reached, chunk.ids[i], chunk.p[i]);
    }
    for (int32_t c = 0; c < n_chunks && (found.token < 0 || sum < u * whole); c++) {
        pk_view_chunk(v, c, &chunk);
        for (int32_t i = 0; i < chunk.n; i++) {
            const double left = left_of(q, reached, chunk.ids[i], chunk.p[i]);
            if (left <= 0.0 || (found.token >= 0 && sum >= u * whole)) continue;
            sum += left;
            found = (pick){chunk.ids[i], chunk.x[i], chunk.p[i]};
        }
    }
    return found;
}
