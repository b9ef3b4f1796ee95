/* batch_rows.c: see batch_rows.h. */
#include "batch_rows.h"

#include <math.h>
#include <string.h>

/* The row as one type, side by side. */
static void make_plain(batch_case *c, pluck_row *row, rows_random *r, uint64_t seed) {
    rows_fill((rows_kind)(seed % ROWS_KINDS), seed, c->logits, BATCH_N);
    row->logits = c->logits;
    row->dtype = (pluck_dtype)rows_below(r, 3);
    if (row->dtype == PLUCK_DTYPE_F32) return;
    for (int32_t i = 0; i < BATCH_N; ++i) {
        uint32_t bits;
        /* What float16 cannot hold would be infinite: small numbers for both. */
        const float x = isfinite(c->logits[i]) ? fmodf(c->logits[i], 50.0f) : c->logits[i];
        memcpy(&bits, &x, sizeof bits);
        c->half[i] = (uint16_t)(bits >> 16);
    }
    row->logits = c->half;
    row->dtype = PLUCK_DTYPE_BF16;
}

static void make_list(batch_case *c, pluck_row *row, rows_random *r) {
    row->n = 1 + (int32_t)rows_below(r, BATCH_N);
    const uint32_t step = 7u * (1 + rows_below(r, 50)) + 1; /* 1500 = 2 2 3 5 5 5 */
    uint32_t at = rows_below(r, BATCH_N), n = 0;
    bool seen[BATCH_N] = {false};
    for (; (int32_t)n < row->n && !seen[at]; at = (at + step) % BATCH_N) {
        seen[at] = true;
        c->ids[n++] = (int32_t)at;
    }
    row->n = (int32_t)n;
    row->ids = c->ids;
}

/* The same row with a stride. */
static void make_strided(batch_case *c, pluck_batch_row *row, rows_random *r) {
    static const int64_t strides[] = {0, 1, 2, 3, -1, -3};
    row->stride = strides[rows_below(r, 6)];
    if (row->stride == 0 || row->stride == 1) return;
    const size_t element = rows_element_size(row->row.dtype);
    const int64_t n = row->row.ids ? row->row.n : BATCH_N;
    char *first =
        row->stride > 0 ? c->spread : c->spread + (n - 1) * -row->stride * (int64_t)element;
    for (int64_t i = 0; i < n; ++i)
        memcpy(first + i * row->stride * (int64_t)element,
               (const char *)row->row.logits + i * (int64_t)element, element);
    row->row.logits = first;
}

static void fill(batch_case *c, pluck_batch_row *row, uint64_t seed) {
    rows_random r = {seed * 77 + 5};
    row->row = (pluck_row){0};
    make_plain(c, &row->row, &r, seed);
    const rows_mask_kind mask = (rows_mask_kind)rows_below(&r, ROWS_MASKS);
    if (rows_below(&r, 4) == 0) {
        make_list(c, &row->row, &r);
    } else if (mask != ROWS_MASK_NONE) {
        rows_mask(mask, seed, c->logits, c->allowed, BATCH_N);
        row->row.allowed = c->allowed;
    }
    c->as_one = row->row;
    make_strided(c, row, &r);
}

void batch_rows_make(batch_case *cases, pluck_batch_row *rows, int32_t n, uint64_t seed) {
    for (int32_t i = 0; i < n; ++i) {
        random_chain_make(&cases[i].chain, seed * 1000 + (uint64_t)i, BATCH_N);
        rows[i] = (pluck_batch_row){.accept = true};
        assert_int_equal(pluck_sampler_create(&rows[i].sampler, &cases[i].chain.config), PLUCK_OK);
        assert_int_equal(pluck_sampler_clone(&cases[i].twin, rows[i].sampler), PLUCK_OK);
    }
    batch_rows_refill(cases, rows, n, seed);
}

void batch_rows_refill(batch_case *cases, pluck_batch_row *rows, int32_t n, uint64_t seed) {
    for (int32_t i = 0; i < n; ++i) fill(&cases[i], &rows[i], seed * 31 + (uint64_t)i);
}

void batch_rows_free(batch_case *cases, pluck_batch_row *rows, int32_t n) {
    for (int32_t i = 0; i < n; ++i) {
        pluck_sampler_free(cases[i].twin);
        pluck_sampler_free(rows[i].sampler);
    }
}

pluck_batch_out batch_results_ask(batch_results *r) {
    memset(r, 0, sizeof *r);
    return (pluck_batch_out){
        .statuses = r->statuses,
        .errors = r->errors,
        .tokens = r->tokens,
        .draws = r->draws,
        .kept = {BATCH_N, r->offsets, r->kept, r->probabilities},
        .raw = {r->raw_token, BATCH_TOP, r->raw_ids, r->raw_logprobs},
        .processed = {r->token, BATCH_TOP, r->ids, r->logprobs},
    };
}

#define ASSERT_SAME(member, n) assert_memory_equal(a->member, b->member, (n) * sizeof *a->member)

void batch_results_assert_same(const batch_results *a, const batch_results *b, int32_t n) {
    const size_t rows = (size_t)n, tops = rows * BATCH_TOP, kept = (size_t)a->offsets[n];
    ASSERT_SAME(statuses, rows);
    ASSERT_SAME(errors, rows);
    ASSERT_SAME(tokens, rows);
    ASSERT_SAME(draws, rows);
    ASSERT_SAME(offsets, rows + 1);
    ASSERT_SAME(kept, kept);
    ASSERT_SAME(probabilities, kept);
    ASSERT_SAME(raw_token, rows);
    ASSERT_SAME(raw_ids, tops);
    ASSERT_SAME(raw_logprobs, tops);
    ASSERT_SAME(token, rows);
    ASSERT_SAME(ids, tops);
    ASSERT_SAME(logprobs, tops);
}
