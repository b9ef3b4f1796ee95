/*
 * check.c - the validators of perflab.h.
 *
 * A check that fails names the output, the first index that differs and both values. perflab adds
 * size, input and seed, so that the case can be repeated.
 */
#include "host.h"
#include "stat.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Whether both are NaN, or the same infinity, or finite and within the tolerance. */
static bool close_to(double got, double expected, double abs_tol, double rel_tol) {
    if (isnan(expected) || isnan(got)) return isnan(expected) && isnan(got);
    if (isinf(expected) || isinf(got)) return expected == got;
    return fabs(got - expected) <= abs_tol + rel_tol * fabs(expected);
}

/* The error to record: relative for large values, absolute for small ones. */
static double error_of(double got, double expected) {
    if (close_to(got, expected, 0, 0)) return 0;
    if (!isfinite(got) || !isfinite(expected)) return INFINITY;
    return fabs(got - expected) / fmax(1, fabs(expected));
}

static void note_error(double *worst, double error) {
    if (error > *worst) *worst = error;
}

static bool same_size(perflab_ctx *ctx, const char *what, size_t baseline, size_t candidate) {
    if (baseline == candidate) return true;
    perflab_reason(ctx, "%s: baseline has %zu entries, candidate %zu", what, baseline, candidate);
    return false;
}

bool perflab_check_ids(perflab_ctx *ctx, const char *what, const int32_t *baseline,
                       const int32_t *candidate, size_t n) {
    perflab_compared(ctx, n);
    for (size_t i = 0; i < n; i++) {
        if (baseline[i] == candidate[i]) continue;
        perflab_reason(ctx, "%s[%zu]: baseline %" PRId32 ", candidate %" PRId32, what, i,
                       baseline[i], candidate[i]);
        return false;
    }
    return true;
}

bool perflab_check_bytes(perflab_ctx *ctx, const char *what, const void *baseline,
                         const void *candidate, size_t n) {
    const unsigned char *b = baseline;
    const unsigned char *c = candidate;
    perflab_compared(ctx, n);
    for (size_t i = 0; i < n; i++) {
        if (b[i] == c[i]) continue;
        perflab_reason(ctx, "%s: byte %zu: baseline 0x%02x, candidate 0x%02x", what, i,
                       (unsigned)b[i], (unsigned)c[i]);
        return false;
    }
    return true;
}

bool perflab_check_index(perflab_ctx *ctx, const char *what, int64_t baseline, int64_t candidate) {
    perflab_compared(ctx, 1);
    if (baseline == candidate) return true;
    perflab_reason(ctx, "%s: baseline %" PRId64 ", candidate %" PRId64, what, baseline, candidate);
    return false;
}

bool perflab_check_floats(perflab_ctx *ctx, const char *what, const float *baseline,
                          const float *candidate, size_t n, double abs_tol, double rel_tol) {
    perflab_compared(ctx, n);
    for (size_t i = 0; i < n; i++) {
        const double b = (double)baseline[i];
        const double c = (double)candidate[i];
        if (close_to(c, b, abs_tol, rel_tol)) continue;
        perflab_reason(ctx, "%s[%zu]: baseline %.9g, candidate %.9g, apart %.3g", what, i, b, c,
                       fabs(b - c));
        return false;
    }
    return true;
}

bool perflab_check_doubles(perflab_ctx *ctx, const char *what, const double *baseline,
                           const double *candidate, size_t n, double abs_tol, double rel_tol) {
    perflab_compared(ctx, n);
    for (size_t i = 0; i < n; i++) {
        if (close_to(candidate[i], baseline[i], abs_tol, rel_tol)) continue;
        perflab_reason(ctx, "%s[%zu]: baseline %.17g, candidate %.17g, apart %.3g", what, i,
                       baseline[i], candidate[i], fabs(baseline[i] - candidate[i]));
        return false;
    }
    return true;
}

