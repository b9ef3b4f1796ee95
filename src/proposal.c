/* proposal.c: see proposal.h. */
#include "arithmetic.h"

#include "proposal.h"

#include "error.h"

enum { LANES = 8, PARTS = 64 };

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

/* Are n of these probabilities? Adds them to sums, which are apart so that they need not wait for each
 * other. */
static bool add_range(const float *p, int32_t n, double sums[LANES]) {
    bool good = true;
    for (int32_t i = 0; i < n; i++) {
        good = good && p[i] >= 0.0f && p[i] <= 1.0f;
        sums[i] += (double)p[i];
    }
    return good;
}

static pluck_status add_up(const pluck_proposal *of, int32_t place, double *sum, pluck_error *err) {
    double sums[LANES] = {0};
    bool good = true;
    int32_t at = 0;
    for (; at + LANES <= of->n; at += LANES)
        good = add_range(of->probabilities + at, LANES, sums) && good;
    good = add_range(of->probabilities + at, of->n - at, sums) && good;
    if (!good) {
        for (at = 0; of->probabilities[at] >= 0.0f && of->probabilities[at] <= 1.0f;) at++;
        return pk_fail(err, PLUCK_ERR_PARAM,
                       "proposals[%d]: probabilities[%d] is %g; allowed: 0 to 1", (int)place,
                       (int)at, (double)of->probabilities[at]);
    }
    *sum = 0.0;
    for (int32_t i = 0; i < LANES; i++) *sum += sums[i];
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

/* What is left of R when a token of probability q was turned down. A sibling's token, which cannot be
 * drawn again without replacement, has nothing left that its q could take. */
static double left_of(double r, double q, double scale) {
    const double left = r - q;
    return (left > 0.0 ? left : 0.0) * scale;
}

/* R of a token after the first n; *q: its probability in the last one's Q. */
static double left_after(const residual *r, int32_t n, int32_t token, double p, double *q) {
    double left = r->reached * p, given = 0.0;
    *q = 0.0;
    for (int32_t k = 0; k < n; k++) {
        const proposal *of = r->down[k].q;
        if (k == 0 || !of->as_before) given = pk_proposal_given(of, token);
        *q = given * of->scale;
        if (r->down[k].scale > 0.0) left = left_of(left, *q, r->down[k].scale);
    }
    return left;
}

double pk_residual_at(const residual *r, int32_t token, double p) {
    double q;
    return left_after(r, r->n, token, p, &q);
}

/* ---- group by group ---- */

/* What a proposal gives a chunk's candidates; false: nothing to any of them. */
static bool given_to(const proposal *q, bool in_order, const view_chunk *chunk, double *given) {
    const int32_t n = chunk->n, first = chunk->ids[0];
    const bool whole = q->of && !q->of->ids;
    if (whole && in_order) {
        const float *from = q->of->probabilities + first;
        for (int32_t i = 0; i < n; i++) given[i] = (double)from[i];
        return true;
    }
    if (in_order && !q->of && (q->token < first || q->token >= first + n)) return false;
    for (int32_t i = 0; i < n; i++)
        given[i] = chunk->p[i] > 0.0 ? pk_proposal_given(q, chunk->ids[i]) : 0.0;
    return true;
}

/* R of a chunk's candidates, and the sum of it. */
static double left_of_chunk(const residual *r, bool in_order, const view_chunk *chunk,
                            double left[GROUP]) {
    double given[GROUP], sum = 0.0;
    bool any = false;
    for (int32_t i = 0; i < chunk->n; i++) left[i] = r->reached * chunk->p[i];
    for (int32_t k = 0; k < r->n && chunk->n > 0; k++) {
        const proposal *q = r->down[k].q;
        const double taken = q->scale, scale = r->down[k].scale;
        if (k == 0 || !q->as_before) any = given_to(q, in_order, chunk, given);
        if (!(scale > 0.0)) continue;
        if (any)
            for (int32_t i = 0; i < chunk->n; i++)
                left[i] = left_of(left[i], given[i] * taken, scale);
        else
            for (int32_t i = 0; i < chunk->n; i++) left[i] *= scale;
    }
    for (int32_t i = 0; i < chunk->n; i++) sum += left[i];
    return sum;
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
    const bool in_order = !pk_view_is_list(v);
    if (in_order && (!last || (last->ids && last->n < n_chunks))) return sum_without_few(r, v);
    double sum = 0.0, left[GROUP];
    for (int32_t c = 0; c < n_chunks; c++) {
        view_chunk chunk;
        pk_view_chunk(v, c, &chunk);
        sum += left_of_chunk(r, in_order, &chunk, left);
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

/* The first chunk of one of the parts that a view is walked in. */
static int32_t part_begin(int32_t part, int32_t n_chunks) {
    return (int32_t)((int64_t)part * n_chunks / PARTS);
}

/* The sum of R over each part. */
static double sum_parts(const residual *r, view *v, double parts[PARTS]) {
    const int32_t n_chunks = pk_view_chunks(v);
    const bool in_order = !pk_view_is_list(v);
    double whole = 0.0, left[GROUP];
    for (int32_t k = 0; k < PARTS; k++) {
        parts[k] = 0.0;
        for (int32_t c = part_begin(k, n_chunks); c < part_begin(k + 1, n_chunks); c++) {
            view_chunk chunk;
            pk_view_chunk(v, c, &chunk);
            parts[k] += left_of_chunk(r, in_order, &chunk, left);
        }
        whole += parts[k];
    }
    return whole;
}

/* The candidate of a part at which the sum reaches `into`; the last one if rounding leaves it short. */
static pick draw_in_part(const residual *r, view *v, int32_t part, double into) {
    pick found = {-1, -INFINITY, 0.0};
    const int32_t n_chunks = pk_view_chunks(v);
    const bool in_order = !pk_view_is_list(v);
    double left[GROUP];
    for (int32_t c = part_begin(part, n_chunks); c < part_begin(part + 1, n_chunks); c++) {
        view_chunk chunk;
        pk_view_chunk(v, c, &chunk);
        (void)left_of_chunk(r, in_order, &chunk, left);
        for (int32_t i = 0; i < chunk.n; i++) {
            if (!(left[i] > 0.0)) continue;
            found = (pick){chunk.ids[i], chunk.x[i], chunk.p[i]};
            into -= left[i];
            if (into <= 0.0) return found;
        }
    }
    return found;
}

pick pk_residual_draw(const residual *r, view *v, double u) {
    double parts[PARTS];
    double into = u * sum_parts(r, v, parts);
    int32_t part = -1;
    for (int32_t k = 0; k < PARTS; k++) {
        if (!(parts[k] > 0.0)) continue;
        part = k;
        if (into <= parts[k]) break;
        into -= parts[k];
    }
    if (part < 0) return (pick){-1, -INFINITY, 0.0};
    return draw_in_part(r, v, part, into);
}
