/* shard_merge.c: checks that messages fit together, and makes a token of them, or the question of one
 * more round. See shard.h. */
#include "arithmetic.h"

#include "shard.h"

#include "error.h"
#include "prefix.h"
#include "result.h"

/* Masses that were summed relative to different references are equal within this part. */
static const double ROUNDING = 2e-6;

/* ---- the messages as a whole ---- */

static int32_t end_of(const shard_head *h) {
    return h->first + h->n;
}

static pluck_status read_heads(shard_merge *m) {
    const uint64_t chain = pk_shard_digest(m->s), request = pk_shard_request_digest(m->request);
    const int32_t n_vocab = m->shard->config.n_vocab;
    for (int32_t i = 0; i < m->n; i++) {
        shard_head *h = &m->shard->heads[i];
        TRY(pk_shard_get_head(m->messages + (size_t)i * m->stride, &m->layout, i, h, m->err));
        if (h->n_vocab != n_vocab)
            return pk_fail(m->err, PLUCK_ERR_SHARD, "message %d is for %d tokens, the shard for %d",
                           (int)i, (int)h->n_vocab, (int)n_vocab);
        if (h->chain != chain)
            return pk_fail(m->err, PLUCK_ERR_SHARD,
                           "message %d is of another chain, or its sampler has drawn or accepted "
                           "other tokens",
                           (int)i);
        if (h->request != request)
            return pk_fail(m->err, PLUCK_ERR_SHARD, "message %d answers another request", (int)i);
        if (h->n > 0 && (h->first % BLOCK != 0 || h->n > n_vocab - h->first))
            return pk_fail(
                m->err, PLUCK_ERR_SHARD,
                "message %d: the slice of tokens %d to %d does not begin at a multiple of "
                "%d, or ends beyond the vocabulary",
                (int)i, (int)h->first, (int)end_of(h) - 1, BLOCK);
    }
    return PLUCK_OK;
}

