/* view_bins.c: the alive of any view by bins of x, where they are: nothing is collected. See view.h. */
#include "arithmetic.h"

#include "view_impl.h"

#include <float.h>

view_bins pk_view_bins_of(float low, float high, int32_t n) {
    const float per_unit = (float)((double)n / ((double)high - (double)low));
    PLUCK_ASSERT(low < high && n >= 1);
    return (view_bins){low, high, isfinite(per_unit) ? per_unit : FLT_MAX, n};
}

/* The bin of low <= x <= high, without a branch. */
static inline int32_t bin_of(const view_bins *b, float x) {
    const float at = (b->high - x) * b->per_unit, last = (float)(b->n - 1);
    return (int32_t)(at < last ? at : last);
}

float pk_view_bin_floor(const view_bins *b, int32_t bin) {
    if (bin_of(b, b->low) <= bin) return -INFINITY;
    /* Halves the floats between one in a bin behind it and one that is not. */
    int64_t out = float_key(b->low), in = float_key(b->high);
    while (in - out > 1) {
        const int64_t between = out + (in - out) / 2;
        if (bin_of(b, key_float((int32_t)between)) <= bin)
            in = between;
        else
            out = between;
    }
    return key_float((int32_t)in);
}

void pk_view_bin_masses(view *v, const view_bins *b, view_bin_mass *bins) {
    const mass_source s = pk_view_source(v);
    const double max = (double)v->mass.max, scale = v->scale;
    PLUCK_ASSERT(cut_is_open(s.cut) && !s.adapt && b->high == v->mass.max);
    PLUCK_ASSERT(pk_mass_ref(&v->mass, &s) == v->mass.max);
    for (int32_t i = 0; i < b->n; i++) bins[i] = (view_bin_mass){0.0, 0.0};
    for (int32_t g = 0; g < s.row->n_groups; g++) {
        float x[GROUP], e[GROUP];
        int32_t bin[GROUP];
        pk_row_group(s.row, g, s.cut, x);
        pk_mass_of(&v->mass, &s, x, GROUP, e);
        for (int i = 0; i < GROUP; i++) x[i] = x[i] > b->low ? x[i] : b->low;
        for (int i = 0; i < GROUP; i++) bin[i] = bin_of(b, x[i]);
        for (int i = 0; i < GROUP; i++) {
            view_bin_mass *to = &bins[bin[i]];
            to->mass += (double)e[i];
            to->moment += (double)e[i] * (((double)x[i] - max) * scale);
        }
    }
}

void pk_view_bin_ends(view *v, const view_bins *b, view_bin_ends *bins) {
    const mass_source s = pk_view_source(v);
    PLUCK_ASSERT(cut_is_open(s.cut));
    /* The last one is for what is in no bin. */
    for (int32_t i = 0; i <= b->n; i++) bins[i] = (view_bin_ends){0, INFINITY, -INFINITY};
    for (int32_t g = 0; g < s.row->n_groups; g++) {
        float x[GROUP];
        int32_t bin[GROUP];
        pk_row_group(s.row, g, s.cut, x);
        for (int i = 0; i < GROUP; i++) {
            const float in = x[i] >= b->low && x[i] <= b->high ? x[i] : b->high;
            bin[i] = in == x[i] ? bin_of(b, in) : b->n;
        }
        for (int i = 0; i < GROUP; i++) {
            view_bin_ends *to = &bins[bin[i]];
            to->n++;
            to->least = x[i] < to->least ? x[i] : to->least;
            to->greatest = x[i] > to->greatest ? x[i] : to->greatest;
        }
    }
}