bool perflab_check_reference(perflab_ctx *ctx, const char *what, const double *reference,
                             const float *baseline, const float *candidate, size_t n,
                             double abs_tol, double rel_tol) {
    perflab_host *host = ctx->host;
    bool good = true;
    perflab_compared(ctx, n);
    for (size_t i = 0; i < n; i++) {
        const double r = reference[i];
        const double b = (double)baseline[i];
        const double c = (double)candidate[i];
        note_error(&host->baseline_error, error_of(b, r));
        note_error(&host->candidate_error, error_of(c, r));
        if (!good || close_to(c, r, abs_tol, rel_tol)) continue;
        perflab_reason(ctx, "%s[%zu]: reference %.17g, candidate %.9g (baseline %.9g)", what, i, r,
                       c, b);
        good = false;
    }
    return good;
}

bool perflab_check_entries(perflab_ctx *ctx, const char *what, const perflab_entry *baseline,
                           size_t n_baseline, const perflab_entry *candidate, size_t n_candidate,
                           double tol) {
    perflab_compared(ctx, 1);
    if (!same_size(ctx, what, n_baseline, n_candidate)) return false;
    perflab_compared(ctx, 3 * n_baseline);
    for (size_t i = 0; i < n_baseline; i++) {
        const perflab_entry *b = &baseline[i];
        const perflab_entry *c = &candidate[i];
        if (b->id != c->id) {
            perflab_reason(ctx, "%s[%zu].id: baseline %" PRId32 ", candidate %" PRId32, what, i,
                           b->id, c->id);
            return false;
        }
        if (!close_to((double)c->logit, (double)b->logit, tol, 0)) {
            perflab_reason(ctx, "%s[%zu].logit: baseline %.9g, candidate %.9g", what, i,
                           (double)b->logit, (double)c->logit);
            return false;
        }
        if (!close_to((double)c->p, (double)b->p, tol, 0)) {
            perflab_reason(ctx, "%s[%zu].p: baseline %.9g, candidate %.9g", what, i, (double)b->p,
                           (double)c->p);
            return false;
        }
    }
    return true;
}

/* The position of an id in the reference. */
typedef struct position {
    int32_t id;
    size_t at;
} position;

static int by_id(const void *a, const void *b) {
    const int32_t x = ((const position *)a)->id;
    const int32_t y = ((const position *)b)->id;
    return (x > y) - (x < y);
}

static const perflab_exact *look_up(const perflab_exact *reference, const position *index, size_t n,
                                    int32_t id) {
    const position key = {id, 0};
    const position *found = bsearch(&key, index, n, sizeof *index, by_id);
    return found == NULL ? NULL : &reference[found->at];
}

/* The largest error of the baseline, in values and in which entries it lists. */
static double baseline_error(const perflab_exact *reference, const position *index, size_t n,
                             const perflab_entry *baseline, size_t n_baseline, bool *present) {
    double worst = 0;
    for (size_t i = 0; i < n_baseline; i++) {
        const perflab_exact *r = look_up(reference, index, n, baseline[i].id);
        if (r == NULL) continue;
        present[r - reference] = true;
        note_error(&worst, error_of((double)baseline[i].logit, r->logit));
        note_error(&worst, error_of((double)baseline[i].p, r->p));
        if (r->slack < 0) note_error(&worst, -r->slack);
    }
    for (size_t i = 0; i < n; i++) {
        if (!present[i] && reference[i].slack >= 0 && isfinite(reference[i].slack)) {
            note_error(&worst, reference[i].slack);
        }
    }
    return worst;
}

/* Whether an entry of the candidate agrees with its reference r (NULL: it has none). */
static bool entry_holds(perflab_ctx *ctx, const char *what, size_t i, const perflab_entry *c,
                        const perflab_exact *r, double tol, double grant) {
    if (r == NULL) {
        perflab_reason(ctx, "%s[%zu]: candidate lists id %" PRId32 ", the reference does not", what,
                       i, c->id);
        return false;
    }
    note_error(&ctx->host->candidate_error, error_of((double)c->logit, r->logit));
    note_error(&ctx->host->candidate_error, error_of((double)c->p, r->p));
    if (!close_to((double)c->logit, r->logit, tol, tol)) {
        perflab_reason(ctx, "%s[%zu].logit of id %" PRId32 ": reference %.17g, candidate %.9g",
                       what, i, c->id, r->logit, (double)c->logit);
        return false;
    }
    if (!close_to((double)c->p, r->p, tol, 0)) {
        perflab_reason(ctx, "%s[%zu].p of id %" PRId32 ": reference %.17g, candidate %.9g", what, i,
                       c->id, r->p, (double)c->p);
        return false;
    }
    if (r->slack < -grant) {
        perflab_reason(ctx, "%s[%zu]: id %" PRId32 " is %.3g outside the boundary, granted %.3g",
                       what, i, c->id, -r->slack, grant);
        return false;
    }
    return true;
}

