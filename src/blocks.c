/* blocks.c: the functions of pluck_blocks.h, made of the kernels and the code that stages use. */
#include "arithmetic.h"

#include "pluck_blocks.h"

#include "dry_repeats.h"
#include "workspace.h"

/* ---- element by element ---- */

void pluck_exp(const float *x, size_t n, float *out) {
    PK_DO_IN_OWN_ENV(pk_kernels()->array.exp(x, n, out));
}

void pluck_log(const float *x, size_t n, float *out) {
    PK_DO_IN_OWN_ENV(pk_kernels()->array.log(x, n, out));
}

void pluck_scale(const float *x, size_t n, float factor, float *out) {
    PK_DO_IN_OWN_ENV(pk_kernels()->array.scale(x, n, factor, out));
}

/* ---- over a row ---- */

enum { CHUNK_GROUPS = 64 };
static const size_t MAX_ROW = (size_t)1 << 30;

/* A chunk of a row: whole groups, or the rest of the row, padded with -inf to a group. */
typedef struct chunk {
    const float *x;
    size_t n_groups;
    size_t first; /* index of x[0] */
    float tail[GROUP];
} chunk;

/* Moves to the next chunk; false at the end. Start with a chunk of {0}. */
static bool next_chunk(chunk *c, const float *x, size_t n) {
    const size_t first = c->first + c->n_groups * GROUP;
    if (first >= n) return false;
    c->first = first;
    const size_t whole = (n - first) / GROUP;
    if (whole > 0) {
        c->x = x + first;
        c->n_groups = whole < CHUNK_GROUPS ? whole : CHUNK_GROUPS;
        return true;
    }
    for (size_t i = 0; i < GROUP; i++) c->tail[i] = first + i < n ? x[first + i] : -INFINITY;
    c->x = c->tail;
    c->n_groups = 1;
    return true;
}

static PK_APART pluck_status find_max(const float *x, size_t n, float *max, size_t *index) {
    if (!x) return PLUCK_ERR_NULL;
    if (n < 1 || n > MAX_ROW) return PLUCK_ERR_SIZE;
    const row_kernels *k = pk_kernels()->row[PLUCK_DTYPE_F32][0];
    float best = -INFINITY;
    size_t best_group = 0;
    chunk c = {0};
    while (next_chunk(&c, x, n)) {
        float maxima[CHUNK_GROUPS];
        int64_t masked = 0;
        float least = INFINITY;
        if (!k->group_max(c.x, NULL, c.n_groups, maxima) &&
            !k->group_census(c.x, NULL, c.n_groups, &masked, &least))
            return PLUCK_ERR_NAN;
        for (size_t g = 0; g < c.n_groups; g++)
            if (maxima[g] > best) {
                best = maxima[g];
                best_group = c.first + g * GROUP;
            }
    }
    if (best == -INFINITY) return PLUCK_ERR_EMPTY;
    *max = best;
    while (x[best_group] != best) best_group++;
    *index = best_group;
    return PLUCK_OK;
}

/* The sum of exp(x - max); writes the sum of exp(x - max) (x - max) to *moment unless that is NULL.
 * max must be finite. */
static double sum_exp(const float *x, size_t n, float max, double *moment) {
    const row_kernels *k = pk_kernels()->row[PLUCK_DTYPE_F32][0];
    const exp_params p = pk_exp_params(max, 1.0);
    double sum = 0.0, weighted = 0.0;
    chunk c = {0};
    while (next_chunk(&c, x, n)) {
        double sums[CHUNK_GROUPS], moments[CHUNK_GROUPS];
        if (moment)
            k->group_moment(c.x, NULL, c.n_groups, &p, sums, moments);
        else
            k->group_sumexp(c.x, NULL, c.n_groups, &p, sums);
        double part = 0.0, part_weighted = 0.0;
        for (size_t g = 0; g < c.n_groups; g++) {
            part += sums[g];
            if (moment) part_weighted += moments[g];
        }
        sum += part;
        weighted += part_weighted;
    }
    if (moment) *moment = weighted;
    return sum;
}

static size_t count_infinite(const float *x, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += x[i] == INFINITY;
    return count;
}

pluck_status pluck_argmax(const float *x, size_t n, size_t *index) {
    if (!index) return PLUCK_ERR_NULL;
    float max;
    PK_IN_OWN_ENV(pluck_status, find_max(x, n, &max, index));
}

static PK_APART pluck_status logsumexp(const float *x, size_t n, double *result) {
    float max;
    size_t index;
    TRY(find_max(x, n, &max, &index));
    *result = max == INFINITY ? INFINITY : (double)max + log(sum_exp(x, n, max, NULL));
    return PLUCK_OK;
}

