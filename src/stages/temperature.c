/*
 * temperature.c: logit / t, with t fixed, or by entropy between t - range and t + range:
 *     T = min + (max - min) * (H / log n) ^ exponent,  min = max(0, t - range), max = t + range
 * T <= 0 keeps the maximum alone; the others are masked and stay counted.
 *
 * Source: llama.cpp's temp and temp-ext (dynamic temperature by kalomaze). Parameters: t finite, 1
 * without a range does nothing; range >= 0; exponent >= 0. n counts masked candidates, as llama.cpp
 * does. Fixed: multiplies the view's scale. Dynamic: asks for the entropy; leaves descending order.
 */
#include "../chain.h"

void scale_by(candidates *c, double t) {
    /* At the ends every further step is indistinguishable. */
    c->scale = clamp(c->scale / t, 1e-30, 1e30);
    c->summed = false;
}

void keep_maximum(candidates *c) {
    float x;
    candidates_count(c); /* those that go are counted still */
    c->ws->ids[0] = candidates_argmax(c, &x);
    c->ws->logits[0] = x;
    c->whole = false;
    c->cutoff = -INFINITY;
    c->n = 1;
    c->stored = c->order;
    c->summed = false;
    candidates_pad(c);
}

STAGE(temperature) {
    const pluck_stage_temperature *s = &run->stage->as.temperature;
    double t = (double)s->t;
    if (s->range > 0.0f) {
        if (c->cutoff > -INFINITY) TRY(candidates_materialise(c));
        if (c->n_counted <= 1) return PLUCK_OK;
        TRY(candidates_scan(c));
        c->order = ORDER_DESCENDING;
        candidates_realise(c);
        const double entropy = candidates_entropy(c);
        const double low = fmax(0.0, t - (double)s->range);
        const double high = t + (double)s->range;
        t = low + (high - low) * pow(entropy / log((double)c->n_counted), (double)s->exponent);
    }
    if (t > 0.0) {
        scale_by(c, t);
        return PLUCK_OK;
    }
    TRY(candidates_scan(c));
    keep_maximum(c);
    return PLUCK_OK;
}