static bool entries_hold(perflab_ctx *ctx, const char *what, const perflab_exact *reference,
                         const position *index, size_t n, const perflab_entry *candidate,
                         size_t n_candidate, bool *present, double tol, double grant) {
    const perflab_exact *last = NULL;
    for (size_t i = 0; i < n_candidate; i++) {
        const perflab_exact *r = look_up(reference, index, n, candidate[i].id);
        if (!entry_holds(ctx, what, i, &candidate[i], r, tol, grant)) return false;
        if (present[r - reference]) {
            perflab_reason(ctx, "%s[%zu]: candidate lists id %" PRId32 " twice", what, i,
                           candidate[i].id);
            return false;
        }
        present[r - reference] = true;
        if (last != NULL && r < last && fabs(r->logit - last->logit) > tol) {
            perflab_reason(ctx,
                           "%s[%zu]: id %" PRId32 " comes after id %" PRId32
                           ", but before it in the reference",
                           what, i, r->id, last->id);
            return false;
        }
        if (last == NULL || r > last) last = r;
    }
    for (size_t i = 0; i < n; i++) {
        if (present[i] || reference[i].slack <= grant) continue;
        perflab_reason(ctx, "%s: id %" PRId32 " is missing, %.3g inside the boundary, granted %.3g",
                       what, reference[i].id, reference[i].slack, grant);
        return false;
    }
    return true;
}

bool perflab_check_entries_reference(perflab_ctx *ctx, const char *what,
                                     const perflab_exact *reference, size_t n_reference,
                                     const perflab_entry *baseline, size_t n_baseline,
                                     const perflab_entry *candidate, size_t n_candidate,
                                     double tol) {
    position *index = malloc((n_reference + 1) * sizeof *index);
    bool *present = calloc(n_reference + 1, sizeof *present);
    if (index == NULL || present == NULL) {
        free(index);
        free(present);
        perflab_reason(ctx, "%s: out of memory while comparing", what);
        return false;
    }
    for (size_t i = 0; i < n_reference; i++) index[i] = (position){reference[i].id, i};
    qsort(index, n_reference, sizeof *index, by_id);

    perflab_compared(ctx, 1 + 3 * n_candidate);
    const double own = baseline_error(reference, index, n_reference, baseline, n_baseline, present);
    note_error(&ctx->host->baseline_error, own);
    memset(present, 0, n_reference * sizeof *present);
    const bool good = entries_hold(ctx, what, reference, index, n_reference, candidate, n_candidate,
                                   present, tol, fmax(own, tol));
    free(index);
    free(present);
    return good;
}

bool perflab_check_distribution(perflab_ctx *ctx, const char *what, const uint64_t *counts,
                                const double *probabilities, size_t n, double alpha) {
    double g, degrees, sum = 0;
    perflab_compared(ctx, n);
    for (size_t i = 0; i < n; i++) sum += probabilities[i];
    if (!(fabs(sum - 1) <= 1e-6)) {
        perflab_reason(ctx, "%s: the probabilities sum to %.9g, not 1", what, sum);
        return false;
    }
    const double p = perflab_g_test(counts, probabilities, n, &g, &degrees);
    if (p >= alpha) return true;
    perflab_reason(
        ctx, "%s: not drawn from its distribution: G = %.4g, %.0f degrees of freedom, p = %.3g",
        what, g, degrees, p);
    return false;
}
