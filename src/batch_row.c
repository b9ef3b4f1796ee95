/* batch_row.c: one row of a batch, and what is written of it. See batch.h. */
#include "arithmetic.h"

#include "batch.h"

#include "result.h"

/* ---- the row ---- */

static int64_t stride_of(const pluck_batch_row *row) {
    return row->stride ? row->stride : 1;
}

float pk_batch_logit(const pluck_batch_row *row, int64_t at) {
    const size_t element = dtype_size(row->row.dtype);
    const char *logit = (const char *)row->row.logits + at * stride_of(row) * (int64_t)element;
    char raw[GROUP * sizeof(float)] = {0};
    float x[GROUP];
    memcpy(raw, logit, element);
    pk_kernels()->row[row->row.dtype][0]->widen(raw, NULL, 1, x);
    return x[0];
}

/* Lays n logits side by side. */
static void gather(const pluck_batch_row *row, int32_t n, char *to) {
    const size_t element = dtype_size(row->row.dtype);
    const char *from = row->row.logits;
    const int64_t apart = row->stride * (int64_t)element;
    if (element == 4)
        for (int64_t i = 0; i < n; i++) memcpy(to + 4 * i, from + i * apart, 4);
    else
        for (int64_t i = 0; i < n; i++) memcpy(to + 2 * i, from + i * apart, 2);
}

/* The row as the chain reads it: in the lane's workspace, its logits side by side. A row that is not
 * sound is left to the chain to refuse. */
static pluck_row row_of(const pluck_batch_row *row, const lane *l) {
    pluck_row r = row->row;
    r.workspace = l->workspace;
    const int32_t n_vocab = row->sampler->plan->config.n_vocab;
    const int32_t n = r.ids ? r.n : n_vocab;
    const bool sound = r.logits && n >= 1 && n <= n_vocab &&
                       n_vocab <= pk_workspace_vocab(l->workspace) && r.dtype >= PLUCK_DTYPE_F32 &&
                       r.dtype <= PLUCK_DTYPE_BF16;
    if (stride_of(row) == 1 || !sound) return r;
    gather(row, n, (char *)l->room);
    r.logits = l->room;
    return r;
}

/* ---- log-probabilities ---- */

/* The n_top most likely of a scanned view; what is not there is -1, at -inf. */
static void write_top(view *v, double log_sum, const pluck_batch_logprobs *out, int32_t i) {
    if (out->n_top == 0) return;
    int32_t *ids = out->ids + (size_t)i * (size_t)out->n_top;
    float *logprobs = out->logprobs + (size_t)i * (size_t)out->n_top;
    const int32_t n = pk_view_top(v, out->n_top, ids, logprobs);
    const double scale = pk_view_scale(v);
    for (int32_t k = 0; k < n; k++) logprobs[k] = (float)((double)logprobs[k] * scale - log_sum);
    for (int32_t k = n; k < out->n_top; k++) {
        ids[k] = -1;
        logprobs[k] = -INFINITY;
    }
}

static bool wants(const pluck_batch_row *row, const pluck_batch_logprobs *out,
                  pluck_batch_part part) {
    return (out->token || out->n_top > 0) && !(row->leave_out & (uint32_t)part);
}

/* What a look at the row found. */
typedef struct raw_look {
    const pluck_batch_logprobs *out;
    int32_t i;
    double log_sum;
    bool infinite;
} raw_look;

static void look_at_raw(void *arg, view *v) {
    raw_look *self = arg;
    self->log_sum = pk_view_log_sum(v);
    self->infinite = pk_view_is_infinite(v);
    write_top(v, self->log_sum, self->out, self->i);
}

/* The logit that the row handed in has for a token; -inf if it has none. */
static float raw_logit(const pluck_batch_row *row, int32_t token) {
    const pluck_row *r = &row->row;
    if (!pk_view_row_allows(r, row->sampler->plan->config.n_vocab, token)) return -INFINITY;
    if (!r->ids) return pk_batch_logit(row, token);
    for (int32_t at = 0; at < r->n; at++)
        if (r->ids[at] == token) return pk_batch_logit(row, at);
    return -INFINITY;
}

