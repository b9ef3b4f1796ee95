/*
 * shard_bytes.c: messages as bytes. All numbers are little-endian, floats and doubles as their bits:
 *
 *     "PLSH", u32 version, u32 size, u32 n_vocab, u64 chain, u64 request, u32 first, u32 n,
 *     u32 status, u32 flags, u32 n_alive, u32 n_allowed, u32 n_candidates, f32 bound, f32 max,
 *     f32 reference, f64 mass
 *     then, as the round needs them:
 *         candidates   u32 ids, then f32 x
 *         glances      f32 for each group that the whole row's reference may be found in; for each
 *                      block f64 its mass, relative to the message's reference
 *         sums         for each block f64 its mass relative to the request's reference, and the same
 *                      with heavy groups put right; u32 group, u32 n_heavy, f64 least, f64 greatest,
 *                      16 f64, 64 f32; for each heavy group f64 what putting it right added
 *         logits       as they are, then the mask, u32 words
 *     u64 checksum
 *
 * A layout is made from what all ranks know, so all messages of a round have the same size.
 */
#include "arithmetic.h"

#include "shard.h"

#include "error.h"

enum { VERSION = 1, HEAD_SIZE = 88, LANES = 4, SUM_SIZE = 8 };

/* ---- layout ---- */

enum {
    CANDIDATE = 8,
    GLANCES_SIZE = MASS_GLANCES * 4,
    DRAW_SIZE = 24 + 8 * BLOCK_GROUPS + 4 * GROUP /* without the heavy groups */
};

shard_layout pk_shard_layout(const shard_plan *p, int32_t longest,
                             const pluck_shard_request *request) {
    shard_layout l = {.n_blocks = (int32_t)(round_up((size_t)longest, BLOCK) / BLOCK)};
    size_t at = HEAD_SIZE;
    if (request->ask == PLUCK_SHARD_ASK_ROW || p->need == NEED_ROW) {
        l.logits = at;
        at += (size_t)longest * dtype_size(request->dtype);
        at = round_up(at, 4) + round_up((size_t)longest, 32) / 8;
    } else if (request->ask == PLUCK_SHARD_ASK_SUMS) {
        l.sums = at;
        l.n_heavy = (int32_t)min_i64(MOST_HEAVY, (int64_t)l.n_blocks * BLOCK_GROUPS);
        at += (size_t)l.n_blocks * 16 + DRAW_SIZE + (size_t)l.n_heavy * 8;
    } else if (p->need == NEED_DRAW) {
        l.glances = at;
        at += GLANCES_SIZE + (size_t)l.n_blocks * 8;
    } else {
        l.candidates = at;
        l.n_candidates = p->most;
        at += (size_t)l.n_candidates * CANDIDATE;
    }
    /* The checksum takes words of all lanes. */
    l.sum = round_up(at, 8 * LANES);
    l.size = l.sum + SUM_SIZE;
    return l;
}

/* ---- the checksum: lanes side by side, because a chain of multiplications takes longer ---- */

static uint64_t checksum(const unsigned char *bytes, size_t n) {
    static const uint64_t FACTOR = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t lane[LANES] = {1, 2, 3, 4}, sum = n;
    for (size_t i = 0; i < n; i += 8 * LANES)
        for (size_t j = 0; j < LANES; j++) {
            lane[j] = (lane[j] ^ pk_get_64(bytes + i + 8 * j)) * FACTOR;
            lane[j] ^= lane[j] >> 32;
        }
    for (size_t j = 0; j < LANES; j++) {
        sum = (sum ^ lane[j]) * FACTOR;
        sum ^= sum >> 32;
    }
    return sum;
}

void pk_shard_seal(unsigned char *message, const shard_layout *layout) {
    pk_put_64(message + layout->sum, checksum(message, layout->sum));
}

/* ---- the head ---- */

void pk_shard_put_head(unsigned char *message, const shard_layout *layout, const shard_head *head) {
    memcpy(message, "PLSH", 4);
    pk_put_32(message + 4, VERSION);
    pk_put_32(message + 8, (uint32_t)layout->size);
    pk_put_32(message + 12, (uint32_t)head->n_vocab);
    pk_put_64(message + 16, head->chain);
    pk_put_64(message + 24, head->request);
    pk_put_32(message + 32, (uint32_t)head->first);
    pk_put_32(message + 36, (uint32_t)head->n);
    pk_put_32(message + 40, (uint32_t)head->status);
    pk_put_32(message + 44, head->flags);
    pk_put_32(message + 48, (uint32_t)head->n_alive);
    pk_put_32(message + 52, (uint32_t)head->n_allowed);
    pk_put_32(message + 56, (uint32_t)head->n_candidates);
    pk_put_float(message + 60, head->bound);
    pk_put_float(message + 64, head->max);
    pk_put_float(message + 68, head->reference);
    pk_put_double(message + 72, head->mass);
    pk_put_64(message + 80, 0);
}

