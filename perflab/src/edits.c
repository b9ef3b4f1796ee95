/*
 * edits.c - random changes, mostly to values that code tends to get wrong.
 */
#include "edits.h"
#include "util.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t width_of(perflab_type type) {
    static const size_t width[] = {1, 4, 4, 8, 8, 4, 8};
    return width[type];
}

static uint64_t bits_of_float(double x, perflab_type type) {
    uint64_t bits = 0;
    const float single = (float)x;
    if (type == PERFLAB_F32) {
        memcpy(&bits, &single, sizeof single);
    } else {
        memcpy(&bits, &x, sizeof x);
    }
    return bits;
}

/* Finite values only: a benchmark that allows others fills them in itself. */
static uint64_t float_value(perflab_type type, perflab_rng *rng) {
    const bool single = type == PERFLAB_F32;
    const double large = single ? (double)FLT_MAX : DBL_MAX;
    const double small = single ? (double)FLT_TRUE_MIN : DBL_TRUE_MIN;
    const double step = single ? (double)FLT_EPSILON : DBL_EPSILON;
    const double edges[] = {0, -0.0, 1, -1, 1 + step, large, -large, small, -small, 0.5, 1e6, -1e6};
    enum { EDGES = sizeof edges / sizeof *edges };
    const uint64_t which = perflab_rng_u64(rng) % (EDGES + 4);
    return bits_of_float(which < EDGES ? edges[which] : 10 * perflab_rng_normal(rng), type);
}

static uint64_t integer_value(perflab_type type, perflab_rng *rng) {
    const unsigned bits = 8 * (unsigned)width_of(type);
    const uint64_t top = (uint64_t)1 << (bits - 1), mask = top | (top - 1);
    const uint64_t edges[] = {
        0,   1,   2,  (uint64_t)0 - 1, (uint64_t)0 - 2, top, top + 1, top - 1, 0x7f, 0x80, '\n',
        ' ', '0', '"'};
    enum { EDGES = sizeof edges / sizeof *edges };
    const uint64_t which = perflab_rng_u64(rng) % (EDGES + 6);
    if (which < EDGES) return edges[which] & mask;
    if (which < EDGES + 3) return perflab_rng_u64(rng) % 256 & mask;
    return perflab_rng_u64(rng) & mask;
}

void edits_mutate(edit_list *list, const perflab_region *regions, size_t n, perflab_rng *rng) {
    if (n == 0) return;
    edit e = {.region = (size_t)(perflab_rng_u64(rng) % n)};
    const perflab_region *r = &regions[e.region];
    e.index = (size_t)(perflab_rng_u64(rng) % r->n);
    e.copy = perflab_rng_u64(rng) % 4 == 0;
    if (e.copy) {
        e.value = perflab_rng_u64(rng) % r->n;
    } else {
        const bool real = r->type == PERFLAB_F32 || r->type == PERFLAB_F64;
        e.value = real ? float_value(r->type, rng) : integer_value(r->type, rng);
    }
    /* A full list loses a random one of its changes. */
    const size_t at =
        list->n < MOST_EDITS ? list->n++ : (size_t)(perflab_rng_u64(rng) % MOST_EDITS);
    list->all[at] = e;
}

void edits_apply(const edit_list *list, const perflab_region *regions, size_t n) {
    for (size_t i = 0; i < list->n; i++) {
        const edit *e = &list->all[i];
        if (e->region >= n || e->index >= regions[e->region].n) continue;
        const perflab_region *r = &regions[e->region];
        const size_t width = width_of(r->type);
        unsigned char *to = (unsigned char *)r->p + e->index * width;
        if (!e->copy) {
            memcpy(to, &e->value, width); /* little-endian, as all that perflab runs on */
        } else if (e->value < r->n) {
            memmove(to, (unsigned char *)r->p + e->value * width, width);
        }
    }
}

static void add_value(text_buffer *out, perflab_type type, uint64_t bits) {
    float single;
    double real;
    int32_t i32;
    switch (type) {
    case PERFLAB_F32:
        memcpy(&single, &bits, sizeof single);
        text_add(out, "%.9g", (double)single);
        break;
    case PERFLAB_F64:
        memcpy(&real, &bits, sizeof real);
        text_add(out, "%.17g", real);
        break;
    case PERFLAB_I32:
        memcpy(&i32, &bits, sizeof i32);
        text_add(out, "%" PRId32, i32);
        break;
    case PERFLAB_I64:
        text_add(out, "%" PRId64, (int64_t)bits);
        break;
    default:
        text_add(out, "%" PRIu64, bits);
        break;
    }
}

char *edits_text(const edit_list *list, const perflab_region *regions, size_t n) {
    text_buffer out = {0};
    text_add(&out, "%s", "");
    for (size_t i = 0; i < list->n; i++) {
        const edit *e = &list->all[i];
        if (e->region >= n || e->index >= regions[e->region].n) continue;
        text_add(&out, "%sinput %zu[%zu] = ", out.length > 0 ? ", " : "", e->region + 1, e->index);
        if (e->copy) {
            text_add(&out, "its [%" PRIu64 "]", e->value);
        } else {
            add_value(&out, regions[e->region].type, e->value);
        }
    }
    return out.text;
}

cJSON *edits_json(const edit_list *list) {
    cJSON *all = cJSON_CreateArray();
    for (size_t i = 0; i < list->n; i++) {
        const edit *e = &list->all[i];
        char text[80];
        snprintf(text, sizeof text, "%zu %zu %d %" PRIx64, e->region, e->index, e->copy, e->value);
        cJSON_AddItemToArray(all, cJSON_CreateString(text));
    }
    return all;
}

void edits_read(const cJSON *json, edit_list *list) {
    const cJSON *one;
    list->n = 0;
    cJSON_ArrayForEach(one, json) {
        char *at = cJSON_GetStringValue(one);
        if (at == NULL || list->n == MOST_EDITS) continue;
        edit *e = &list->all[list->n++];
        e->region = strtoul(at, &at, 10);
        e->index = strtoul(at, &at, 10);
        e->copy = strtoul(at, &at, 10) != 0;
        e->value = strtoull(at, &at, 16);
    }
}
