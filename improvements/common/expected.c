/*
 * expected.c: see expected.h.
 */
#include "expected.h"

#include "oracle/oracle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct expected {
    perflab_exact *by_id; /* ascending */
    int32_t *ids;         /* in candidate order */
    double *keys;         /* by which that order sorts */
    size_t n;
    int32_t token; /* -1 if the chain selects none */
    bool wild;     /* the outcome depended on a rounding, so nothing can be compared */
};

static int compare_exact(const void *a, const void *b) {
    const int32_t x = ((const perflab_exact *)a)->id;
    const int32_t y = ((const perflab_exact *)b)->id;
    return (x > y) - (x < y);
}

static int compare_entry(const void *a, const void *b) {
    const int32_t x = ((const perflab_entry *)a)->id;
    const int32_t y = ((const perflab_entry *)b)->id;
    return (x > y) - (x < y);
}

static bool keep_result(expected *e, const oracle_result *r) {
    const size_t n = (size_t)r->n;
    e->by_id = malloc((n + 1) * sizeof *e->by_id);
    e->ids = malloc((n + 1) * sizeof *e->ids);
    e->keys = malloc((n + 1) * sizeof *e->keys);
    if (e->by_id == NULL || e->ids == NULL || e->keys == NULL) return false;
    for (size_t i = 0; i < n; i++) {
        /* A candidate that is within rounding of a boundary may be missing. */
        const double slack = r->near[r->ids[i]] ? 0.0 : HUGE_VAL;
        e->by_id[i] = (perflab_exact){r->ids[i], r->logits[i], r->probabilities[i], slack};
        e->ids[i] = r->ids[i];
        e->keys[i] = r->order_keys[i];
    }
    qsort(e->by_id, n, sizeof *e->by_id, compare_exact);
    e->n = n;
    e->token = r->token;
    e->wild = r->wild;
    return true;
}

expected *expected_create(const pluck_config *config, const float *row, const int32_t *history,
                          int32_t n_history) {
    const pluck_row whole = {.logits = row, .n = config->n_vocab};
    expected *e = calloc(1, sizeof *e);
    oracle *o = oracle_create(config, config->seed);
    oracle_result result;
    bool good = e != NULL && o != NULL;
    for (int32_t i = 0; good && i < n_history; i++) oracle_accept(o, history[i]);
    good = good && oracle_sample(o, &whole, &result) == PLUCK_OK && keep_result(e, &result);
    oracle_free(o);
    if (good) return e;
    expected_free(e);
    return NULL;
}

void expected_free(expected *e) {
    if (e == NULL) return;
    free(e->by_id);
    free(e->ids);
    free(e->keys);
    free(e);
}

/* The baseline's candidates, ascending by id, with the p that the next softmax would give them. */
static void baseline_entries(const tb_array *a, perflab_entry *out) {
    double sum = 0.0;
    float max = -INFINITY;
    for (size_t i = 0; i < a->size; i++) {
        out[i] = (perflab_entry){a->data[i].id, a->data[i].logit, a->data[i].p};
        sum += (double)a->data[i].p;
        if (a->data[i].logit > max) max = a->data[i].logit;
    }
    if (sum <= 0.0) {
        for (size_t i = 0; i < a->size; i++) {
            out[i].p = (float)exp((double)out[i].logit - (double)max);
            sum += (double)out[i].p;
        }
    }
    for (size_t i = 0; i < a->size; i++) out[i].p = (float)((double)out[i].p / sum);
    qsort(out, a->size, sizeof *out, compare_entry);
}

/* At each place the same token, or one whose key differs by no more than rounding. */
static bool order_holds(perflab_ctx *ctx, const expected *e, const int32_t *ids, size_t n) {
    for (size_t i = 0; i < n && n == e->n; i++) {
        if (ids[i] == e->ids[i]) continue;
        size_t k = 0;
        while (k < n && e->ids[k] != ids[i]) k++;
        if (k < n && fabs(e->keys[k] - e->keys[i]) <= PERFLAB_TOLERANCE) continue;
        perflab_reason(ctx, "place %zu: reference id %d, candidate id %d", i, (int)e->ids[i],
                       (int)ids[i]);
        return false;
    }
    perflab_compared(ctx, n);
    return true;
}

static bool compare(perflab_ctx *ctx, const expected *e, const tb_array *baseline,
                    perflab_entry *candidate, size_t n) {
    perflab_entry *base = malloc((baseline->size + 1) * sizeof *base);
    bool good = base != NULL;
    if (good) {
        baseline_entries(baseline, base);
        qsort(candidate, n, sizeof *candidate, compare_entry);
        good = perflab_check_entries_reference(ctx, "candidates", e->by_id, e->n, base,
                                               baseline->size, candidate, n, PERFLAB_TOLERANCE);
    }
    free(base);
    return good;
}

bool expected_check(perflab_ctx *ctx, const expected *e, const tb_array *baseline,
                    const pluck_candidates *candidate, int32_t token) {
    const size_t n = (size_t)candidate->n;
    if (e->wild) {
        perflab_compared(ctx, 1);
        return true;
    }
    perflab_entry *entries = malloc((n + 1) * sizeof *entries);
    if (entries == NULL) return false;
    for (size_t i = 0; i < n; i++) {
        entries[i] =
            (perflab_entry){candidate->ids[i], candidate->logits[i], candidate->probabilities[i]};
    }
    const bool good = compare(ctx, e, baseline, entries, n) &&
                      order_holds(ctx, e, candidate->ids, n) &&
                      perflab_check_index(ctx, "token", e->token, token);
    free(entries);
    return good;
}

bool expected_check_set(perflab_ctx *ctx, const expected *e, const tb_array *baseline,
                        const int32_t *ids, const float *logits, int32_t n) {
    pluck_candidates candidate = {.ids = ids, .logits = logits, .n = n};
    float *p = malloc(((size_t)n + 1) * sizeof *p);
    if (p == NULL) return false;
    double sum = 0.0;
    double max = -HUGE_VAL;
    for (int32_t i = 0; i < n; i++) max = fmax(max, (double)logits[i]);
    for (int32_t i = 0; i < n; i++) sum += exp((double)logits[i] - max);
    for (int32_t i = 0; i < n; i++) p[i] = (float)(exp((double)logits[i] - max) / sum);
    candidate.probabilities = p;
    const bool good = expected_check(ctx, e, baseline, &candidate, -1);
    free(p);
    return good;
}