static void write_raw_token(const pluck_batch_row *row, const raw_look *raw, int32_t token) {
    if (!raw->out->token) return;
    const float x = raw_logit(row, token);
    const double logit = !raw->infinite ? (double)x : x == INFINITY ? 0.0 : -INFINITY;
    raw->out->token[raw->i] = (float)(logit - raw->log_sum);
}

/* Of the distribution that the chain left. */
static pluck_status write_processed(pluck_workspace *ws, const pluck_batch_logprobs *out,
                                    int32_t i) {
    view *v = &ws->view;
    TRY(pk_view_prepare(v, VIEW_SCANNED, true));
    const double log_sum = pk_view_log_sum(v);
    if (out->token)
        out->token[i] = (float)pk_view_log_probability(v, pk_view_value(v, ws->selection.token));
    write_top(v, log_sum, out, i);
    return PLUCK_OK;
}

/* ---- the kept set ---- */

/* Writes n candidates in ascending order of id: marked in the lane's bits, read off in order. */
static void write_ascending(lane *l, const pluck_candidates *from, int32_t *ids,
                            float *probabilities) {
    int32_t first = INT32_MAX, last = -1;
    for (int32_t k = 0; k < from->n; k++) {
        const int32_t id = from->ids[k];
        l->bits[id / 64] |= UINT64_C(1) << (id % 64);
        l->room[id] = from->probabilities[k];
        if (id / 64 < first) first = id / 64;
        if (id / 64 > last) last = id / 64;
    }
    int32_t n = 0;
    for (int32_t word = first; word <= last; word++) {
        for (uint64_t bits = l->bits[word]; bits != 0; bits &= bits - 1) {
            const int32_t id = word * 64 + __builtin_ctzll(bits);
            ids[n] = id;
            if (probabilities) probabilities[n] = l->room[id];
            n++;
        }
        l->bits[word] = 0;
    }
    PLUCK_ASSERT(n == from->n); /* each id once */
}

static pluck_status write_kept(pluck_batch *b, lane *l, int32_t i) {
    const pluck_batch_kept *k = &b->out->kept;
    TRY(pk_view_prepare(&l->workspace->view, VIEW_SCANNED, true));
    b->n_kept[i] = pk_view_alive(&l->workspace->view);
    if (b->n_kept[i] > k->max_kept) return PLUCK_ERR_SIZE;
    pluck_candidates left;
    TRY(pk_result_candidates(l->workspace, &left));
    PLUCK_ASSERT(left.n == b->n_kept[i]);
    const size_t at = (size_t)i * (size_t)k->max_kept;
    write_ascending(l, &left, k->ids + at, k->probabilities ? k->probabilities + at : NULL);
    return PLUCK_OK;
}

/* ---- all of it ---- */

/* `row` is row i, or the place of its draft that gave the token. */
static pluck_status write_results(pluck_batch *b, lane *l, int32_t i, const pluck_batch_row *row,
                                  const raw_look *raw) {
    const pluck_batch_out *out = b->out;
    pluck_workspace *ws = l->workspace;
    const bool processed = wants(row, &out->processed, PLUCK_BATCH_PROCESSED);
    /* A draw that needs the list of candidates leaves no room for anything behind it. */
    const bool before = ws->selection.behind;
    if (processed && before) TRY(write_processed(ws, &out->processed, i));
    if (out->draws) TRY(pk_result_draw(ws, row->row.skip_probability, &out->draws[i]));
    if (processed && !before) TRY(write_processed(ws, &out->processed, i));
    if (out->kept.offsets && !(row->leave_out & PLUCK_BATCH_KEPT)) TRY(write_kept(b, l, i));
    const int32_t token = ws->selection.token;
    if (raw) write_raw_token(row, raw, token);
    if (out->tokens) out->tokens[i] = token;
    if (out->verified) out->verified[i] = (pluck_verified){0, token, -1};
    return PLUCK_OK;
}

