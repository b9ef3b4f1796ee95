/* band.c: see band.h. */
#include "band.h"

enum { SAMPLE_GROUPS = 64 };

/* A range of x that holds a boundary, very likely. */
typedef struct band {
    float low, high;
} band;

/* Offset of a bin's edge as x. */
static float edge_x(const candidates *c, const bins *b, int32_t bin) {
    return (float)((double)c->ref - (double)bin / (double)b->per_unit / c->scale);
}

/*
 * From a sample of the groups: where, in descending order, the mass reaches target. The side with
 * the smaller mass is estimated, with four standard errors of room on either side. False where the
 * band would hold more than a sixth of the candidates.
 */
static bool sample_band(const candidates *c, double target, band *out) {
    if (c->n_groups < 4 * SAMPLE_GROUPS) return false;
    const search s = search_for(c, ORDER_DESCENDING, target, false);
    const bins b = s.first;
    double mass[HISTOGRAM_BINS] = {0}, squares[HISTOGRAM_BINS] = {0};
    int32_t count[HISTOGRAM_BINS] = {0};
    for (int32_t i = 0; i < SAMPLE_GROUPS; i++) {
        float x[GROUP], e[GROUP], offset[GROUP];
        int32_t bin[GROUP];
        candidates_group(c, (int32_t)((2 * i + 1) * (int64_t)c->n_groups / (2 * SAMPLE_GROUPS)), x);
        c->kernels->array.shifted_exp(x, GROUP, &s.e, e);
        for (int32_t j = 0; j < GROUP; j++) offset[j] = (s.e.ref - x[j]) * (float)c->scale;
        find_bins(&b, offset, GROUP, bin);
        for (int32_t j = 0; j < GROUP; j++) {
            /* What is masked or cut off lies in no bin. */
            if (x[j] < c->cutoff || x[j] == -INFINITY) continue;
            mass[bin[j]] += (double)e[j];
            squares[bin[j]] += (double)e[j] * (double)e[j];
            count[bin[j]]++;
        }
    }
    const double factor = (double)c->n_groups / SAMPLE_GROUPS;
    const double rest = c->sum - target;
    /* From the end with less mass: nearest and furthest edge at which `need` may be reached. */
    const bool from_top = target < rest;
    const double need = from_top ? target : rest;
    double sum = 0.0, variance = 0.0, held = 0.0;
    int32_t near = -1, far = -1;
    for (int32_t k = 0; k < HISTOGRAM_BINS && far < 0; k++) {
        const int32_t bin = from_top ? k : HISTOGRAM_BINS - 1 - k;
        const int32_t edge = from_top ? bin : bin + 1;
        if (near < 0) held = 0.0;
        sum += factor * mass[bin];
        variance += factor * factor * squares[bin];
        held += factor * count[bin];
        const double room = 3.0 * sqrt(variance);
        if (near < 0 && sum + room > need) near = edge;
        if (near >= 0 && sum - room > need) far = from_top ? bin + 1 : bin;
    }
    if (near < 0 || far < 0 || held > (double)c->n / 6.0) return false;
    const int32_t top = from_top ? near : far, bottom = from_top ? far : near;
    *out = (band){bottom >= HISTOGRAM_BINS - 1 ? -INFINITY : edge_x(c, &b, bottom),
                  top == 0 ? INFINITY : edge_x(c, &b, top)};
    return out->low < out->high;
}

bool find_in_band(candidates *c, double target, bool strict, int32_t *n, place *at) {
    pluck_workspace *ws = c->ws;
    band b;
    if (!sample_band(c, target, &b)) return false;
    search s = search_for(c, ORDER_DESCENDING, target, strict);
    s.before = candidates_mass_above(c, b.high > c->cutoff ? b.high : c->cutoff);
    if (reaches(&s, s.before)) return false;
    *n = candidates_collect(c, b.low > c->cutoff ? b.low : c->cutoff, b.high);
    if (*n == 0 || 2 * (int64_t)*n > ws->n_vocab) return false;
    if (!reaches(&s, s.before + list_mass(c, ws->logits, *n))) return false;
    const double first = b.high < INFINITY ? ((double)c->ref - (double)b.high) * c->scale : 0.0;
    const double last = b.low > -INFINITY ? ((double)c->ref - (double)b.low) * c->scale : 32.0;
    s.first = (bins){(float)first, (float)(HISTOGRAM_BINS / fmax(last - first, 1e-6))};
    *at = find_prefix(&s, *n, ws->ids + *n);
    return true;
}
