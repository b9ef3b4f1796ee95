/* prefix.c: see prefix.h. */
#include "arithmetic.h"

#include "prefix.h"

#include <float.h>

search pk_search(mass_cache *m, const mass_source *of, const list *l, int32_t n_vocab,
                 candidate_order order, double centre, double target, bool strict) {
    PLUCK_ASSERT(order != ORDER_AS_IT_LIES && n_vocab >= 1 && !isnan(target));
    PLUCK_ASSERT(pk_mass_is_scanned(m, of) && (order != ORDER_NEAR || !isnan(centre)));
    search s = {
        .m = m,
        .of = of,
        .o = pk_list_ordering(l, order, centre),
        /* 32 nats: what is beyond has no noticeable mass. */
        .first = {0.0f, (float)HISTOGRAM_BINS / 32.0f},
        .target = target,
        .strict = strict,
    };
    if (order == ORDER_ID) s.first.per_unit = (float)HISTOGRAM_BINS / (float)n_vocab;
    return s;
}

bool pk_reaches(const search *s, double mass) {
    return s->strict ? mass > s->target : mass >= s->target;
}

/* Writes the values of up to GROUP candidates: those at positions index[0], ..., or, if index is
 * NULL, from position `first` on. */
static void values(const search *s, const int32_t *index, int32_t first, int32_t n, float *x) {
    if (index)
        for (int32_t i = 0; i < n; i++) x[i] = s->o.x[index[i]];
    else
        memcpy(x, s->o.x + first, (size_t)n * sizeof *x);
}

static void masses(const search *s, const int32_t *index, int32_t first, int32_t n, float *e) {
    float x[GROUP];
    values(s, index, first, n, x);
    pk_mass_of(s->m, s->of, x, (size_t)n, e);
}

place pk_walk(const search *s, const int32_t *index, int32_t n, double mass) {
    PLUCK_ASSERT(n > 0);
    place last = {index ? index[0] : 0, mass};
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        float e[GROUP];
        masses(s, index ? index + first : NULL, first, count, e);
        for (int32_t i = 0; i < count; i++) {
            if (e[i] <= 0.0f) continue;
            mass += (double)e[i];
            last = (place){index ? index[first + i] : first + i, mass};
            if (pk_reaches(s, mass)) return last;
        }
    }
    return last;
}

/* ---- bins ---- */

/*
 * How candidates are divided into bins: by their distance from the start of the order, in nats (for
 * ORDER_ID in ids), which usually takes one or two steps; or, if the distances are equal as floats,
 * by the bits of their keys, which takes at most three steps until only equals are left.
 */
typedef struct divider {
    bins distance;
    bool by_bits;
    uint32_t low;
    int shift;
} divider;

/* Writes float keys as integers of the same order; both zeros are equal. */
static void key_bits(const search *s, const float *x, int32_t n, uint32_t *bits) {
    float key[GROUP];
    const double centre = s->o.centre;
    if (s->o.order == ORDER_NEAR)
        for (int32_t i = 0; i < n; i++) key[i] = (float)fabs((double)x[i] - centre);
    else
        for (int32_t i = 0; i < n; i++) key[i] = 0.0f - x[i];
    for (int32_t i = 0; i < n; i++) {
        key[i] += 0.0f;
        memcpy(&bits[i], &key[i], sizeof bits[i]);
        bits[i] = bits[i] & 0x80000000u ? ~bits[i] : bits[i] | 0x80000000u;
    }
}

/* Writes distances from the start of the order, which are monotone in the key. */
static void distances(const search *s, const int32_t *index, int32_t first, int32_t n, float *out) {
    float x[GROUP];
    if (s->o.order == ORDER_ID) {
        for (int32_t i = 0; i < n; i++) out[i] = (float)s->o.ids[index ? index[i] : first + i];
        return;
    }
    values(s, index, first, n, x);
    const float ref = pk_mass_ref(s->m, s->of), scale = (float)s->of->scale;
    const double centre = s->o.centre;
    if (s->o.order == ORDER_DESCENDING)
        for (int32_t i = 0; i < n; i++) out[i] = (ref - x[i]) * scale;
    else
        for (int32_t i = 0; i < n; i++) out[i] = (float)fabs((double)x[i] - centre) * scale;
}

