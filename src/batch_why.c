/* batch_why.c: a batch's errors in words. See batch.h. */
#include "arithmetic.h"

#include "batch.h"

#include "error.h"

/* ---- a call as a whole ---- */

static pluck_status check_logprobs(const pluck_batch *b, const pluck_batch_logprobs *l,
                                   const char *name, pluck_error *err) {
    if (l->n_top < 0 || l->n_top > b->config.n_vocab)
        return pk_fail(err, PLUCK_ERR_SIZE, "%s.n_top is %d; allowed: 0 to %d", name, (int)l->n_top,
                       (int)b->config.n_vocab);
    if (l->n_top > 0 && (!l->ids || !l->logprobs))
        return pk_fail(err, PLUCK_ERR_NULL, "%s.%s is NULL, %s.n_top is %d", name,
                       l->ids ? "logprobs" : "ids", name, (int)l->n_top);
    return PLUCK_OK;
}

pluck_status pk_batch_check_call(const pluck_batch *b, const pluck_batch_row *rows, int32_t n,
                                 const pluck_batch_out *out, pluck_error *err) {
    if (!b || !out) return pk_fail(err, PLUCK_ERR_NULL, "%s is NULL", b ? "out" : "the batch");
    if (n < 0 || n > b->config.max_rows)
        return pk_fail(err, PLUCK_ERR_SIZE, "n is %d; allowed: 0 to %d", (int)n,
                       (int)b->config.max_rows);
    if (!rows && n > 0) return pk_fail(err, PLUCK_ERR_NULL, "rows is NULL, n is %d", (int)n);
    const pluck_batch_kept *k = &out->kept;
    if (k->offsets && k->max_kept < 1)
        return pk_fail(err, PLUCK_ERR_SIZE, "kept.max_kept is %d; allowed: 1 and above",
                       (int)k->max_kept);
    if (k->offsets && !k->ids)
        return pk_fail(err, PLUCK_ERR_NULL, "kept.ids is NULL, kept.offsets is not");
    for (int32_t i = 0; i < n && !out->verified; i++)
        if (rows[i].draft)
            return pk_fail(err, PLUCK_ERR_NULL, "verified is NULL, row %d has a draft", (int)i);
    TRY(check_logprobs(b, &out->raw, "raw", err));
    return check_logprobs(b, &out->processed, "processed", err);
}

/* ---- a draft ---- */

bool pk_batch_draft_failed(const pluck_batch *b, int32_t i) {
    const pluck_status status = b->statuses[i];
    return b->rows[i].draft && b->rows[i].sampler && status != PLUCK_OK &&
           status != PLUCK_ERR_SHARED && status != PLUCK_ERR_CANCELLED;
}

static pluck_status too_much_kept(const pluck_batch *b, int32_t i, pluck_error *err) {
    return pk_fail(err, PLUCK_ERR_SIZE, "row %d: kept: %d tokens are kept, max_kept is %d", (int)i,
                   (int)b->n_kept[i], (int)b->out->kept.max_kept);
}

void pk_batch_why_draft(const pluck_batch *b, int32_t i, const pluck_error *found,
                        pluck_error *err) {
    if (found->message[0] == '\0' && found->status == PLUCK_ERR_SIZE)
        (void)too_much_kept(b, i, err);
    else
        (void)pk_fail(err, found->status, "row %d: draft: %s", (int)i,
                      found->message[0] != '\0' ? found->message
                                                : pluck_status_string(found->status));
}

/* The words of the lane that verified the draft of row i. */
static pluck_status draft_words(const pluck_batch *b, int32_t i, pluck_error *err) {
    int32_t at = 0;
    while (b->lanes[at].failed != i) at++;
    PLUCK_ASSERT(at < b->config.n_threads);
    if (err) *err = b->lanes[at].why;
    return b->statuses[i];
}

/* ---- a row ---- */

static int32_t n_vocab_of(const pluck_batch_row *row) {
    return row->sampler->plan->config.n_vocab;
}

static int32_t length_of(const pluck_batch_row *row) {
    return row->row.ids ? row->row.n : n_vocab_of(row);
}

static int32_t token_at(const pluck_batch_row *row, int32_t at) {
    return row->row.ids ? row->row.ids[at] : at;
}

static pluck_status shared(const pluck_batch *b, int32_t i, pluck_error *err) {
    int32_t first = 0;
    while (b->rows[first].sampler != b->rows[i].sampler) first++;
    if (first < i)
        return pk_fail(err, PLUCK_ERR_SHARED, "row %d: sampler: is that of row %d", (int)i,
                       (int)first);
    return pk_fail(err, PLUCK_ERR_SHARED, "row %d: sampler: is in another batch's call", (int)i);
}

/* The first allowed token whose logit is NaN, or is one that the second row must not have; -1 if
 * there is none. */
static int32_t first_bad(const pluck_batch_row *row, bool second) {
    const pluck_row *r = &row->row;
    pluck_batch_row other = {.row = {.logits = r->second, .dtype = r->second_dtype}};
    if (second && !r->second) return -1;
    for (int32_t at = 0; at < length_of(row); at++) {
        const int32_t token = token_at(row, at);
        if (!pk_view_row_allows(r, n_vocab_of(row), token)) continue;
        const float x = pk_batch_logit(row, at);
        const float y = second ? pk_batch_logit(&other, token) : 0.0f;
        if (second ? x > -INFINITY && (isnan(y) || y == INFINITY) : isnan(x)) return token;
    }
    return -1;
}