pluck_status pluck_logsumexp(const float *x, size_t n, double *result) {
    if (!result) return PLUCK_ERR_NULL;
    PK_IN_OWN_ENV(pluck_status, logsumexp(x, n, result));
}

static PK_APART pluck_status softmax(const float *x, size_t n, float *out) {
    float max;
    size_t index;
    TRY(find_max(x, n, &max, &index));
    if (max == INFINITY) {
        const float share = 1.0f / (float)count_infinite(x, n);
        for (size_t i = 0; i < n; i++) out[i] = x[i] == INFINITY ? share : 0.0f;
        return PLUCK_OK;
    }
    const array_kernels *k = &pk_kernels()->array;
    const exp_params p = pk_exp_params(max, 1.0);
    const double sum = sum_exp(x, n, max, NULL);
    k->shifted_exp(x, n, &p, out);
    k->scale(out, n, (float)(1.0 / sum), out);
    return PLUCK_OK;
}

pluck_status pluck_softmax(const float *x, size_t n, float *out) {
    if (!out) return PLUCK_ERR_NULL;
    PK_IN_OWN_ENV(pluck_status, softmax(x, n, out));
}

static PK_APART pluck_status entropy(const float *x, size_t n, double *result) {
    float max;
    size_t index;
    TRY(find_max(x, n, &max, &index));
    if (max == INFINITY) {
        *result = log((double)count_infinite(x, n));
        return PLUCK_OK;
    }
    double moment;
    const double sum = sum_exp(x, n, max, &moment);
    *result = fmax(log(sum) - moment / sum, 0.0);
    return PLUCK_OK;
}

pluck_status pluck_entropy(const float *x, size_t n, double *result) {
    if (!result) return PLUCK_ERR_NULL;
    PK_IN_OWN_ENV(pluck_status, entropy(x, n, result));
}

static PK_APART pluck_status top_k(pluck_workspace *workspace, const float *x, int32_t n, int32_t k,
                                   int32_t *ids, float *values, int32_t *n_written) {
    const pluck_row row = {.logits = x, .n = n};
    TRY(pk_workspace_begin(workspace, n, &row, false));
    view *v = &workspace->view;
    TRY(pk_view_scan(v));
    pk_view_top_k(v, k);
    TRY(pk_view_materialise(v));
    pk_view_to_logits(v);
    const list *l = pk_view_list(v);
    memcpy(ids, l->ids, (size_t)l->n * sizeof *ids);
    memcpy(values, l->x, (size_t)l->n * sizeof *values);
    *n_written = l->n;
    return PLUCK_OK;
}

pluck_status pluck_top_k(pluck_workspace *workspace, const float *x, int32_t n, int32_t k,
                         int32_t *ids, float *values, int32_t *n_written) {
    if (!workspace || !x || !ids || !values || !n_written) return PLUCK_ERR_NULL;
    if (n < 1 || k < 1 || k > n) return PLUCK_ERR_SIZE;
    if (workspace->n_vocab < n) return PLUCK_ERR_WORKSPACE;
    PK_IN_OWN_ENV(pluck_status, top_k(workspace, x, n, k, ids, values, n_written));
}

static PK_APART int32_t filter(const float *x, int32_t n, float cut, int32_t *ids, float *values) {
    if (isnan(cut)) return 0;
    const row_kernels *k = pk_kernels()->row[PLUCK_DTYPE_F32][0];
    /* With maxima of +inf no group is skipped. */
    float maxima[CHUNK_GROUPS];
    for (int i = 0; i < CHUNK_GROUPS; i++) maxima[i] = INFINITY;
    int32_t count = 0;
    chunk c = {0};
    while (n > 0 && next_chunk(&c, x, (size_t)n)) {
        if (c.x != c.tail) {
            count += k->group_collect(c.x, NULL, c.n_groups, maxima, (int32_t)c.first, cut, NAN,
                                      ids + count, values + count);
            continue;
        }
        for (int32_t i = (int32_t)c.first; i < n; i++) {
            if (!(x[i] >= cut) || x[i] == -INFINITY) continue;
            ids[count] = i;
            values[count++] = x[i];
        }
    }
    return count;
}

int32_t pluck_filter(const float *x, int32_t n, float cut, int32_t *ids, float *values) {
    if (!x || !ids || !values) return 0;
    PK_IN_OWN_ENV(int32_t, filter(x, n, cut, ids, values));
}

/* ---- llama.cpp's arrays ---- */

