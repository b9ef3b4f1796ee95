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

static pluck_status check_whole(proposal *q, int32_t n_vocab, int32_t place, pluck_error *err) {
    const pluck_proposal *of = q->of;
    if (!of->probabilities)
        return pk_fail(err, PLUCK_ERR_NULL, "proposals[%d]: probabilities is NULL", (int)place);
    if (of->n < 1 || of->n > n_vocab || (!of->ids && of->n != n_vocab))
        return pk_fail(err, PLUCK_ERR_SIZE, "proposals[%d]: n is %d; allowed: %s%d", (int)place,
                       (int)of->n, of->ids ? "1 to " : "", (int)n_vocab);
    if (of->ids) TRY(check_ids(of, n_vocab, place, err));
    return add_up(of, place, &q->sum, err);
}

static bool are_the_same(const pluck_proposal *a, const pluck_proposal *b) {
    return a->ids == b->ids && a->probabilities == b->probabilities && a->n == b->n;
}

pluck_status pk_proposal_check(proposal *q, int32_t n_vocab, int32_t place, const proposal *before,
                               pluck_error *err) {
    q->sum = 1.0;
    q->as_before = q->of && before && are_the_same(q->of, before->of);
    if (q->as_before)
        q->sum = before->sum;
    else if (q->of)
        TRY(check_whole(q, n_vocab, place, err));
    q->scale = 1.0 / q->sum;
    if (pk_proposal_given(q, q->token) > 0.0) return PLUCK_OK;
    return pk_fail(err, PLUCK_ERR_PARAM,
                   "proposals[%d]: gives tokens[%d], which is %d, no probability", (int)place,
                   (int)place, (int)q->token);
}

/* ---- one proposal ---- */

double pk_proposal_given(const proposal *q, int32_t token) {
    if (!q->of) return token == q->token ? 1.0 : 0.0;
    if (!q->of->ids) return (double)q->of->probabilities[token];
    const int32_t at = find_ascending(q->of->ids, q->of->n, token);
    return at < 0 ? 0.0 : (double)q->of->probabilities[at];
}

double pk_proposal_at(const proposal *q, int32_t token) {
    return pk_proposal_given(q, token) * q->scale;
}

void pk_proposal_take(proposal *q, double taken) {
    if (!q->of) return;
    /* At least the token itself was there. */
    q->scale = 1.0 / fmax(q->sum - taken, pk_proposal_given(q, q->token));
}

/* ---- what is left when some have been turned down ---- */

void pk_residual_begin(residual *r, double reached) {
    r->reached = reached;
    r->n = 0;
}

/* R of a token after the first n; *q: its probability in the last one's Q. A sibling's token, which
 * cannot be drawn again without replacement, has nothing left that its Q could take. */
static double left_after(const residual *r, int32_t n, int32_t token, double p, double *q) {
    double left = r->reached * p, given = 0.0;
    *q = 0.0;
    if (!(p > 0.0)) return 0.0;
    for (int32_t k = 0; k < n; k++) {
        const proposal *of = r->down[k].q;
        if (k == 0 || !of->as_before) given = pk_proposal_given(of, token);
        *q = given * of->scale;
        if (r->down[k].scale > 0.0) left = fmax(left - *q, 0.0) * r->down[k].scale;
    }
    return left;
}

double pk_residual_at(const residual *r, int32_t token, double p) {
    double q;
    return left_after(r, r->n, token, p, &q);
}

/* The same sum as what R was before the last one, less what that takes of it: for a Q of few tokens. */
static double sum_without_few(const residual *r, view *v) {
    const proposal *last = r->down[r->n - 1].q;
    const int32_t n = last->of ? last->of->n : 1;
    double taken = 0.0;
    for (int32_t i = 0; i < n; i++) {
        const int32_t token = last->of ? last->of->ids[i] : last->token;
        const float x = pk_view_value(v, token);
        if (x == -INFINITY) continue;
        const double p = pk_view_probability(v, x);
        double q, before;
        (void)left_after(r, r->n, token, p, &q);
        taken += fmin(left_after(r, r->n - 1, token, p, &before), q);
    }
    return fmax((r->n == 1 ? r->reached : 1.0) - taken, 0.0);
}

double pk_residual_sum(const residual *r, view *v) {
    PLUCK_ASSERT(r->n > 0);
    const int32_t n_chunks = pk_view_chunks(v);
    const pluck_proposal *last = r->down[r->n - 1].q->of;
    if (!pk_view_is_list(v) && (!last || (last->ids && last->n < n_chunks)))
        return sum_without_few(r, v);
    double sum = 0.0;
    for (int32_t c = 0; c < n_chunks; c++) {
        view_chunk chunk;
        pk_view_chunk(v, c, &chunk);
        for (int32_t i = 0; i < chunk.n; i++) sum += pk_residual_at(r, chunk.ids[i], chunk.p[i]);
    }
    return sum;
}

void pk_residual_take(residual *r, const proposal *q) {
    r->down[r->n].q = q;
    r->down[r->n].scale = 1.0;
    r->n++;
}

void pk_residual_rescale(residual *r, view *v) {
    if (r->n == 0) return;
    const double sum = pk_residual_sum(r, v);
    r->down[r->n - 1].scale = sum > 0.0 ? 1.0 / sum : 0.0;
}

pick pk_residual_draw(const residual *r, view *v, double u) {
    pick found = {-1, -INFINITY, 0.0};
    const int32_t n_chunks = pk_view_chunks(v);
    double whole = 0.0, sum = 0.0;
    view_chunk chunk;
    for (int32_t c = 0; c < n_chunks; c++) {
        pk_view_chunk(v, c, &chunk);
        for (int32_t i = 0; i < chunk.n; i++) whole += pk_residual_at(r, chunk.ids[i], chunk.p[i]);
    }
    for (int32_t c = 0; c < n_chunks && (found.token < 0 || sum < u * whole); c++) {
        pk_view_chunk(v, c, &chunk);
        for (int32_t i = 0; i < chunk.n; i++) {
            const double left = pk_residual_at(r, chunk.ids[i], chunk.p[i]);
            if (left <= 0.0 || (found.token >= 0 && sum >= u * whole)) continue;
            sum += left;
            found = (pick){chunk.ids[i], chunk.x[i], chunk.p[i]};
        }
    }
    return found;
}
