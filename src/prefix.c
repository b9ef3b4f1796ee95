/* prefix.c: see prefix.h. */
#include "prefix.h"

#include <float.h>

search search_for(const candidates *c, candidate_order order, double target, bool strict) {
    search s = {
        .c = c,
        .o = {c->ws->ids, c->ws->logits, order, c->centre},
        .e = candidates_exp(c),
        /* 32 nats: what lies beyond has no mass to speak of. */
        .first = {0.0f, (float)HISTOGRAM_BINS / 32.0f},
        .target = target,
        .strict = strict,
    };
    if (order == ORDER_ID) s.first.per_unit = (float)HISTOGRAM_BINS / (float)c->n_vocab;
    return s;
}

void masses(const search *s, const int32_t *index, int32_t first, int32_t n, float *e) {
    float x[GROUP];
    if (index)
        for (int32_t i = 0; i < n; i++) x[i] = s->o.x[index[i]];
    else
        memcpy(x, s->o.x + first, (size_t)n * sizeof *x);
    if (s->c->adapted)
        adaptive_masses(s->c, x, (size_t)n, e);
    else
        s->c->kernels->array.shifted_exp(x, (size_t)n, &s->e, e);
}

bool reaches(const search *s, double mass) {
    return s->strict ? mass > s->target : mass >= s->target;
}

place walk(const search *s, const int32_t *index, int32_t n, double mass) {
    place last = {index[0], mass};
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        float e[GROUP];
        masses(s, index + first, 0, count, e);
        for (int32_t i = 0; i < count; i++) {
            if (e[i] <= 0.0f) continue;
            mass += (double)e[i];
            last = (place){index[first + i], mass};
            if (reaches(s, mass)) return last;
        }
    }
    return last;
}

/*
 * Distances from the start of the order, in nats (by id: in ids), of up to GROUP candidates at
 * positions index[0..n), or first.. where index is NULL: at float's precision, monotone in the key.
 */
static void offsets(const search *s, const int32_t *index, int32_t first, int32_t n, float *out) {
    float x[GROUP];
    if (s->o.order == ORDER_ID) {
        for (int32_t i = 0; i < n; i++) out[i] = (float)s->o.ids[index ? index[i] : first + i];
        return;
    }
    if (index)
        for (int32_t i = 0; i < n; i++) x[i] = s->o.x[index[i]];
    else
        memcpy(x, s->o.x + first, (size_t)n * sizeof *x);
    const float ref = s->e.ref, scale = (float)s->c->scale;
    const double centre = s->o.centre;
    if (s->o.order == ORDER_DESCENDING)
        for (int32_t i = 0; i < n; i++) out[i] = (ref - x[i]) * scale;
    else
        for (int32_t i = 0; i < n; i++) out[i] = (float)fabs((double)x[i] - centre) * scale;
}

/* The bins of n offsets; one that is NaN (0 * inf) goes to bin 0. */
static void find_bins(const bins *b, const float *offset, int32_t n, int32_t *bin) {
    for (int32_t i = 0; i < n; i++) {
        float at = (offset[i] - b->low) * b->per_unit;
        at = at > 0.0f ? at : 0.0f;
        at = at < (float)(HISTOGRAM_BINS - 1) ? at : (float)(HISTOGRAM_BINS - 1);
        bin[i] = (int32_t)at;
    }
}

/* Adds the mass of each candidate to its bin. */
static void fill_bins(const search *s, const bins *b, const int32_t *index, int32_t n) {
    double *mass = s->c->ws->histogram;
    memset(mass, 0, HISTOGRAM_BINS * sizeof *mass);
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        float e[GROUP], offset[GROUP];
        int32_t bin[GROUP];
        const int32_t *at = index ? index + first : NULL;
        masses(s, at, first, count, e);
        offsets(s, at, first, count, offset);
        find_bins(b, offset, count, bin);
        for (int32_t i = 0; i < count; i++) mass[bin[i]] += (double)e[i];
    }
}

/* Of the n candidates those in one bin: their positions to out (which may be index), and the range
 * of their offsets. Returns how many. */
static int32_t gather_bin(const search *s, const bins *b, const int32_t *index, int32_t n,
                          int32_t wanted, int32_t *out, float *low, float *high) {
    int32_t m = 0;
    *low = FLT_MAX;
    *high = -FLT_MAX;
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        float offset[GROUP];
        int32_t bin[GROUP];
        offsets(s, index ? index + first : NULL, first, count, offset);
        find_bins(b, offset, count, bin);
        for (int32_t i = 0; i < count; i++) {
            if (bin[i] != wanted) continue;
            out[m++] = index ? index[first + i] : first + i;
            *low = offset[i] < *low ? offset[i] : *low;
            *high = offset[i] > *high ? offset[i] : *high;
        }
    }
    return m;
}

place find_prefix(const search *s, int32_t n, int32_t *index) {
    bins b = s->first;
    const int32_t *in = NULL;
    double mass = s->before;
    while (n > SHORT_LIST) {
        fill_bins(s, &b, in, n);
        const double *bin_mass = s->c->ws->histogram;
        int32_t crossing = -1;
        for (int32_t i = 0; i < HISTOGRAM_BINS; i++) {
            if (bin_mass[i] <= 0.0) continue;
            if (crossing >= 0) mass += bin_mass[crossing];
            crossing = i;
            if (reaches(s, mass + bin_mass[i])) break;
        }
        if (crossing < 0) break; /* no mass at all: the walk takes the first */
        float low, high;
        n = gather_bin(s, &b, in, n, crossing, index, &low, &high);
        in = index;
        if (!(high > low)) break; /* equal at float's precision: the sort decides */
        b = (bins){low, (float)(HISTOGRAM_BINS - 1) / (high - low)};
        /* Offsets beyond float's range would all come to one bin, again and again. */
        if (!(b.per_unit > 0.0f && b.per_unit < FLT_MAX)) break;
    }
    if (!in)
        for (int32_t i = 0; i < n; i++) index[i] = i;
    if (!is_sorted(&s->o, index, n)) sort_index(&s->o, index, n);
    return walk(s, index, n, mass);
}
