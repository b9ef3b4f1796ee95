/*
 * temperature.c: logit / T. T is t, or, if range > 0, depends on the entropy H of n candidates:
 *     T = low + (high - low) * (H / log n) ^ exponent,  low = max(0, t - range), high = t + range
 * T <= 0 masks all but the maximum; the others stay counted.
 *
 * Source: llama.cpp's temp and temp-ext (dynamic temperature by kalomaze). Parameters: t, finite; 1
 * without a range does nothing; range >= 0; exponent >= 0. n counts masked candidates, as in
 * llama.cpp. Without a range: changes the view's scale. With it: asks for the entropy; leaves
 * descending order.
 */
#include "../arithmetic.h"

#include "../stage.h"

static double dynamic_temperature(view *v, const pluck_stage_temperature *p) {
    pk_view_sort(v);
    const double part = pk_view_entropy(v) / log((double)pk_view_counted(v));
    const double low = fmax(0.0, (double)p->t - (double)p->range);
    const double high = (double)p->t + (double)p->range;
    return low + (high - low) * pow(part, (double)p->exponent);
}

static pluck_status apply(view *v, const stage_run *run) {
    const pluck_stage_temperature *p = &run->stage->as.temperature;
    double t = (double)p->t;
    if (p->range > 0.0f) {
        TRY(pk_view_prepare(v, VIEW_ANY, false));
        if (pk_view_counted(v) <= 1) return PLUCK_OK;
        TRY(pk_view_prepare(v, VIEW_SCANNED, false));
        t = dynamic_temperature(v, p);
    }
    /* What the last temperature took out of float's range does not come back. */
    if (t > 1.0 && pk_view_scale(v) > 1.0) TRY(pk_view_prepare(v, VIEW_SCANNED, true));
    if (t > 0.0) {
        pk_view_divide(v, t);
        return PLUCK_OK;
    }
    TRY(pk_view_prepare(v, VIEW_SCANNED, true));
    pk_view_keep_maximum(v);
    return PLUCK_OK;
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_temperature *p = &stage->as.temperature;
    (void)n_vocab;
    TRY(pk_check_finite(err, "t", p->t));
    TRY(pk_check_param(isfinite(p->range) && p->range >= 0.0f, err, "range", (double)p->range,
                       "0 and above, finite"));
    return pk_check_param(isfinite(p->exponent) && p->exponent >= 0.0f, err, "exponent",
                          (double)p->exponent, "0 and above, finite");
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.temperature.t == 1.0f && stage->as.temperature.range <= 0.0f;
}

extern const stage_kind pk_stage_temperature;
const stage_kind pk_stage_temperature = {
    .kind = PLUCK_STAGE_TEMPERATURE,
    .name = "temperature",
    .defaults.as.temperature = {.t = 0.8f, .range = 0.0f, .exponent = 1.0f},
    .state = VIEW_ANY,
    .takes_cut = true,
    .apply = apply,
    .check = check,
    .disabled = disabled,
};