/* Writes the bins of up to GROUP candidates; a distance that is NaN (0 * inf) is in bin 0. */
static void find_bins(const search *s, const divider *d, const int32_t *index, int32_t first,
                      int32_t n, int32_t *bin) {
    if (d->by_bits) {
        float x[GROUP];
        uint32_t bits[GROUP];
        values(s, index, first, n, x);
        key_bits(s, x, n, bits);
        for (int32_t i = 0; i < n; i++) bin[i] = (int32_t)((bits[i] - d->low) >> d->shift);
        return;
    }
    float distance[GROUP];
    distances(s, index, first, n, distance);
    for (int32_t i = 0; i < n; i++) {
        float at = (distance[i] - d->distance.low) * d->distance.per_unit;
        at = at > 0.0f ? at : 0.0f;
        at = at < (float)(HISTOGRAM_BINS - 1) ? at : (float)(HISTOGRAM_BINS - 1);
        bin[i] = (int32_t)at;
    }
}

/* Adds the mass of each of n candidates, in the order in which they are stored, to its bin, and writes
 * the bins to bin. */
static void fill_bins_of_all(const search *s, const divider *d, int32_t n, int32_t *bin,
                             double *histogram) {
    memset(histogram, 0, HISTOGRAM_BINS * sizeof *histogram);
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        float e[GROUP];
        pk_mass_of(s->m, s->of, s->o.x + first, (size_t)count, e);
        find_bins(s, d, NULL, first, count, bin + first);
        for (int32_t i = 0; i < count; i++) histogram[bin[first + i]] += (double)e[i];
    }
}

/* Adds the mass of each of n candidates at the positions of index to its bin. */
static void fill_bins(const search *s, const divider *d, const int32_t *index, int32_t n,
                      double *histogram) {
    memset(histogram, 0, HISTOGRAM_BINS * sizeof *histogram);
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        float e[GROUP];
        int32_t bin[GROUP];
        masses(s, index + first, first, count, e);
        find_bins(s, d, index + first, first, count, bin);
        for (int32_t i = 0; i < count; i++) {
            PLUCK_ASSERT(bin[i] >= 0 && bin[i] < HISTOGRAM_BINS);
            histogram[bin[i]] += (double)e[i];
        }
    }
}

/* Writes the positions of those of n candidates that are in one bin over the bins of all, which are in
 * bin; returns how many. */
static int32_t gather_from_bins(int32_t *bin, int32_t n, int32_t wanted) {
    int32_t m = 0;
    for (int32_t i = 0; i < n; i++) {
        const bool is_wanted = bin[i] == wanted;
        bin[m] = i;
        m += is_wanted;
    }
    return m;
}

/* Leaves of n positions those that are in one bin; returns how many. */
static int32_t gather_bin(const search *s, const divider *d, int32_t *index, int32_t n,
                          int32_t wanted) {
    int32_t m = 0;
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        int32_t bin[GROUP];
        find_bins(s, d, index + first, first, count, bin);
        for (int32_t i = 0; i < count; i++) {
            index[m] = index[first + i];
            m += bin[i] == wanted;
        }
    }
    return m;
}

/* Sets *d to divide n candidates by the bits of their keys; false if all keys are the same. */
static bool divide_by_bits(const search *s, const int32_t *index, int32_t n, divider *d) {
    uint32_t low = UINT32_MAX, high = 0;
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        float x[GROUP];
        uint32_t bits[GROUP];
        values(s, index + first, 0, count, x);
        key_bits(s, x, count, bits);
        for (int32_t i = 0; i < count; i++) {
            low = bits[i] < low ? bits[i] : low;
            high = bits[i] > high ? bits[i] : high;
        }
    }
    int shift = 0;
    while ((high - low) >> shift >= HISTOGRAM_BINS) shift++;
    *d = (divider){.by_bits = true, .low = low, .shift = shift};
    return high > low;
}

/* Sets *d to divide the n candidates of one bin; false if their keys are equal. */
static bool divide(const search *s, const int32_t *index, int32_t n, divider *d) {
    if (d->by_bits) return divide_by_bits(s, index, n, d);
    float low = FLT_MAX, high = -FLT_MAX;
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        float distance[GROUP];
        distances(s, index + first, 0, count, distance);
        for (int32_t i = 0; i < count; i++) {
            low = distance[i] < low ? distance[i] : low;
            high = distance[i] > high ? distance[i] : high;
        }
    }
    const bins b = {low, (float)(HISTOGRAM_BINS - 1) / (high - low)};
    /* Distances beyond float's range, or that differ only in its last bits, would be in one bin
     * again and again. */
    d->distance = b;
    if (s->o.order == ORDER_ID) return true; /* ids always differ */
    const bool tells = high > low && b.per_unit > 0.0f && b.per_unit < FLT_MAX &&
                       high - low > 1e-4f * fmaxf(fabsf(low), fabsf(high));
    return tells || divide_by_bits(s, index, n, d);
}

