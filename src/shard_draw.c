/*
 * shard_draw.c: the token of a plain draw, dist on the whole row.
 *
 * The token must be the one that the whole row gives, so the sums must have its bits: the same
 * reference for all blocks, groups that are heavy in the whole put right, blocks added in their
 * order. The reference is known after the first round only, in which each rank summed its blocks
 * relative to its own. From these sums follows where the draw will be, within rounding, so that the
 * second round can send the exact sums together with the 64 logits in which it is expected. If it is
 * not there after all, the row is gathered.
 */
#include "arithmetic.h"

#include "shard.h"

#include "error.h"

/* The stream of the stage that draws. */
static rng_stream *stream_of(const shard_merge *m) {
    return pk_stream_of(m->s, &m->s->plan->steps[m->plan.at]);
}

/* The reference of the sums of the whole row (pk_mass_scan_sum). */
static float reference_of(const shard_merge *m) {
    float glance = -INFINITY;
    for (int32_t i = 0; i < m->n; i++) {
        const unsigned char *from = shard_message(m, i) + m->layout.glances;
        for (int32_t k = 0; k < MASS_GLANCES && shard_head_of(m, i)->n_alive > 0; k++)
            glance = fmaxf(glance, pk_get_float(from + 4 * k));
    }
    const bool found = isfinite(glance) && mass_is_near(m->max, glance, m->plan.scale);
    return found ? glance : m->max;
}

/* The first block of a message's slice, and how many it has. */
static int32_t blocks_of(const shard_head *h, int32_t *first) {
    *first = h->first / BLOCK;
    return (h->n + BLOCK - 1) / BLOCK;
}

static int32_t n_blocks_of(const shard_merge *m) {
    return (m->shard->config.n_vocab + BLOCK - 1) / BLOCK;
}

/* Writes the blocks' sums as they are estimated after the first round; returns their total. */
static double estimate(const shard_merge *m, float reference, double *blocks) {
    double total = 0.0;
    for (int32_t i = 0; i < m->n; i++) {
        const shard_head *h = shard_head_of(m, i);
        const unsigned char *from = shard_message(m, i) + m->layout.glances + 4 * MASS_GLANCES;
        const double factor = exp(((double)h->reference - (double)reference) * m->plan.scale);
        int32_t first;
        const int32_t n = blocks_of(h, &first);
        for (int32_t b = 0; b < n; b++) {
            const double sum = h->mass > 0.0 ? pk_get_double(from + 8 * b) * factor : 0.0;
            blocks[first + b] = sum;
            total += sum;
        }
    }
    return total;
}

void pk_shard_expect_draw(const shard_merge *m, pluck_shard_outcome *out) {
    const float reference = reference_of(m);
    double *blocks = m->shard->blocks[0];
    const double total = estimate(m, reference, blocks);
    if (!(total > 0.0 && isfinite(total))) {
        pk_shard_ask_row(m, out);
        return;
    }
    const double target = pk_stream_peek(stream_of(m)) * total;
    double before = 0.0;
    const int32_t block = pk_locate(blocks, n_blocks_of(m), target, &before);
    *out = (pluck_shard_outcome){.next = *m->request};
    out->next.ask = PLUCK_SHARD_ASK_SUMS;
    out->next.block = block;
    out->next.reference = reference;
    out->next.mass = total;
    out->next.into = target - before;
}

/* ---- after the second round ---- */

/* What the second round's messages say. */
typedef struct draw_sums {
    double *plain, *right; /* of the blocks: as they are, and with heavy groups put right */
    double total;          /* of the latter */
    int32_t owner;         /* the message with the block of the draw; -1: none */
    shard_draw_part part;  /* its part */
    bool usable;           /* the ranks took the same groups for heavy as the whole row does */
} draw_sums;

static bool is_sum(double sum) {
    return sum >= 0.0 && isfinite(sum);
}

static pluck_status refuse(const shard_merge *m, int32_t i, const char *what) {
    return pk_fail(m->err, PLUCK_ERR_SHARD, "message %d: %s", (int)m->shard->order[i], what);
}

static pluck_status check_part(const shard_merge *m, int32_t i, const shard_draw_part *part) {
    if (part->n_heavy < -1 || part->n_heavy > m->layout.n_heavy)
        return refuse(m, i, "the number of heavy groups is out of range");
    if (isnan(part->least) || isnan(part->greatest)) return refuse(m, i, "a sum is no number");
    const int32_t n_groups = (shard_head_of(m, i)->n + GROUP - 1) / GROUP;
    if (part->group < -1 || part->group >= n_groups)
        return refuse(m, i, "the group of the draw is none of the slice");
    for (int g = 0; g < BLOCK_GROUPS; g++)
        if (!is_sum(part->sums[g])) return refuse(m, i, "a sum is out of range");
    for (int k = 0; k < GROUP; k++)
        if (isnan(part->x[k]) || part->x[k] == INFINITY)
            return refuse(m, i, "a logit is out of range");
    return PLUCK_OK;
}

