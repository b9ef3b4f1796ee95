/*
 * tfs.c: tail-free sampling. With P sorted, descending, and d(i) = |P(i) - 2 P(i + 1) + P(i + 2)|, i
 * from 0: i is the first for which d(0) + ... + d(i) > z * (the sum of all d). Keeps
 * max(i, min_keep, 1) + extra candidates, all if there is no such i.
 *
 * Source: Bricken, "Tail Free Sampling", 2019; koboldcpp's sample_tail_free, and llama.cpp's until
 * it was taken out. These give all d the same weight if their sum is below 1e-6, which is a guard
 * against rounding; here that is the definition's case, in double. Parameters: z, >= 1 disables;
 * min_keep; extra, 1 for text-generation-webui's and exllamav2's reading of the index. Asks the view
 * for its greatest values, in steps until they tell, but for no sum: what d is divided by cancels
 * out. Leaves descending order.
 */
#include "../arithmetic.h"

#include "../stage.h"

enum { FIRST = 256, STEP = 16, MOST = FIRST * STEP };

/* n sorted values, then n_zeros candidates without probability. */
typedef struct sorted {
    const float *x;
    int32_t n, n_zeros;
    double scale;
} sorted;

/* Probabilities, as parts of the greatest, one after the other. */
typedef struct walk {
    const sorted *of;
    int32_t i;
    double nats, part;
} walk;

static double next_part(walk *w) {
    const sorted *s = w->of;
    const int32_t i = ++w->i;
    if (i >= s->n) return 0.0;
    const double nats = ((double)s->x[i] - (double)s->x[0]) * s->scale;
    w->part = exp_step(w->part, w->nats, nats - w->nats);
    w->nats = nats;
    return w->part;
}

/* The first i at which d(0) + ... + d(i) is above the limit, how many d there are if none is; *sum
 * becomes that sum, *last the probability of i + 1 and i + 2 together. */
static int32_t first_above(const sorted *s, double limit, double *sum, double *last) {
    const int32_t n = s->n + s->n_zeros - 2;
    walk w = {.of = s, .part = 1.0};
    double a = 1.0, b = next_part(&w);
    *sum = 0.0;
    *last = a + b;
    for (int32_t i = 0; i < n; i++) {
        const double c = next_part(&w);
        *sum += fabs((a - b) - (b - c));
        *last = b + c;
        if (*sum > limit) return i;
        a = b;
        b = c;
    }
    return n;
}

/* The i that is looked for; -1 if these values do not tell, INT32_MAX if there is none. */
static int32_t find(const sorted *s, bool all, double z) {
    double sum, reached, rest, last;
    const int32_t n = first_above(s, INFINITY, &sum, &rest);
    /* The d of what is not among these add up to no more than the last two. */
    if (all) rest = 0.0;
    const int32_t i = first_above(s, z * sum, &reached, &last);
    if (i < n && reached > z * (sum + rest)) return i;
    return all ? INT32_MAX : -1;
}

static pluck_status apply(view *v, const stage_run *run) {
    const pluck_stage_tfs *p = &run->stage->as.tfs;
    const int64_t counted = pk_view_counted(v);
    const int32_t alive = pk_view_alive(v);
    if (counted <= 2) return PLUCK_OK;
    int32_t found = -1;
    for (int32_t m = FIRST; found < 0; m = m < MOST && m < alive / STEP ? m * STEP : alive) {
        sorted s = {.scale = pk_view_scale(v)};
        s.x = pk_view_lease_top(v, m, &s.n);
        const bool all = s.n == alive;
        /* Of more zeros d is zero, too. */
        if (all) s.n_zeros = (int32_t)min_i64(counted - alive, 2);
        found = find(&s, all, (double)p->z);
        pk_view_return_top(v);
    }
    int64_t keep = counted;
    if (found < INT32_MAX) keep = max_i64(max_i64(found, p->min_keep), 1) + p->extra;
    pk_view_top_k(v, min_i64(keep, counted));
    return PLUCK_OK;
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_tfs *p = &stage->as.tfs;
    (void)n_vocab;
    TRY(pk_check_unit(err, "z", p->z));
    TRY(pk_check_count(err, "min_keep", p->min_keep));
    return pk_check_param(p->extra == 0 || p->extra == 1, err, "extra", (double)p->extra, "0 or 1");
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.tfs.z >= 1.0f;
}

extern const stage_kind pk_stage_tfs;
const stage_kind pk_stage_tfs = {
    .kind = PLUCK_STAGE_TFS,
    .name = "tfs",
    .defaults.as.tfs = {.z = 1.0f},
    .state = VIEW_SCANNED,
    .apply = apply,
    .check = check,
    .disabled = disabled,
};
