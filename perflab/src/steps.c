/*
 * steps.c - change points by PELT, confirmed by the intervals of the medians.
 */
#include "steps.h"
#include "resolution.h"
#include "util.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- PELT --------------------------------------------------------------------------------- */

/* Sums of the values and their squares before each index. */
typedef struct sums {
    double *x, *squares;
    double variance;
} sums;

/* The cost of the segment [from, to): its squares around its mean, in units of the noise. */
static double cost(const sums *s, size_t from, size_t to) {
    const double n = (double)(to - from);
    const double x = s->x[to] - s->x[from];
    return fmax(0, s->squares[to] - s->squares[from] - x * x / n) / s->variance;
}

size_t steps_pelt(const double *x, size_t n, double sigma, double penalty, size_t *starts) {
    const size_t room = n + 1;
    sums s = {must_alloc(room * sizeof(double)), must_alloc(room * sizeof(double)), sigma * sigma};
    double *best = must_alloc(room * sizeof *best);   /* the least cost of [0, t) */
    size_t *last = must_alloc(room * sizeof *last);   /* where its last segment starts */
    size_t *alive = must_alloc(room * sizeof *alive); /* starts that may still be the best */
    size_t n_alive = 0, found = 0;
    for (size_t i = 0; i < n; i++) {
        const double d = x[i] - x[0]; /* so that squares of large numbers lose no digits */
        s.x[i + 1] = s.x[i] + d;
        s.squares[i + 1] = s.squares[i] + d * d;
    }
    best[0] = -penalty;
    for (size_t t = 1; t <= n; t++) {
        alive[n_alive++] = t - 1;
        best[t] = HUGE_VAL;
        for (size_t i = 0; i < n_alive; i++) {
            const double c = best[alive[i]] + cost(&s, alive[i], t) + penalty;
            if (c < best[t]) {
                best[t] = c;
                last[t] = alive[i];
            }
        }
        size_t kept = 0;
        for (size_t i = 0; i < n_alive; i++) {
            if (best[alive[i]] + cost(&s, alive[i], t) <= best[t]) alive[kept++] = alive[i];
        }
        n_alive = kept;
    }
    for (size_t t = n; t > 0; t = last[t]) starts[found++] = last[t];
    for (size_t i = 0; i < found / 2; i++) {
        const size_t other = starts[i];
        starts[i] = starts[found - 1 - i];
        starts[found - 1 - i] = other;
    }
    free(s.x);
    free(s.squares);
    free(best);
    free(last);
    free(alive);
    return found;
}

/* ---- Segments ----------------------------------------------------------------------------- */

/*
 * The noise of the medians, as the standard deviation of their logarithms: that within the commits
 * or, if it is larger, that from one commit to the next. The latter is known from 8 points on.
 */
static double noise_of(const step_point *points, const double *x, size_t n) {
    enum { ENOUGH = 8 };
    double *some = must_alloc((n + 1) * sizeof *some);
    for (size_t i = 0; i < n; i++) {
        const perflab_summary s = perflab_summarize(points[i].values, points[i].n);
        /* An interval of 95 % is 3.92 standard errors wide. */
        some[i] = s.has_interval ? log(s.hi / s.lo) / 3.92 : s.cv;
    }
    double sigma = fmax(0.001, perflab_median(some, n));
    if (n >= ENOUGH) {
        for (size_t i = 0; i + 1 < n; i++) some[i] = fabs(x[i + 1] - x[i]);
        /* The median of |N(0, 2 s^2)| is 0.954 s. */
        sigma = fmax(sigma, perflab_median(some, n - 1) / 0.954);
    }
    free(some);
    return sigma;
}

static perflab_summary level_of(const step_point *points, size_t first, size_t n) {
    size_t total = 0;
    for (size_t i = first; i < first + n; i++) total += points[i].n;
    double *all = must_alloc((total + 1) * sizeof *all);
    size_t at = 0;
    for (size_t i = first; i < first + n; i++) {
        memcpy(all + at, points[i].values, points[i].n * sizeof *all);
        at += points[i].n;
    }
    const perflab_summary s = perflab_summarize(all, total);
    free(all);
    return s;
}

/* How far apart two levels are, as a ratio above 1; 0 if that is not resolved. */
static double apart(const perflab_summary *a, const perflab_summary *b) {
    if (!a->has_interval || !b->has_interval) return 0;
    if (a->hi >= b->lo && b->hi >= a->lo) return 0;
    const double ratio = a->median > b->median ? a->median / b->median : b->median / a->median;
    return ratio >= 1 + PRACTICAL_GAIN ? ratio : 0;
}

/* Joins the two segments whose difference is least resolved. Returns false if all are. */
static bool join_one(const step_point *points, step_segment *s, size_t *n) {
    size_t at = *n;
    double least = HUGE_VAL;
    for (size_t i = 0; i + 1 < *n; i++) {
        const perflab_summary *a = &s[i].level, *b = &s[i + 1].level;
        if (apart(a, b) > 0) continue;
        const double off = fabs(log(a->median / b->median));
        if (off >= least) continue;
        least = off;
        at = i;
    }
    if (at == *n) return false;
    s[at].n += s[at + 1].n;
    s[at].level = level_of(points, s[at].first, s[at].n);
    memmove(&s[at + 1], &s[at + 2], (*n - at - 2) * sizeof *s);
    (*n)--;
    return true;
}

size_t steps_find(const step_point *points, size_t n, step_segment **out) {
    *out = NULL;
    if (n == 0) return 0;
    double *x = must_alloc(n * sizeof *x);
    size_t *starts = must_alloc(n * sizeof *starts);
    for (size_t i = 0; i < n; i++) x[i] = log(perflab_median(points[i].values, points[i].n));
    size_t found = steps_pelt(x, n, noise_of(points, x, n), n > 1 ? 3 * log((double)n) : 1, starts);
    step_segment *s = must_alloc(found * sizeof *s);
    for (size_t i = 0; i < found; i++) {
        s[i].first = starts[i];
        s[i].n = (i + 1 < found ? starts[i + 1] : n) - starts[i];
        s[i].level = level_of(points, s[i].first, s[i].n);
    }
    while (found > 1 && join_one(points, s, &found)) {
    }
    free(x);
    free(starts);
    *out = s;
    return found;
}
