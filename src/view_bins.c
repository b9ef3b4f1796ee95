/* view_bins.c: the alive of any view by bins of x, where they are: nothing is collected. See view.h. */
#include "arithmetic.h"

#include "view_impl.h"

#include <float.h>

view_bins pk_view_bins_of(float low, float high, int32_t n) {
    PLUCK_ASSERT(low < high && n >= 1);
    const double range = (double)high - (double)low;
    /* In two steps, since the bins for a range of denormals would be too many in one unit. */
    const float unit = range < 1e-30 ? 0x1p100f : 1.0f;
    return (view_bins){low, high, unit, (float)((double)n / (range * (double)unit)), n};
}

/* The bin of low <= x <= high. */
static inline int32_t bin_of(const view_bins *b, float x) {
    const float at = (b->high - x) * b->unit * b->per_unit, last = (float)(b->n - 1);
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

/* Whether a group is all in one bin. */
static bool are_same(const int32_t *bin) {
    int32_t differ = 0;
    for (int i = 1; i < GROUP; i++) differ |= bin[i] ^ bin[0];
    return differ == 0;
}

/* Adds a group to one bin, in lanes: in one chain each would wait for the one before. */
static void add_all(const float *e, const double *moment, view_bin_mass *to) {
    double lane[4] = {0.0, 0.0, 0.0, 0.0};
    for (int i = 0; i < GROUP; i += 4)
        for (int j = 0; j < 4; j++) lane[j] += moment[i + j];
    to->mass += pk_mass_exact(e);
    to->moment += (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

void pk_view_bin_masses(view *v, const view_bins *b, view_bin_mass *bins) {
    const mass_source s = pk_view_source(v);
    const double max = (double)v->mass.max, scale = v->scale;
    PLUCK_ASSERT(cut_is_open(s.cut) && !s.adapt && b->high == v->mass.max);
    PLUCK_ASSERT(pk_mass_ref(&v->mass, &s) == v->mass.max);
    for (int32_t i = 0; i < b->n; i++) bins[i] = (view_bin_mass){0.0, 0.0};
    for (int32_t g = 0; g < s.row->n_groups; g++) {
        float x[GROUP], e[GROUP];
        double moment[GROUP];
        int32_t bin[GROUP];
        pk_row_group(s.row, g, s.cut, x);
        pk_mass_of(&v->mass, &s, x, GROUP, e);
        for (int i = 0; i < GROUP; i++) x[i] = x[i] > b->low ? x[i] : b->low;
        for (int i = 0; i < GROUP; i++) bin[i] = bin_of(b, x[i]);
        for (int i = 0; i < GROUP; i++) moment[i] = (double)e[i] * (((double)x[i] - max) * scale);
        if (are_same(bin)) {
            add_all(e, moment, &bins[bin[0]]);
            continue;
        }
        for (int i = 0; i < GROUP; i++) {
            view_bin_mass *to = &bins[bin[i]];
            to->mass += (double)e[i];
            to->moment += moment[i];
        }
    }
}

/* Writes the bins of a group's values, n if a value is in none. Without a branch, which would be
 * mispredicted for every other value. */
static void find_bins(view_bins b, const float *x, int32_t *bin) {
    const float last = (float)(b.n - 1);
    for (int i = 0; i < GROUP; i++) {
        const float in = x[i] >= b.low && x[i] <= b.high ? x[i] : b.high;
        const float at = (b.high - in) * b.unit * b.per_unit;
        const int32_t of_in = (int32_t)(at < last ? at : last);
        bin[i] = in == x[i] ? of_in : b.n;
    }
}

/* Puts a group into one bin, in lanes. */
static void put_all(const float *x, view_bin_ends *to) {
    enum { LANES = 8 };
    float least[LANES], greatest[LANES];
    for (int j = 0; j < LANES; j++) least[j] = greatest[j] = x[j];
    for (int i = LANES; i < GROUP; i += LANES)
        for (int j = 0; j < LANES; j++) {
            least[j] = x[i + j] < least[j] ? x[i + j] : least[j];
            greatest[j] = x[i + j] > greatest[j] ? x[i + j] : greatest[j];
        }
    for (int j = 0; j < LANES; j++) {
        to->least = least[j] < to->least ? least[j] : to->least;
        to->greatest = greatest[j] > to->greatest ? greatest[j] : to->greatest;
    }
    to->n += GROUP;
}

const view_bin_ends *pk_view_lease_bin_ends(view *v, const view_bins *b) {
    const mass_source s = pk_view_source(v);
    PLUCK_ASSERT(cut_is_open(s.cut) && b->n <= pk_view_alive(v) / 4);
    const size_t size = ((size_t)b->n + 1) * sizeof(view_bin_ends);
    view_bin_ends *bins =
        (void *)pk_lease_floats(v->scratch, LEASE_HISTOGRAM, size / sizeof(float));
    /* The last one is for what is in no bin. */
    for (int32_t i = 0; i <= b->n; i++) bins[i] = (view_bin_ends){0, INFINITY, -INFINITY};
    for (int32_t g = 0; g < s.row->n_groups; g++) {
        float x[GROUP];
        int32_t bin[GROUP];
        pk_row_group(s.row, g, s.cut, x);
        find_bins(*b, x, bin);
        if (are_same(bin)) {
            put_all(x, &bins[bin[0]]);
            continue;
        }
        for (int i = 0; i < GROUP; i++) {
            view_bin_ends *to = &bins[bin[i]];
            const float least = to->least, greatest = to->greatest;
            to->n++;
            to->least = x[i] < least ? x[i] : least;
            to->greatest = x[i] > greatest ? x[i] : greatest;
        }
    }
    return bins;
}

void pk_view_return_bin_ends(view *v) {
    pk_lease_return(v->scratch, LEASE_HISTOGRAM);
}

static bool all_are_filled(const uint8_t *filled, int32_t n) {
    uint8_t all = 1;
    for (int32_t i = 0; i < n; i++) all &= filled[i];
    return all;
}

bool pk_view_is_dense(view *v, float low, float high, double width) {
    enum { MOST = 4096, OFTEN = 64 };
    /* Of bins half as wide, and a little less because bins are rounded, none is empty: then no stretch
     * is as long as two. */
    const double n = ceil(2.01 * ((double)high - (double)low) / width);
    if (!(n >= 1.0 && n <= MOST)) return false;
    const mass_source s = pk_view_source(v);
    const view_bins b = pk_view_bins_of(low, high, (int32_t)n);
    uint8_t filled[MOST + 1] = {0};
    for (int32_t g = 0; g < s.row->n_groups; g++) {
        float x[GROUP];
        int32_t bin[GROUP];
        pk_row_group(s.row, g, s.cut, x);
        find_bins(b, x, bin);
        for (int i = 0; i < GROUP; i++) filled[bin[i]] = 1;
        if (g % OFTEN == 0 && all_are_filled(filled, b.n)) return true;
    }
    return all_are_filled(filled, b.n);
}