void pluck_token_data_fill(const float *logits, int32_t n, pluck_token_data *data) {
    if (n > 0) pk_kernels()->array.token_fill(logits, (size_t)n, 0, (int32_t *)(void *)data);
}

float pluck_kth_greatest(const float *x, int32_t n, int32_t k) {
    if (!x || k < 1 || k > n) return 0.0f;
    PK_IN_OWN_ENV(float, pk_kth_of_few(x, n, k));
}

/* ---- the last n tokens ---- */

struct pluck_token_ring {
    pluck_allocator allocator;
    size_t size;
    history *history; /* in the same allocation, after this struct */
};

pluck_status pluck_token_ring_create(pluck_token_ring **out, int32_t n,
                                     const pluck_allocator *allocator) {
    if (!out) return PLUCK_ERR_NULL;
    if (n < 1 || n > PLUCK_MAX_LAST_N) return PLUCK_ERR_SIZE;
    const pluck_allocator from = allocator ? *allocator : (pluck_allocator){0};
    if (!pk_allocator_is_whole(&from)) return PLUCK_ERR_NULL;
    const size_t head = round_up(sizeof(pluck_token_ring), 16);
    const size_t size = head + pk_history_size(n, HISTORY_COUNTS, 0);
    pluck_token_ring *ring = pk_allocate(&from, size);
    if (!ring) return PLUCK_ERR_MEMORY;
    *ring = (pluck_token_ring){from, size, (history *)(void *)((char *)ring + head)};
    pk_history_init(ring->history, n, HISTORY_COUNTS, 0);
    *out = ring;
    return PLUCK_OK;
}

void pluck_token_ring_free(pluck_token_ring *ring) {
    if (!ring) return;
    const pluck_allocator from = ring->allocator;
    pk_deallocate(&from, ring, ring->size);
}

pluck_status pluck_token_ring_push(pluck_token_ring *ring, int32_t token) {
    if (!ring) return PLUCK_ERR_NULL;
    if (token < 0) return PLUCK_ERR_TOKEN;
    pk_history_push(ring->history, token);
    return PLUCK_OK;
}

pluck_status pluck_token_ring_push_n(pluck_token_ring *ring, const int32_t *tokens, int32_t count) {
    if (!ring || (!tokens && count > 0)) return PLUCK_ERR_NULL;
    if (count < 0) return PLUCK_ERR_SIZE;
    for (int32_t i = 0; i < count; i++)
        if (tokens[i] < 0) return PLUCK_ERR_TOKEN;
    /* Tokens that would be dropped again are not pushed. */
    const int32_t capacity = ring->history->capacity;
    if (count >= capacity) {
        pk_history_clear(ring->history);
        tokens += count - capacity;
        count = capacity;
    }
    for (int32_t i = 0; i < count; i++) pk_history_push(ring->history, tokens[i]);
    return PLUCK_OK;
}

void pluck_token_ring_clear(pluck_token_ring *ring) {
    if (ring) pk_history_clear(ring->history);
}

int32_t pluck_token_ring_size(const pluck_token_ring *ring) {
    return ring ? ring->history->size : 0;
}

int32_t pluck_token_ring_back(const pluck_token_ring *ring, int32_t back) {
    if (!ring || back < 0 || back >= ring->history->size) return -1;
    return pk_history_back(ring->history, back);
}

int32_t pluck_token_ring_recent(const pluck_token_ring *ring, int32_t count, int32_t *tokens) {
    if (!ring || !tokens || count < 1) return 0;
    const int32_t n = count < ring->history->size ? count : ring->history->size;
    pk_history_recent(ring->history, n, tokens);
    return n;
}

int32_t pluck_token_ring_count(const pluck_token_ring *ring, int32_t token) {
    return ring && token >= 0 ? pk_history_count(ring->history, token) : 0;
}

int32_t pluck_token_ring_distinct(const pluck_token_ring *ring, int32_t *tokens, int32_t *counts) {
    if (!ring || !tokens || !counts) return 0;
    pk_history_ascending(ring->history, tokens, counts);
    return ring->history->n_distinct;
}

/* ---- DRY ---- */

int32_t pluck_dry_repeats(const int32_t *tokens_so_far, int32_t n, const pluck_stage_dry *dry,
                          int32_t *scratch, int32_t *tokens, int32_t *lengths) {
    if (!tokens_so_far || n < 1 || !dry || !scratch || !tokens || !lengths) return 0;
    for (int32_t i = 0; i < n; i++) scratch[i] = tokens_so_far[n - 1 - i];
    return pk_dry_repeats_once(dry, scratch, n, tokens, lengths);
}