static void read_head(const unsigned char *message, shard_head *head) {
    *head = (shard_head){
        .n_vocab = (int32_t)pk_get_32(message + 12),
        .chain = pk_get_64(message + 16),
        .request = pk_get_64(message + 24),
        .first = (int32_t)pk_get_32(message + 32),
        .n = (int32_t)pk_get_32(message + 36),
        .status = (int32_t)pk_get_32(message + 40),
        .flags = pk_get_32(message + 44),
        .n_alive = (int32_t)pk_get_32(message + 48),
        .n_allowed = (int32_t)pk_get_32(message + 52),
        .n_candidates = (int32_t)pk_get_32(message + 56),
        .bound = pk_get_float(message + 60),
        .max = pk_get_float(message + 64),
        .reference = pk_get_float(message + 68),
        .mass = pk_get_double(message + 72),
    };
}

/* Whether the numbers of a head can be those of a slice. */
static bool is_possible(const shard_head *h, const shard_layout *layout) {
    if (h->first < 0 || h->n < 0 || h->n > layout->n_blocks * BLOCK) return false;
    if (h->status != PLUCK_OK && h->status != PLUCK_ERR_NAN) return false;
    if (h->flags & ~(uint32_t)ALL_FLAGS) return false;
    if (h->n_alive < 0 || h->n_alive > h->n || h->n_allowed < 0 || h->n_allowed > h->n)
        return false;
    if (h->n_candidates < 0 || h->n_candidates > layout->n_candidates ||
        h->n_candidates > h->n_alive)
        return false;
    if (isnan(h->bound) || isnan(h->max) || isnan(h->reference)) return false;
    if ((h->n_alive == 0) != (h->max == -INFINITY) && !layout->logits) return false;
    if ((h->flags & FLAG_INFINITE ? 1 : 0) != (h->max == INFINITY)) return false;
    return isfinite(h->reference) && h->mass >= 0.0 && isfinite(h->mass);
}

pluck_status pk_shard_get_head(const unsigned char *message, const shard_layout *layout, int32_t i,
                               shard_head *head, pluck_error *err) {
    if (memcmp(message, "PLSH", 4) != 0)
        return pk_fail(err, PLUCK_ERR_SHARD, "message %d is not one of a shard", (int)i);
    const uint32_t version = pk_get_32(message + 4), size = pk_get_32(message + 8);
    if (version != VERSION)
        return pk_fail(err, PLUCK_ERR_SHARD, "message %d is of version %u; this library reads %d",
                       (int)i, (unsigned)version, VERSION);
    if (size != layout->size)
        return pk_fail(err, PLUCK_ERR_SHARD,
                       "message %d has %u bytes; those of this round have %lu", (int)i,
                       (unsigned)size, (unsigned long)layout->size);
    if (pk_get_64(message + layout->sum) != checksum(message, layout->sum))
        return pk_fail(err, PLUCK_ERR_SHARD,
                       "message %d was altered or cut off: its checksum is not right", (int)i);
    read_head(message, head);
    if (!is_possible(head, layout))
        return pk_fail(err, PLUCK_ERR_SHARD, "message %d has numbers that no slice has", (int)i);
    return PLUCK_OK;
}

/* ---- what is said of a draw ---- */

size_t pk_shard_draw_at(const shard_layout *layout) {
    return layout->sums + (size_t)layout->n_blocks * 16;
}

size_t pk_shard_delta_at(const shard_layout *layout, int32_t i) {
    return pk_shard_draw_at(layout) + DRAW_SIZE + (size_t)i * 8;
}

void pk_shard_put_draw(unsigned char *message, const shard_layout *layout,
                       const shard_draw_part *part) {
    unsigned char *at = message + pk_shard_draw_at(layout);
    pk_put_32(at, (uint32_t)part->group);
    pk_put_32(at + 4, (uint32_t)part->n_heavy);
    pk_put_double(at + 8, part->least);
    pk_put_double(at + 16, part->greatest);
    for (int i = 0; i < BLOCK_GROUPS; i++) pk_put_double(at + 24 + 8 * i, part->sums[i]);
    for (int i = 0; i < GROUP; i++) pk_put_float(at + 24 + 8 * BLOCK_GROUPS + 4 * i, part->x[i]);
}

void pk_shard_get_draw(const unsigned char *message, const shard_layout *layout,
                       shard_draw_part *part) {
    const unsigned char *at = message + pk_shard_draw_at(layout);
    part->group = (int32_t)pk_get_32(at);
    part->n_heavy = (int32_t)pk_get_32(at + 4);
    part->least = pk_get_double(at + 8);
    part->greatest = pk_get_double(at + 16);
    for (int i = 0; i < BLOCK_GROUPS; i++) part->sums[i] = pk_get_double(at + 24 + 8 * i);
    for (int i = 0; i < GROUP; i++) part->x[i] = pk_get_float(at + 24 + 8 * BLOCK_GROUPS + 4 * i);
}
