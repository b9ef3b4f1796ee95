/* mirostat.c: mirostat 1 as llama.cpp computes it (see plk_mirostat1). */
#include "arrays.h"

#include "pluck_blocks.h"

#include <math.h>

/* Does llama.cpp's k overflow an int, so that it keeps one candidate although the definition keeps
 * more? x: the m greatest logits, descending. */
static bool k_overflows(const plk_mirostat1 *v1, const float *x, int32_t m, float scale) {
    float tb = 0.0f, tt = 0.0f;
    for (int32_t i = 0; i + 1 < m; i++) {
        float t = logf((float)(i + 2) / (float)(i + 1));
        float b = logf(expf((x[i] - x[0]) * scale) / expf((x[i + 1] - x[0]) * scale));
        tb += t * b;
        tt += t * t;
    }
    float s = tb / tt, epsilon = s - 1.0f;
    float slope = epsilon / (1.0f - powf((float)v1->n_vocab, -epsilon));
    float k = powf(slope * powf(2.0f, v1->mu), 1.0f / s);
    return !(k < 2147483648.0f);
}

/* Does llama.cpp keep only the greatest candidate because of that? *first: its index in the row. */
static bool keeps_one(const plk_effect *effect, int32_t n_vocab, plk_scratch *scratch,
                      const pluck_row *row, int32_t *first) {
    int32_t n = row->ids ? row->n : n_vocab;
    int32_t m = effect->mirostat.m < n ? effect->mirostat.m : n;
    if (m < 2 || plk_scratch_reserve(scratch, n_vocab, (size_t)m) != PLUCK_OK) return false;
    int32_t written;
    if (pluck_top_k(scratch->workspace, row->logits, n, m, scratch->tail, scratch->carried,
                    &written) != PLUCK_OK)
        return false;
    *first = scratch->tail[0];
    float scale = effect->plain_scale > 0.0f ? effect->plain_scale : 1.0f;
    /* if one of the m greatest is masked, the slope has a log(p / 0) */
    return written < m || k_overflows(effect->mirostat1, scratch->carried, m, scale);
}

pluck_status plk_draw_row(pluck_sampler *sampler, int32_t n_vocab, plk_scratch *scratch,
                          const pluck_row *row, const plk_effect *effect, pluck_draw *draw) {
    if (!effect->mirostat1) return pluck_sample_row(sampler, row, effect->selects ? draw : NULL);
    pluck_row one = *row;
    one.skip_probability = false;
    int32_t first;
    int32_t id;
    if (keeps_one(effect, n_vocab, scratch, row, &first)) {
        id = row->ids ? row->ids[first] : first;
        one.logits = (const float *)row->logits + first;
        one.ids = &id;
        one.n = 1;
        one.descending = false;
    }
    pluck_status status = pluck_sample_row(sampler, &one, draw);
    if (status == PLUCK_OK) {
        float surprise = -log2f(draw->probability);
        effect->mirostat1->mu -= effect->mirostat.eta * (surprise - effect->mirostat.tau);
    }
    return status;
}