/* ---- the search ---- */

/* Whether all of n candidates have the same value. */
static bool are_equal(const search *s, const int32_t *index, int32_t n) {
    const float x = s->o.x[index[0]];
    for (int32_t i = 1; i < n; i++)
        if (s->o.x[index[i]] != x) return false;
    return true;
}

/* The place at which n equals, in the order of their ids, reach the target. */
static place among_equals(const search *s, int32_t *index, int32_t n, double mass) {
    float e;
    masses(s, index, 0, 1, &e);
    int32_t k = 1;
    if (e > 0.0f) {
        const double count = (s->target - mass) / (double)e;
        k = count < n ? (int32_t)ceil(fmax(count, 1.0)) : n;
        if (!pk_reaches(s, mass + (double)k * (double)e) && k < n) k++;
    }
    const int32_t at = pk_kth_lowest_id(s->o.ids, index, n, k);
    return (place){at, mass + (double)k * (double)e};
}

/* Narrows n candidates to those of one bin, then of one bin of these, and so on; writes their
 * positions to index and returns how many there are. *mass becomes the mass before them. */
static int32_t narrow(const search *s, int32_t n, int32_t *index, double *mass) {
    divider d = {.distance = s->first};
    bool narrowed = false;
    double *histogram = pk_lease_doubles(s->m->scratch, LEASE_HISTOGRAM, HISTOGRAM_BINS);
    while (n > SHORT_LIST) {
        if (narrowed)
            fill_bins(s, &d, index, n, histogram);
        else
            fill_bins_of_all(s, &d, n, index, histogram);
        int32_t crossing = -1;
        for (int32_t i = 0; i < HISTOGRAM_BINS; i++) {
            if (histogram[i] <= 0.0) continue;
            if (crossing >= 0) *mass += histogram[crossing];
            crossing = i;
            if (pk_reaches(s, *mass + histogram[i])) break;
        }
        if (crossing < 0) break; /* there is no mass: the walk takes the first */
        n = narrowed ? gather_bin(s, &d, index, n, crossing) : gather_from_bins(index, n, crossing);
        narrowed = true;
        if (n > SHORT_LIST && !divide(s, index, n, &d)) break;
    }
    pk_lease_return(s->m->scratch, LEASE_HISTOGRAM);
    for (int32_t i = 0; !narrowed && i < n; i++) index[i] = i;
    return n;
}

/* Asserts that the mass of a place is that of all candidates at or before it, and that without it
 * the target is not reached, except by rounding. */
static void check_place(const search *s, int32_t n, place p) {
    if (!CHECKS) return;
    double before = s->before, all = before;
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        float e[GROUP];
        masses(s, NULL, first, count, e);
        for (int32_t i = 0; i < count; i++) {
            const int32_t at = first + i;
            if (pk_order_before(&s->o, at, p.at)) before += (double)e[i];
            if (!pk_order_before(&s->o, p.at, at)) all += (double)e[i];
        }
    }
    PLUCK_ASSERT(fabs(all - p.mass) <= 1e-5 * all + 1e-30);
    PLUCK_ASSERT(before <= s->target + 1e-5 * all || p.mass <= s->before);
}

place pk_find_prefix(const search *s, int32_t n) {
    PLUCK_ASSERT(n > 0 && s->before >= 0.0);
    int32_t *index = pk_lease_ints(s->m->scratch, LEASE_INDEX, (size_t)n);
    double mass = s->before;
    const int32_t left = narrow(s, n, index, &mass);
    place found;
    if (left > SHORT_LIST && are_equal(s, index, left)) {
        found = among_equals(s, index, left, mass);
    } else {
        if (!pk_is_sorted(&s->o, index, left)) pk_sort_index(&s->o, index, left);
        found = pk_walk(s, index, left, mass);
    }
    pk_lease_return(s->m->scratch, LEASE_INDEX);
    PLUCK_ASSERT(found.at >= 0 && found.at < n && found.mass >= s->before);
    check_place(s, n, found);
    return found;
}
