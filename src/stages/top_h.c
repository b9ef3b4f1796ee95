/*
 * top_h.c: keeps the longest prefix, in descending order, whose entropy is at most alpha * H, where H
 * is the entropy of all candidates, and a prefix's entropy is that of its probabilities divided by
 * their sum.
 *
 * Source: "Top-H Decoding: Adapting the Creativity and Coherence with Bounded Entropy in Text
 * Generation", 2025 (arXiv 2509.02510). transformers' top_h looks at the 100 most likely alone, and
 * adds up -P log P without dividing by the sum. A prefix's entropy grows with its length, since what
 * is added is never more likely than what is there; so the first that is too much ends it.
 * Parameters: alpha, >= 1 disables. Asks the view for the entropy, then for its greatest values, in
 * steps until they tell; leaves descending order.
 */
#include "../arithmetic.h"

#include "../stage.h"

enum { LEAST = 256, STEP = 8, BLOCK = 64 };

static const double NOTHING = -700.0;

/* A prefix: its mass and first moment, relative to the greatest, and the last of it. */
typedef struct prefix_sums {
    double mass, moment, nats, part;
} prefix_sums;

static double entropy_of(const prefix_sums *p) {
    return log(p->mass) - p->moment / p->mass;
}

static void extend(prefix_sums *p, double nats) {
    p->part = exp_step(p->part, p->nats, nats - p->nats);
    p->nats = nats;
    p->mass += p->part;
    p->moment += p->part * nats;
}

/* The length of the longest prefix of n sorted values with no more than `limit` nats; n if all have
 * no more. What is further down than NOTHING is no candidate to speak of. */
static int32_t longest(const float *x, int32_t n, double scale, double limit) {
    prefix_sums p = {.mass = 1.0, .part = 1.0};
    int32_t length = 1;
    while (length < n) {
        /* A logarithm for each is saved: most of them are in blocks that fit as a whole. */
        const prefix_sums start = p;
        const int32_t end = length < n - BLOCK ? length + BLOCK : n;
        for (int32_t i = length; i < end; i++) extend(&p, ((double)x[i] - (double)x[0]) * scale);
        if (p.nats > NOTHING && entropy_of(&p) <= limit) {
            length = end;
            continue;
        }
        for (p = start; length < end; length++) {
            const double nats = ((double)x[length] - (double)x[0]) * scale;
            extend(&p, nats);
            if (nats <= NOTHING || entropy_of(&p) > limit) return length;
        }
    }
    return n;
}

static pluck_status apply(view *v, const stage_run *run) {
    const double limit = (double)run->stage->as.top_h.alpha * pk_view_entropy(v);
    const int32_t alive = pk_view_alive(v);
    /* No fewer than exp(limit) candidates have so much entropy. */
    int32_t m = (int32_t)clamp(2.0 * exp(limit), (double)LEAST, 1e9);
    int32_t keep, n;
    do {
        const float *x = pk_view_lease_top(v, m, &n);
        keep = longest(x, n, pk_view_scale(v), limit);
        pk_view_return_top(v);
        m = m < alive / STEP ? m * STEP : alive;
    } while (keep == n && n < alive);
    pk_view_top_k(v, keep);
    return PLUCK_OK;
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    (void)n_vocab;
    return pk_check_unit(err, "alpha", stage->as.top_h.alpha);
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.top_h.alpha >= 1.0f;
}

extern const stage_kind pk_stage_top_h;
const stage_kind pk_stage_top_h = {
    .kind = PLUCK_STAGE_TOP_H,
    .name = "top_h",
    .defaults.as.top_h = {.alpha = 1.0f},
    .state = VIEW_SCANNED,
    .apply = apply,
    .check = check,
    .disabled = disabled,
};
