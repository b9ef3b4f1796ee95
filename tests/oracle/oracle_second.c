/*
 * oracle_second.c: the stages that combine the row with a second one: guidance and contrastive.
 */
#include "oracle_impl.h"

#include <float.h>
#include <math.h>

/* The logit of a candidate's token in the second row. */
static double second_of(const pluck_row *row, const oracle_candidate *c) {
    const pluck_row second = {.logits = row->second, .dtype = row->second_dtype};
    return oracle_element(&second, c->id);
}

/* Whether the second row is there, and has no NaN and no +inf at an unmasked token. */
static bool check_second(const oracle_view *v, const pluck_row *row, pluck_status *status) {
    *status = row->second ? PLUCK_OK : PLUCK_ERR_SECOND_ROW;
    for (int32_t i = 0; *status == PLUCK_OK && i < v->n; ++i) {
        if (v->c[i].logit == -INFINITY) continue;
        const double y = second_of(row, &v->c[i]);
        if (isnan(y) || y == INFINITY) *status = PLUCK_ERR_NAN;
    }
    return *status == PLUCK_OK;
}

static double element(const oracle_view *v, const pluck_row *row, int32_t i, bool second) {
    if (v->c[i].logit == -INFINITY) return -INFINITY;
    return second ? second_of(row, &v->c[i]) : v->c[i].logit;
}

/* ln of the sum of exp over the unmasked candidates, of the row or of the second one. */
static double log_sum(const oracle_view *v, const pluck_row *row, bool second) {
    double max = -INFINITY;
    for (int32_t i = 0; i < v->n; ++i) max = fmax(max, element(v, row, i, second));
    if (isinf(max)) return NAN;
    long double sum = 0.0L;
    for (int32_t i = 0; i < v->n; ++i) {
        const double x = element(v, row, i, second);
        if (x > -INFINITY) sum += expl((long double)x - (long double)max);
    }
    return max + (double)logl(sum);
}

/* Makes each unmasked logit own * x + weight * (x - y) - shift. */
static void combine(oracle_view *v, const pluck_row *row, double own, double weight, double shift) {
    for (int32_t i = 0; i < v->n; ++i) {
        oracle_candidate *c = &v->c[i];
        if (c->logit == -INFINITY) continue;
        const double x = c->logit, y = second_of(row, c);
        if (y == -INFINITY) c->logit = -INFINITY;
        if (isinf(c->logit)) continue;
        const double mixed = own * x + weight * (x - y) - shift;
        c->logit = fmax(fmin(mixed, (double)FLT_MAX), -(double)FLT_MAX);
        /* The difference, the weight, the shift and each step are rounded. */
        c->slack += 0x1p-23 * (fabs(weight * (x - y)) + fabs(own * x - shift) + fabs(mixed));
        if (shift != 0.0) c->slack += 0x1p-22 * (1.0 + fabs(weight)) + 0x1p-24 * fabs(shift);
    }
    v->sorted = false;
    v->edited = v->rough = true;
}

bool oracle_guidance(oracle_view *v, const pluck_stage_guidance *s, const pluck_row *row,
                     pluck_status *status) {
    if (s->scale == 1.0f) return true;
    if (!check_second(v, row, status)) return false;
    /* With c = x - ln sum exp x and u likewise: u + scale * (c - u). */
    const double weight = (double)s->scale - 1.0;
    const double of_row = log_sum(v, row, false), of_second = log_sum(v, row, true);
    const double shift = of_row + weight * (of_row - of_second);
    combine(v, row, 1.0, weight, isnan(shift) ? 0.0 : shift);
    return oracle_unmasked(v) > 0;
}

bool oracle_contrastive(oracle_view *v, const pluck_stage_contrastive *s, const pluck_row *row,
                        pluck_status *status) {
    if (s->beta == 0.0f && !s->difference) return true;
    if (!row->second) {
        *status = PLUCK_ERR_SECOND_ROW;
        return false;
    }
    if (s->alpha > 0.0f) {
        if (!oracle_evaluate(v)) return false;
        const double edge = v->max + log((double)s->alpha);
        oracle_mark_logits(v, edge);
        for (int32_t i = 0; i < v->n; ++i) {
            if (oracle_effective(v, &v->c[i]) < edge) v->c[i].logit = -INFINITY;
        }
    }
    if (!check_second(v, row, status)) return false;
    if (s->difference)
        combine(v, row, 0.0, 1.0, 0.0);
    else
        combine(v, row, 1.0, (double)s->beta, 0.0);
    return oracle_unmasked(v) > 0;
}