static pluck_status run_row(pluck_batch *b, lane *l, int32_t i, pk_fpenv *caller) {
    const pluck_batch_row *row = &b->rows[i];
    const pluck_row r = row_of(row, l);
    const bool wants_raw = wants(row, &b->out->raw, PLUCK_BATCH_RAW);
    raw_look raw = {.out = &b->out->raw, .i = i};
    const run_hooks hooks = {.look = look_at_raw, .arg = &raw};
    pluck_workspace *used;
    TRY(pk_run(row->sampler, &r, true, wants_raw ? &hooks : NULL, &used, caller));
    const pluck_status status = write_results(b, l, i, row, wants_raw ? &raw : NULL);
    if (status != PLUCK_OK) {
        pk_run_undo(row->sampler);
        return status;
    }
    if (row->accept) pk_run_accept(row->sampler, l->workspace->selection.token, caller);
    return PLUCK_OK;
}

/* ---- a draft ---- */

typedef struct draft_row {
    pluck_batch *b;
    lane *l;
    int32_t i;
    bool wants_raw;
    raw_look raw; /* at the place that was run last */
} draft_row;

static void look_at_place(void *arg, view *v) {
    draft_row *self = arg;
    look_at_raw(&self->raw, v);
}

static pluck_status read_place(void *arg, const pluck_row *row) {
    const draft_row *self = arg;
    const pluck_batch_row *whole = &self->b->rows[self->i];
    const pluck_batch_row place = {
        .sampler = whole->sampler, .row = *row, .leave_out = whole->leave_out};
    return write_results(self->b, self->l, self->i, &place, self->wants_raw ? &self->raw : NULL);
}

static pluck_status run_draft(pluck_batch *b, lane *l, int32_t i, pk_fpenv *caller) {
    const pluck_batch_row *row = &b->rows[i];
    pluck_draft draft = *row->draft;
    draft.workspace = l->workspace;
    draft_row self = {.b = b,
                      .l = l,
                      .i = i,
                      .wants_raw = wants(row, &b->out->raw, PLUCK_BATCH_RAW),
                      .raw = {.out = &b->out->raw, .i = i}};
    const verify_hooks hooks = {
        .look = self.wants_raw ? look_at_place : NULL, .read = read_place, .arg = &self};
    pluck_error found = {PLUCK_OK, ""};
    pluck_verified verified;
    const pluck_status status = pk_verify(row->sampler, &draft, &hooks, &verified, &found, caller);
    if (status == PLUCK_OK) {
        b->out->verified[i] = verified;
        return PLUCK_OK;
    }
    found.status = status;
    if (b->out->errors) pk_batch_why_draft(b, i, &found, &b->out->errors[i]);
    if (l->failed < 0) {
        l->failed = i;
        pk_batch_why_draft(b, i, &found, &l->why);
    }
    return status;
}

void pk_batch_run_row(pluck_batch *b, lane *l, int32_t i) {
    /* Each row starts from the same environment, whatever ran on this thread before. */
    pk_fpenv caller = b->caller;
    b->statuses[i] = b->rows[i].draft ? run_draft(b, l, i, &caller) : run_row(b, l, i, &caller);
    /* What rows left out is blank as well. */
    const pluck_batch_row *row = &b->rows[i];
    if (!wants(row, &b->out->raw, PLUCK_BATCH_RAW)) pk_batch_blank_logprobs(&b->out->raw, i);
    if (!wants(row, &b->out->processed, PLUCK_BATCH_PROCESSED))
        pk_batch_blank_logprobs(&b->out->processed, i);
}

void pk_batch_blank_logprobs(const pluck_batch_logprobs *out, int32_t i) {
    if (out->token) out->token[i] = NAN;
    for (size_t k = 0; k < (size_t)out->n_top; k++) {
        out->ids[(size_t)i * (size_t)out->n_top + k] = -1;
        out->logprobs[(size_t)i * (size_t)out->n_top + k] = -INFINITY;
    }
}

void pk_batch_blank_row(const pluck_batch *b, int32_t i) {
    const pluck_batch_out *out = b->out;
    if (out->tokens) out->tokens[i] = -1;
    if (out->verified) out->verified[i] = (pluck_verified){0, -1, -1};
    if (out->draws) out->draws[i] = (pluck_draw){.token = -1};
    pk_batch_blank_logprobs(&out->raw, i);
    pk_batch_blank_logprobs(&out->processed, i);
}