/* Reads the block sums of all messages, and finds the owner of the draw's block. */
static pluck_status read_blocks(const shard_merge *m, draw_sums *d) {
    d->owner = -1;
    double total = 0.0;
    for (int32_t i = 0; i < m->n; i++) {
        const unsigned char *from = shard_message(m, i) + m->layout.sums;
        int32_t first;
        const int32_t n = blocks_of(shard_head_of(m, i), &first);
        for (int32_t b = 0; b < n; b++) {
            d->plain[first + b] = pk_get_double(from + 16 * b);
            d->right[first + b] = pk_get_double(from + 16 * b + 8);
            if (!is_sum(d->plain[first + b]) || !is_sum(d->right[first + b]))
                return refuse(m, i, "a sum is out of range");
            total += d->plain[first + b];
        }
        if (m->request->block >= first && m->request->block < first + n) d->owner = i;
    }
    d->total = total;
    return PLUCK_OK;
}

/* Adds what putting heavy groups right added, in their order, if the ranks took the right ones. */
static pluck_status add_heavy(const shard_merge *m, draw_sums *d) {
    const double heavy = mass_heavy(d->total);
    d->usable = true;
    for (int32_t i = 0; i < m->n; i++) {
        shard_draw_part part;
        pk_shard_get_draw(shard_message(m, i), &m->layout, &part);
        TRY(check_part(m, i, &part));
        if (i == d->owner) d->part = part;
        d->usable &= part.n_heavy >= 0 && part.least > heavy && part.greatest <= heavy;
        for (int32_t k = 0; k < part.n_heavy; k++) {
            const double delta =
                pk_get_double(shard_message(m, i) + pk_shard_delta_at(&m->layout, k));
            if (!isfinite(delta)) return refuse(m, i, "a correction is no number");
            d->total += delta;
        }
    }
    return PLUCK_OK;
}

/* The place in the group that was sent at which the draw is, as draw_as_it_lies finds it; false if it is
 * not there. */
static bool find(const shard_merge *m, const draw_sums *d, double target, pick *found) {
    double before = 0.0;
    if (pk_locate(d->right, n_blocks_of(m), target, &before) != m->request->block) return false;
    const int32_t first_block = shard_head_of(m, d->owner)->first / BLOCK;
    const int32_t first = (m->request->block - first_block) * BLOCK_GROUPS;
    const int32_t n_groups = (shard_head_of(m, d->owner)->n + GROUP - 1) / GROUP;
    const int32_t n = (int32_t)min_i64(BLOCK_GROUPS, n_groups - first);
    double any = 0.0;
    for (int32_t g = 0; g < n; g++) any += d->part.sums[g];
    if (!(any > 0.0)) return false;
    if (first + pk_locate(d->part.sums, n, target, &before) != d->part.group) return false;
    const exp_params p = pk_exp_params(m->request->reference, m->plan.scale);
    float e[GROUP];
    pk_kernels()->array.shifted_exp(d->part.x, GROUP, &p, e);
    bool mass = false;
    for (int32_t i = 0; i < GROUP; i++) mass |= e[i] > 0.0f && d->part.x[i] > -INFINITY;
    if (!mass) return false;
    const int32_t at = pk_locate_in_group(d->part.x, e, target, before);
    *found = (pick){shard_head_of(m, d->owner)->first + d->part.group * GROUP + at, d->part.x[at],
                    (double)e[at] / d->total};
    return found->token < m->shard->config.n_vocab;
}

pluck_status pk_shard_draw(const shard_merge *m, pluck_shard_outcome *out) {
    draw_sums d = {.plain = m->shard->blocks[0], .right = m->shard->blocks[1]};
    TRY(read_blocks(m, &d));
    TRY(add_heavy(m, &d));
    rng_stream *stream = stream_of(m);
    pick found;
    double mass = 0.0;
    for (int32_t b = 0; b < n_blocks_of(m); b++) mass += d.right[b];
    const bool usable = d.usable && d.owner >= 0 && d.part.group >= 0 && d.total > 0.0 &&
                        mass > 0.0 && !m->infinite;
    if (!usable || !find(m, &d, pk_stream_peek(stream) * d.total, &found)) {
        pk_shard_ask_row(m, out);
        return PLUCK_OK;
    }
    pk_stream_begin(stream);
    (void)pk_stream_double(stream);
    pk_workspace_open(m->s->workspace); /* the candidates are the whole row's */
    *out = (pluck_shard_outcome){
        .done = true,
        .draw = {.token = found.token,
                 .logit = (float)((double)found.x * m->plan.scale),
                 .probability = (float)found.probability,
                 .n_candidates = (int32_t)m->n_alive},
    };
    return PLUCK_OK;
}
