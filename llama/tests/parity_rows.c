/* parity_rows.c: see parity_rows.h. */
#include "parity_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POOL = 24, KINDS = 3 };

/* ---- The pool -------------------------------------------------------------------------------- */

typedef struct ranked {
    float logit;
    int32_t id;
} ranked;

static int by_rank(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->logit != y->logit) return x->logit > y->logit ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static bool order_row(const float *row, int32_t n, int32_t *order) {
    ranked *all = malloc(sizeof *all * (size_t)n);
    if (!all) return false;
    for (int32_t i = 0; i < n; i++) all[i] = (ranked){row[i], i};
    qsort(all, (size_t)n, sizeof *all, by_rank);
    for (int32_t i = 0; i < n; i++) order[i] = all[i].id;
    free(all);
    return true;
}

bool parity_rows_init(parity_rows *p, int32_t n_vocab) {
    static const rows_kind kinds[KINDS] = {ROWS_REAL, ROWS_PEAKED, ROWS_NORMAL};
    size_t n = (size_t)n_vocab;
    p->n_vocab = n_vocab;
    p->base = malloc(sizeof *p->base * n * POOL);
    p->base_orders = malloc(sizeof *p->base_orders * n * POOL);
    p->row = malloc(sizeof *p->row * n);
    p->order = malloc(sizeof *p->order * n);
    p->ids = malloc(sizeof *p->ids * n);
    p->logits = malloc(sizeof *p->logits * n);
    p->always = calloc(n, 1);
    bool ready =
        p->base && p->base_orders && p->row && p->order && p->ids && p->logits && p->always;
    for (size_t i = 0; ready && i < POOL; i++) {
        rows_fill(kinds[i % KINDS], i / KINDS, p->base + i * n, n_vocab);
        ready = order_row(p->base + i * n, n_vocab, p->base_orders + i * n);
    }
    return ready;
}

void parity_rows_free(parity_rows *p) {
    free(p->base);
    free(p->base_orders);
    free(p->row);
    free(p->order);
    free(p->ids);
    free(p->logits);
    free(p->always);
}

void parity_rows_next(parity_rows *p, int64_t step, rows_random *random) {
    size_t n = (size_t)p->n_vocab;
    size_t which = KINDS * (size_t)rows_below(random, POOL / KINDS) + (size_t)(step % KINDS);
    int32_t shift = (int32_t)rows_below(random, (uint32_t)p->n_vocab);
    const float *base = p->base + which * n;
    const int32_t *order = p->base_orders + which * n;
    memcpy(p->row, base + shift, (n - (size_t)shift) * sizeof *base);
    memcpy(p->row + (n - (size_t)shift), base, (size_t)shift * sizeof *base);
    for (int32_t i = 0; i < p->n_vocab; i++)
        p->order[i] = order[i] - shift + (order[i] < shift ? p->n_vocab : 0);
}

/* ---- What can matter ------------------------------------------------------------------------- */

/* More than any rounding or tolerance of the oracle. */
static float margin(float logit) {
    return 1e-4f * fmaxf(1.0f, fabsf(logit));
}

/* A logit below the best k unedited tokens and those near them; NAN if none is certain. */
static float below_top_k(const parity_rows *p, int32_t k, int32_t n_edited) {
    if (k > p->n_vocab / 4 || n_edited > p->n_vocab / 4) return NAN;
    int32_t last = k + n_edited, beyond = last + 64;
    if (beyond >= p->n_vocab) return NAN;
    float worst = p->row[p->order[last]], cut = p->row[p->order[beyond]];
    return worst - cut > margin(worst) ? cut : NAN;
}

/* A logit below the tokens that min_p keeps and those near them. */
static float below_min_p(const parity_rows *p, float threshold, double temperature) {
    float max = p->row[p->order[0]];
    double cut = (double)max + temperature * log((double)threshold);
    return (float)cut - margin(max) - margin((float)cut);
}

/* A logit such that no token below it matters to the chain, unless it is edited; NAN: any may
 * matter. */
static float below_which_none_matters(const parity_rows *p, const pluck_config *config,
                                      int32_t n_edited) {
    double temperature = 1.0;
    bool edited = false;
    for (int32_t i = 0; i < config->n_stages; i++) {
        const pluck_stage *s = &config->stages[i];
        switch (s->kind) {
        case PLUCK_STAGE_LOGIT_BIAS:
        case PLUCK_STAGE_PENALTIES:
            edited = true;
            break;
        case PLUCK_STAGE_DRY:
            edited = edited || s->as.dry.multiplier != 0.0f;
            break;
        case PLUCK_STAGE_TEMPERATURE:
            if (s->as.temperature.range > 0.0f || s->as.temperature.t <= 0.0f) return NAN;
            temperature *= (double)s->as.temperature.t;
            break;
        case PLUCK_STAGE_TOP_N_SIGMA:
            if (s->as.top_n_sigma.n > 0.0f) return NAN;
            break;
        case PLUCK_STAGE_TYPICAL:
            if (s->as.typical.p < 1.0f) return NAN;
            break;
        case PLUCK_STAGE_TOP_P:
            if (s->as.top_p.p < 1.0f) return NAN;
            break;
        case PLUCK_STAGE_XTC:
            if (s->as.xtc.probability > 0.0f) return NAN;
            break;
        case PLUCK_STAGE_TOP_K:
            if (s->as.top_k.k > 0) return below_top_k(p, s->as.top_k.k, n_edited);
            break;
        case PLUCK_STAGE_MIN_P:
            if (s->as.min_p.p <= 0.0f) break;
            if (edited || s->as.min_p.min_keep > 1) return NAN;
            return below_min_p(p, s->as.min_p.p, temperature);
        default:
            return NAN;
        }
    }
    return NAN;
}

/* Sets `always` to `value` for all tokens that the chain may edit. Returns how many these are,
 * repeats included. */
static int32_t mark_edited(parity_rows *p, const pluck_config *config, const int32_t *accepted,
                           int32_t n_accepted, unsigned char value) {
    int32_t n = 0;
    for (int32_t i = 0; i < n_accepted; i++, n++) p->always[accepted[i]] = value;
    for (int32_t i = 0; i < config->n_stages; i++) {
        const pluck_stage_logit_bias *s = &config->stages[i].as.logit_bias;
        if (config->stages[i].kind != PLUCK_STAGE_LOGIT_BIAS) continue;
        for (int32_t b = 0; b < s->n_biases; b++, n++) p->always[s->biases[b].token] = value;
    }
    return n;
}

int32_t parity_rows_narrow(parity_rows *p, const pluck_config *config, const int32_t *accepted,
                           int32_t n_accepted) {
    int32_t n_edited = mark_edited(p, config, accepted, n_accepted, 1);
    float cut = below_which_none_matters(p, config, n_edited);
    int32_t n = 0;
    for (int32_t i = 0; i < p->n_vocab && !isnan(cut); i++) {
        if (!(p->row[i] >= cut) && !p->always[i]) continue;
        p->ids[n] = i;
        p->logits[n++] = p->row[i];
    }
    mark_edited(p, config, accepted, n_accepted, 0);
    return n;
}