static pluck_status nan_logit(const pluck_batch_row *row, int32_t i, pluck_error *err) {
    const int32_t in_row = first_bad(row, false);
    if (in_row >= 0)
        return pk_fail(err, PLUCK_ERR_NAN, "row %d: logits: that of token %d is NaN", (int)i,
                       (int)in_row);
    const int32_t in_second = first_bad(row, true);
    if (in_second >= 0)
        return pk_fail(err, PLUCK_ERR_NAN, "row %d: second: the logit of token %d is NaN or +inf",
                       (int)i, (int)in_second);
    return pk_fail(err, PLUCK_ERR_NAN, "row %d: sampler: a stage left a logit that is NaN", (int)i);
}

static pluck_status bad_token(const pluck_batch_row *row, int32_t i, pluck_error *err) {
    int32_t at = 0;
    while (row->row.ids[at] >= 0 && row->row.ids[at] < n_vocab_of(row)) at++;
    return pk_fail(err, PLUCK_ERR_TOKEN, "row %d: ids[%d] is %d; allowed: 0 to %d", (int)i, (int)at,
                   (int)row->row.ids[at], (int)n_vocab_of(row) - 1);
}

static pluck_status not_descending(const pluck_batch_row *row, int32_t i, pluck_error *err) {
    int32_t at = 1, before = 0;
    for (; at < row->row.n; at++) {
        if (!pk_view_row_allows(&row->row, n_vocab_of(row), token_at(row, at))) continue;
        if (pk_batch_logit(row, at) > pk_batch_logit(row, before)) break;
        before = at;
    }
    return pk_fail(err, PLUCK_ERR_ORDER,
                   "row %d: descending: logits[%d] is greater than one before it", (int)i, (int)at);
}

static pluck_status bad_row(const pluck_batch_row *row, int32_t i, pluck_error *err) {
    const pluck_row *r = &row->row;
    if (r->dtype != PLUCK_DTYPE_F32 && r->dtype != PLUCK_DTYPE_F16 && r->dtype != PLUCK_DTYPE_BF16)
        return pk_fail(err, PLUCK_ERR_ROW, "row %d: dtype: there is no type %d", (int)i,
                       (int)r->dtype);
    if (r->second && r->second_dtype != PLUCK_DTYPE_F32 && r->second_dtype != PLUCK_DTYPE_F16 &&
        r->second_dtype != PLUCK_DTYPE_BF16)
        return pk_fail(err, PLUCK_ERR_ROW, "row %d: second_dtype: there is no type %d", (int)i,
                       (int)r->second_dtype);
    return pk_fail(err, PLUCK_ERR_ROW, "row %d: n is %d; allowed: %s%d", (int)i, (int)r->n,
                   r->ids ? "1 to " : "0 and ", (int)n_vocab_of(row));
}

static pluck_status bad_size(const pluck_batch *b, int32_t i, pluck_error *err) {
    const pluck_row *r = &b->rows[i].row;
    if (r->allowed && r->n_allowed < 0)
        return pk_fail(err, PLUCK_ERR_SIZE, "row %d: n_allowed is %d; allowed: 0 and above", (int)i,
                       (int)r->n_allowed);
    return too_much_kept(b, i, err);
}

pluck_status pk_batch_why(const pluck_batch *b, int32_t i, pluck_error *err) {
    const pluck_batch_row *row = &b->rows[i];
    const pluck_status status = b->statuses[i];
    if (pk_batch_draft_failed(b, i)) return draft_words(b, i, err);
    switch (status) {
    case PLUCK_ERR_NULL:
        return pk_fail(err, status, "row %d: %s is NULL", (int)i,
                       row->sampler ? "logits" : "sampler");
    case PLUCK_ERR_SHARED:
        return shared(b, i, err);
    case PLUCK_ERR_WORKSPACE:
        return pk_fail(err, status, "row %d: sampler: is for %d tokens, the batch for %d", (int)i,
                       (int)n_vocab_of(row), (int)b->config.n_vocab);
    case PLUCK_ERR_SECOND_ROW:
        return pk_fail(err, status, "row %d: second is NULL, and the chain begins with %s", (int)i,
                       row->sampler->plan->steps[0].kind->name);
    case PLUCK_ERR_NAN:
        return nan_logit(row, i, err);
    case PLUCK_ERR_TOKEN:
        return bad_token(row, i, err);
    case PLUCK_ERR_ORDER:
        return not_descending(row, i, err);
    case PLUCK_ERR_ROW:
        return bad_row(row, i, err);
    case PLUCK_ERR_SIZE:
        return bad_size(b, i, err);
    case PLUCK_ERR_EMPTY:
        return pk_fail(err, status, "row %d: logits, allowed: %s", (int)i,
                       pluck_status_string(status));
    default: /* of the chain, or of who was to run it */
        return pk_fail(err, status, "row %d: %s: %s", (int)i,
                       status == PLUCK_ERR_CANCELLED ? "executor" : "sampler",
                       pluck_status_string(status));
    }
}