/* Sorts the messages by their first token. They usually are in this order. */
static void sort_heads(shard_merge *m) {
    int32_t *order = m->shard->order;
    for (int32_t i = 0; i < m->n; i++) {
        int32_t at = i;
        const int32_t first = m->shard->heads[i].first;
        for (; at > 0 && m->shard->heads[order[at - 1]].first > first; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

/* Whether each token is in one slice. */
static pluck_status check_cover(const shard_merge *m) {
    int32_t next = 0;
    for (int32_t i = 0; i < m->n; i++) {
        const shard_head *h = shard_head_of(m, i);
        if (h->n == 0) continue;
        if (h->first < next)
            return pk_fail(m->err, PLUCK_ERR_SHARD,
                           "slices overlap: message %d begins at token %d, which an earlier slice "
                           "has",
                           (int)m->shard->order[i], (int)h->first);
        if (h->first > next)
            return pk_fail(m->err, PLUCK_ERR_SHARD, "no message has tokens %d to %d", (int)next,
                           (int)h->first - 1);
        next = end_of(h);
    }
    if (next < m->shard->config.n_vocab)
        return pk_fail(m->err, PLUCK_ERR_SHARD, "no message has tokens %d to %d", (int)next,
                       (int)m->shard->config.n_vocab - 1);
    return PLUCK_OK;
}

/* Where the ids and x of message i are. */
static const unsigned char *ids_of(const shard_merge *m, int32_t i) {
    return shard_message(m, i) + m->layout.candidates;
}

static const unsigned char *x_of(const shard_merge *m, int32_t i) {
    return ids_of(m, i) + 4 * (size_t)m->layout.n_candidates;
}

/* A part of a message's candidates. */
typedef struct some {
    uint32_t ids[GROUP];
    float x[GROUP];
} some;

/* Whether a message's candidates, by id, are tokens of its slice that are alive. */
static bool are_candidates(const shard_merge *m, int32_t i) {
    const shard_head *h = shard_head_of(m, i);
    const uint32_t first = (uint32_t)h->first, of_slice = (uint32_t)h->n;
    int bad = 0;
    uint32_t before = 0; /* one more than the last id */
    for (int32_t k = 0; k < h->n_candidates; k += GROUP) {
        const int32_t n = (int32_t)min_i64(GROUP, h->n_candidates - k);
        some s = {{0}, {0.0f}};
        pk_get_words(ids_of(m, i) + 4 * (size_t)k, s.ids, n);
        pk_get_words(x_of(m, i) + 4 * (size_t)k, s.x, n);
        for (int32_t c = 0; c < n; c++) bad |= s.ids[c] - first >= of_slice;
        for (int32_t c = 0; c < n; c++) bad |= !(s.x[c] > -INFINITY) | !(s.x[c] <= h->max);
        for (int32_t c = 1; c < n; c++) bad |= s.ids[c - 1] >= s.ids[c];
        bad |= s.ids[0] < before;
        before = s.ids[n - 1] + 1;
    }
    return !bad;
}

static pluck_status refuse_candidates(const shard_merge *m, int32_t i) {
    return pk_fail(m->err, PLUCK_ERR_SHARD,
                   "message %d: the candidates are not tokens of its slice with logits, in their "
                   "order",
                   (int)m->shard->order[i]);
}

static pluck_status check_candidates(const shard_merge *m) {
    if (!m->layout.candidates || m->plan.sorted) return PLUCK_OK; /* merge_sorted checks those */
    for (int32_t i = 0; i < m->n; i++)
        if (!are_candidates(m, i)) return refuse_candidates(m, i);
    return PLUCK_OK;
}

/* Finds what the heads come to. */
static pluck_status add_up(shard_merge *m) {
    int64_t n_allowed = 0;
    bool masked = false;
    m->max = m->bound = -INFINITY;
    m->in_range = true;
    for (int32_t i = 0; i < m->n; i++) {
        const shard_head *h = shard_head_of(m, i);
        if (h->status != PLUCK_OK)
            return pk_fail(m->err, (pluck_status)h->status, "tokens %d to %d: %s", (int)h->first,
                           (int)end_of(h) - 1, pluck_status_string((pluck_status)h->status));
        m->infinite |= (h->flags & FLAG_INFINITE) != 0;
        m->in_range &= !(h->flags & FLAG_OUT_OF_RANGE);
        masked |= (h->flags & FLAG_MASKED) != 0;
        n_allowed += h->n_allowed;
        m->max = fmaxf(m->max, h->max);
    }
    for (int32_t i = 0; i < m->n; i++) {
        const shard_head *h = shard_head_of(m, i);
        /* Beside tokens at +inf the others do not count. */
        if (m->infinite && !(h->flags & FLAG_INFINITE)) continue;
        m->n_alive += h->n_alive;
        m->n_candidates += h->n_candidates;
        m->bound = fmaxf(m->bound, h->bound);
    }
    const int32_t n_groups = (m->shard->config.n_vocab + GROUP - 1) / GROUP;
    m->few = masked && n_allowed <= n_groups / 4;
    if (m->n_alive == 0)
        return pk_fail(m->err, PLUCK_ERR_EMPTY, "%s", pluck_status_string(PLUCK_ERR_EMPTY));
    return PLUCK_OK;
}

/* Finds the mass of the whole row relative to the maximum, within rounding. */
static pluck_status add_masses(shard_merge *m) {
    if (m->infinite || !m->in_range) return PLUCK_OK; /* it is not asked for */
    double mass = 0.0;
    for (int32_t i = 0; i < m->n; i++) {
        const shard_head *h = shard_head_of(m, i);
        if (h->mass > 0.0)
            mass += h->mass * exp(((double)h->reference - (double)m->max) * m->plan.scale);
    }
    /* The maximum's own mass is 1, and no other is greater. */
    if (!(mass >= 0.999 && mass <= 1.001 * (double)m->n_alive))
        return pk_fail(m->err, PLUCK_ERR_SHARD, "the masses in the messages are not possible");
    m->mass = mass;
    return PLUCK_OK;
}

void pk_shard_ask_row(const shard_merge *m, pluck_shard_outcome *out) {
    *out = (pluck_shard_outcome){.next = {.dtype = m->request->dtype,
                                          .skip_probability = m->request->skip_probability,
                                          .ask = PLUCK_SHARD_ASK_ROW,
                                          .stage = -1}};
    if (m->plan.at < m->s->plan->n_steps) out->next.stage = m->s->plan->steps[m->plan.at].index;
}

/* ---- candidates ---- */

/* The greatest candidates of messages that are sorted. */
typedef struct top_list {
    int32_t n, ids[SHORT_LIST];
    float x[SHORT_LIST];
} top_list;

/* Whether any of n ids is there twice; usually they differ in their last bits. */
static bool is_any_twice(const int32_t *ids, int32_t n) {
    uint64_t seen[64] = {0};
    bool maybe = false;
    for (int32_t i = 0; i < n; i++) {
        uint64_t *word = &seen[ids[i] / 64 % 64];
        const uint64_t bit = (uint64_t)1 << (ids[i] % 64);
        maybe |= (*word & bit) != 0;
        *word |= bit;
    }
    for (int32_t i = 1; maybe && i < n; i++)
        for (int32_t k = 0; k < i; k++)
            if (ids[k] == ids[i]) return true;
    return false;
}

/* Goes to the next candidate of a message; -inf stands behind the last. */
static bool advance(shard_cursor *c) {
    const float before = c->x;
    c->x = c->left > 0 ? pk_get_float(c->next_x) : -INFINITY;
    c->next_x += 4;
    c->left--;
    return c->x <= before;
}

/* Puts a cursor before the first candidate of each message. */
static pluck_status open_cursors(const shard_merge *m) {
    for (int32_t i = 0; i < m->n; i++) {
        const shard_head *h = shard_head_of(m, i);
        shard_cursor *c = &m->shard->cursors[i];
        *c = (shard_cursor){.x = h->max,
                            .left = h->n_candidates,
                            .ids = ids_of(m, i),
                            .next_x = x_of(m, i),
                            .first = (uint32_t)h->first,
                            .n = (uint32_t)h->n};
        if (!advance(c)) return refuse_candidates(m, i);
    }
    return PLUCK_OK;
}

/* Merges the k greatest. Of equals those of the earlier message have the lower ids. Errors:
 * ERR_SHARD. */
static pluck_status merge_sorted(const shard_merge *m, top_list *top) {
    TRY(open_cursors(m));
    shard_cursor *cursors = m->shard->cursors;
    const int32_t n = m->n, k = m->plan.k;
    for (top->n = 0; top->n < k; top->n++) {
        int32_t best = 0;
        for (int32_t i = 1; i < n; i++) best = cursors[i].x > cursors[best].x ? i : best;
        shard_cursor *c = &cursors[best];
        if (c->x == -INFINITY) break;
        const uint32_t id = pk_get_32(c->ids);
        c->ids += 4;
        top->ids[top->n] = (int32_t)id;
        top->x[top->n] = c->x;
        const bool sound = id - c->first < c->n;
        if (!advance(c) || !sound) return refuse_candidates(m, best);
    }
    return is_any_twice(top->ids, top->n)
               ? pk_fail(m->err, PLUCK_ERR_SHARD, "a candidate is in a message twice")
               : PLUCK_OK;
}

static view *begin_candidates(const shard_merge *m) {
    pluck_workspace *ws = m->s->workspace;
    pk_workspace_open(ws);
    pk_view_begin_merged(&ws->view, &ws->memory, m->shard->config.n_vocab);
    return &ws->view;
}

/* Removes from n candidates those below `low`; returns how many are left. */
static int32_t drop_below(int32_t *ids, float *x, int32_t n, float low) {
    int32_t kept = 0;
    for (int32_t i = 0; i < n; i++) {
        ids[kept] = ids[i];
        x[kept] = x[i];
        kept += x[i] >= low;
    }
    return kept;
}

/* The merged candidates as a view in the sampler's workspace, by id; those at or above `low`. */
static view *open_candidates(const shard_merge *m, float low) {
    view *v = begin_candidates(m);
    int32_t n = 0;
    for (int32_t i = 0; i < m->n; i++) {
        const int32_t of_slice = shard_head_of(m, i)->n_candidates;
        pk_get_words(ids_of(m, i), v->list.ids + n, of_slice);
        pk_get_words(x_of(m, i), v->list.x + n, of_slice);
        n += low > -INFINITY ? drop_below(v->list.ids + n, v->list.x + n, of_slice, low) : of_slice;
    }
    pk_list_set(&v->list, n, ORDER_ID);
    return v;
}

/* The same of messages that are sorted: the k greatest, descending. */
static pluck_status open_sorted(const shard_merge *m) {
    top_list top;
    TRY(merge_sorted(m, &top));
    view *v = begin_candidates(m);
    memcpy(v->list.ids, top.ids, (size_t)top.n * sizeof *top.ids);
    memcpy(v->list.x, top.x, (size_t)top.n * sizeof *top.x);
    v->order = m->plan.k > 1 ? ORDER_DESCENDING : ORDER_ID;
    pk_list_set(&v->list, top.n, v->order);
    return PLUCK_OK;
}

/* Whether the candidates have all that min-p keeps. */
static bool floor_is_there(const shard_merge *m, view *v) {
    const pluck_stage_mass *p = &m->s->plan->steps[m->plan.at].stage->as.min_p;
    v->scale = m->plan.scale;
    const float low = pk_view_x_below_max(v, log((double)p->p));
    v->scale = 1.0; /* the temperatures run again */
    /* If fewer are above, the min_keep greatest are kept, of which each slice sent all. */
    return low >= m->bound || pk_view_count_above(v, low) < p->min_keep;
}

/* Whether the candidates have all that top-p keeps, and rounding of the mass cannot change which
 * these are. */
static bool nucleus_is_there(const shard_merge *m, view *v) {
    const pluck_stage_mass *p = &m->s->plan->steps[m->plan.at].stage->as.top_p;
    const double mass = m->mass, target = (double)p->p * mass;
    if (m->bound > -INFINITY && v->list.n < p->min_keep) return false;
    const mass_source of = pk_view_source(v);
    const search s =
        pk_search(&v->mass, &of, &v->list, v->n_vocab, ORDER_DESCENDING, 0.0, target, false);
    const place end = pk_find_prefix(&s, v->list.n);
    float e;
    pk_mass_of(&v->mass, &of, &v->list.x[end.at], 1, &e);
    /* Of all sums along the order these two are nearest to the target. */
    const double with = end.mass - target, without = with - (double)e;
    return with > ROUNDING * mass && without < -ROUNDING * mass;
}

/* Runs the rest of the chain on the candidates. */
static pluck_status run_on(const shard_merge *m, pluck_draw *draw) {
    pluck_workspace *ws = m->s->workspace;
    const pluck_status status = pk_run_from(m->s, m->plan.from, ws, m->caller);
    if (status != PLUCK_OK) return pk_fail(m->err, status, "%s", pluck_status_string(status));
    return pk_result_draw(ws, m->request->skip_probability, draw);
}

static pluck_status merge_top(const shard_merge *m, pluck_shard_outcome *out) {
    if (m->plan.sums && !m->in_range) {
        pk_shard_ask_row(m, out);
        return PLUCK_OK;
    }
    pluck_shard_outcome done = {.done = true};
    if (m->plan.sorted)
        TRY(open_sorted(m));
    else
        (void)open_candidates(m, -INFINITY);
    TRY(run_on(m, &done.draw));
    const bool is_greedy = m->plan.at < m->s->plan->n_steps &&
                           m->s->plan->steps[m->plan.at].kind->kind == PLUCK_STAGE_GREEDY;
    if (is_greedy) {
        /* Not all of the candidates have been sent. */
        const double mass = m->infinite ? (double)m->n_alive : m->mass;
        done.draw.probability = m->plan.sums ? (float)(1.0 / mass) : 0.0f;
        done.draw.n_candidates = (int32_t)m->n_alive;
        pk_workspace_open(m->s->workspace);
    }
    *out = done;
    return PLUCK_OK;
}

static pluck_status merge_some(const shard_merge *m, pluck_shard_outcome *out) {
    const bool by_mass = m->plan.need == NEED_MASS;
    const bool whole = m->n_candidates == m->n_alive && (m->infinite || m->few);
    /* Below the bound nothing can be kept, except by min_keep of min-p, which counts. */
    const bool counts = !by_mass && m->s->plan->steps[m->plan.at].stage->as.min_p.min_keep > 1;
    if ((by_mass && !m->in_range) || (!counts && m->bound > m->max)) {
        pk_shard_ask_row(m, out);
        return PLUCK_OK;
    }
    view *v = open_candidates(m, counts ? -INFINITY : m->bound);
    const pluck_status status = pk_view_scan(v);
    if (status != PLUCK_OK) return pk_fail(m->err, status, "%s", pluck_status_string(status));
    if (by_mass) v->scale = m->plan.scale;
    bool enough = whole;
    if (!whole) enough = !m->infinite && (by_mass ? nucleus_is_there(m, v) : floor_is_there(m, v));
    if (!enough) {
        pk_workspace_open(m->s->workspace);
        pk_shard_ask_row(m, out);
        return PLUCK_OK;
    }
    if (by_mass && !whole) {
        const mass_source s = pk_view_source(v);
        (void)pk_mass_ref(&v->mass, &s);
        pk_mass_set_sum(&v->mass, &s, m->mass);
    }
    pluck_shard_outcome done = {.done = true};
    TRY(run_on(m, &done.draw));
    *out = done;
    return PLUCK_OK;
}

/* ---- the row ---- */

static void copy_logits(const shard_merge *m, int32_t i) {
    const shard_head *h = shard_head_of(m, i);
    const size_t element = dtype_size(m->request->dtype);
    const unsigned char *from = shard_message(m, i) + m->layout.logits;
    unsigned char *to = m->shard->row + (size_t)h->first * element;
    if (element == 4) {
        pk_get_words(from, to, h->n);
        return;
    }
    for (int32_t k = 0; k < h->n; k++) {
        const uint16_t x = (uint16_t)(from[2 * (size_t)k] | from[2 * (size_t)k + 1] << 8);
        memcpy(to + 2 * (size_t)k, &x, sizeof x);
    }
}

static void copy_mask(const shard_merge *m, int32_t i) {
    const shard_head *h = shard_head_of(m, i);
    const size_t logits = (size_t)m->shard->config.longest * dtype_size(m->request->dtype);
    const unsigned char *from = shard_message(m, i) + m->layout.logits + round_up(logits, 4);
    uint32_t *to = m->shard->allowed + h->first / 32;
    for (int32_t k = 0; k < (h->n + 31) / 32; k++)
        to[k] = h->flags & FLAG_MASKED ? pk_get_32(from + 4 * k) : UINT32_MAX;
}

static pluck_status merge_row(const shard_merge *m, pluck_shard_outcome *out) {
    bool masked = false;
    for (int32_t i = 0; i < m->n; i++) {
        masked |= (shard_head_of(m, i)->flags & FLAG_MASKED) != 0;
        copy_logits(m, i);
        copy_mask(m, i);
    }
    const pluck_row row = {.logits = m->shard->row,
                           .dtype = m->request->dtype,
                           .allowed = masked ? m->shard->allowed : NULL};
    pluck_shard_outcome done = {.done = true};
    pluck_workspace *ws;
    const pluck_status status = pk_run(m->s, &row, true, NULL, &ws, m->caller);
    if (status != PLUCK_OK) return pk_fail(m->err, status, "%s", pluck_status_string(status));
    TRY(pk_result_draw(ws, m->request->skip_probability, &done.draw));
    *out = done;
    return PLUCK_OK;
}

/* ---- a merge ---- */

static pluck_status merge_checked(shard_merge *m, pluck_shard_outcome *out) {
    if (m->layout.logits) return merge_row(m, out);
    TRY(add_up(m));
    if (m->plan.sums && !m->layout.sums) TRY(add_masses(m));
    if (m->layout.sums) return pk_shard_draw(m, out);
    if (m->plan.need == NEED_TOP) return merge_top(m, out);
    if (m->plan.need != NEED_DRAW) return merge_some(m, out);
    if (m->infinite || m->few || !m->in_range)
        pk_shard_ask_row(m, out);
    else
        pk_shard_expect_draw(m, out);
    return PLUCK_OK;
}

static PK_APART pluck_status merge(pluck_shard *shard, pluck_sampler *s,
                                   const pluck_shard_request *request, const void *messages,
                                   size_t stride, int32_t n_messages, pluck_shard_outcome *outcome,
                                   pluck_error *err, pk_fpenv *caller) {
    TRY(pk_shard_check(shard, s, request, err));
    shard_merge m = {.shard = shard,
                     .s = s,
                     .request = request,
                     .messages = messages,
                     .stride = stride,
                     .n = n_messages,
                     .err = err,
                     .caller = caller};
    m.plan = pk_shard_plan(s, shard->config.n_candidates, request);
    m.layout = pk_shard_layout(&m.plan, shard->config.longest, request);
    if (n_messages < 1 || n_messages > PLUCK_MAX_SHARDS)
        return pk_fail(err, PLUCK_ERR_SIZE, "n_messages is %d; allowed: 1 to %d", (int)n_messages,
                       PLUCK_MAX_SHARDS);
    if (stride < m.layout.size)
        return pk_fail(err, PLUCK_ERR_SIZE, "stride is %lu; a message of this round has %lu bytes",
                       (unsigned long)stride, (unsigned long)m.layout.size);
    TRY(read_heads(&m));
    sort_heads(&m);
    TRY(check_cover(&m));
    TRY(check_candidates(&m));
    return merge_checked(&m, outcome);
}

pluck_status pluck_shard_merge(pluck_shard *shard, pluck_sampler *sampler,
                               const pluck_shard_request *request, const void *messages,
                               size_t stride, int32_t n_messages, pluck_shard_outcome *outcome,
                               pluck_error *err) {
    if (!shard || !sampler || !request || !messages || !outcome)
        return pk_fail(err, PLUCK_ERR_NULL, "%s is NULL",
                       !shard      ? "the shard"
                       : !sampler  ? "the sampler"
                       : !request  ? "the request"
                       : !messages ? "messages"
                                   : "the outcome");
    PK_IN_OWN_ENV(pluck_status, merge(shard, sampler, request, messages, stride, n_messages,
                                      outcome, err, &caller_));
}
