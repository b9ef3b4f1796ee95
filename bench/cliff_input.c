/*
 * cliff_input.c: makes the input of a shape: its row in a dtype, its mask or its list.
 */
#include "cliff_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef PLUCK_BENCH_MASKS
#define PLUCK_BENCH_MASKS "data/grammar-masks-152k.npy"
#endif

/* The file of recorded masks: .npy, version 1.0, uint32, [2, 4748]: a JSON string's mask, then
 * [a-z_]*'s. */
enum { RECORDED_TOKENS = 151936, RECORDED_WORDS = 4748, NPY_HEADER = 128 };

static bool is_set(const uint32_t *words, int32_t token) {
    return (words[token / 32] >> (token % 32) & 1u) != 0;
}

static void set(uint32_t *words, int32_t token, bool on) {
    if (on) words[token / 32] |= 1u << (token % 32);
}

/* The recorded mask for n tokens; a larger vocabulary repeats it from its start. */
static bool recorded_mask(cliff_mask mask, uint32_t *words, int32_t n) {
    uint32_t recorded[RECORDED_WORDS];
    FILE *file = fopen(PLUCK_BENCH_MASKS, "rb");
    const long at = NPY_HEADER + (mask == MASK_IDENTIFIER ? (long)sizeof recorded : 0L);
    const bool good = file != NULL && fseek(file, at, SEEK_SET) == 0 &&
                      fread(recorded, sizeof recorded, 1, file) == 1;
    if (file != NULL) fclose(file);
    if (!good) {
        fprintf(stderr, "%s: cannot be read\n", PLUCK_BENCH_MASKS);
        return false;
    }
    for (int32_t t = 0; t < n; t++) set(words, t, is_set(recorded, t % RECORDED_TOKENS));
    return true;
}

/* Runs of 64 to 1,000 allowed tokens, with gaps of such length that `part` of all are allowed. */
static void mask_of_runs(rows_random *r, double part, uint32_t *words, int32_t n) {
    for (int32_t t = (int32_t)rows_below(r, 100); t < n;) {
        const int32_t run = 64 + (int32_t)rows_below(r, 937);
        for (int32_t i = 0; i < run && t < n; i++) set(words, t++, true);
        t += (int32_t)(run * (1 - part) / part);
    }
}

static bool fill_mask(const cliff_shape *shape, rows_random *r, uint32_t *words, int32_t n) {
    memset(words, 0, ((size_t)n + 31) / 32 * sizeof *words);
    if (shape->mask == MASK_RUNS) {
        mask_of_runs(r, shape->part, words, n);
    } else if (shape->mask == MASK_SCATTERED) {
        for (int32_t t = 0; t < n; t++) set(words, t, rows_uniform(r) < shape->part);
        set(words, (int32_t)rows_below(r, (uint32_t)n), true);
    } else {
        return recorded_mask(shape->mask, words, n);
    }
    return true;
}

/* Makes the row with -inf at its masked tokens, as a caller without masks would write it. */
static bool mask_row(cliff_input *in) {
    float *row = malloc((size_t)in->n * sizeof *row);
    in->masked_logits = malloc((size_t)in->n * rows_element_size(in->dtype));
    if (row != NULL && in->masked_logits != NULL) {
        for (int32_t i = 0; i < in->n; i++) {
            row[i] = is_set(in->allowed, i) ? in->values[i] : -INFINITY;
        }
        rows_store(in->dtype, row, in->masked_logits, in->n);
    }
    const bool good = row != NULL && in->masked_logits != NULL;
    free(row);
    return good;
}

/* qsort passes no context, so each item sorted has its logit. */
typedef struct pair {
    float logit;
    int32_t id;
} pair;

static int by_logit(const void *a, const void *b) {
    const pair *x = a;
    const pair *y = b;
    if (x->logit != y->logit) return x->logit < y->logit ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Makes the list: its tokens, and their logits in its order. */
static bool fill_list(cliff_input *in) {
    in->ids = malloc((size_t)in->n * sizeof *in->ids);
    pair *pairs = malloc((size_t)in->n * sizeof *pairs);
    if (in->ids != NULL && pairs != NULL) {
        rows_ids(7, in->n_vocab, in->ids, in->n, in->shape->list == LIST_BY_ID);
        for (int32_t i = 0; i < in->n; i++) pairs[i] = (pair){in->values[i], in->ids[i]};
        if (in->shape->list == LIST_BY_LOGIT) {
            qsort(pairs, (size_t)in->n, sizeof *pairs, by_logit);
        }
        for (int32_t i = 0; i < in->n; i++) {
            in->ids[i] = pairs[i].id;
            in->values[i] = pairs[i].logit;
        }
    }
    const bool good = in->ids != NULL && pairs != NULL;
    free(pairs);
    return good;
}

/* Makes the second row: the logits of the first, by token, so that guidance leaves what there was;
 * a finite number where there is none. */
static bool fill_second(cliff_input *in) {
    float *row = malloc((size_t)in->n_vocab * sizeof *row);
    in->second = malloc((size_t)in->n_vocab * rows_element_size(in->dtype));
    const bool good = row != NULL && in->second != NULL;
    for (int32_t i = 0; good && i < in->n_vocab; i++) row[i] = -1;
    for (int32_t i = 0; good && i < in->n; i++) {
        const float x = in->values[i];
        row[in->ids != NULL ? in->ids[i] : i] = isfinite(x) ? x : 0;
    }
    if (good) rows_store(in->dtype, row, in->second, in->n_vocab);
    free(row);
    return good;
}

static bool fill_input(cliff_input *in) {
    rows_random random = {(uint64_t)(in->shape - cliff_shapes) * 7919u + 1};
    const size_t padded = ((size_t)in->n + 63) / 64 * 64;
    in->values = aligned_alloc(64, padded * sizeof *in->values);
    in->logits = aligned_alloc(64, padded * sizeof *in->values);
    if (in->values == NULL || in->logits == NULL) return false;
    in->shape->fill(&random, in->values, in->n);
    if (in->shape->list != LIST_NONE && !fill_list(in)) return false;
    rows_store(in->dtype, in->values, in->logits, in->n);
    if (!fill_second(in)) return false;
    if (in->shape->mask == MASK_NONE) return true;
    in->allowed = malloc(((size_t)in->n + 31) / 32 * sizeof *in->allowed);
    return in->allowed != NULL && fill_mask(in->shape, &random, in->allowed, in->n) && mask_row(in);
}

bool cliff_input_make(cliff_input *out, const cliff_shape *shape, int32_t n_vocab,
                      pluck_dtype dtype) {
    cliff_input in = {.shape = shape, .n_vocab = n_vocab, .n = n_vocab, .dtype = dtype};
    if (shape->list != LIST_NONE) in.n = 1 + (int32_t)(shape->part * (n_vocab - 1));
    if (!fill_input(&in)) {
        fprintf(stderr, "bench-cliffs: cannot make the row '%s'\n", shape->name);
        cliff_input_free(&in);
        return false;
    }
    *out = in;
    return true;
}

void cliff_input_free(cliff_input *input) {
    free(input->values);
    free(input->logits);
    free(input->second);
    free(input->ids);
    free(input->allowed);
    free(input->masked_logits);
    *input = (cliff_input){0};
}
