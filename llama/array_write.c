/* array_write.c: see array_write.h. */
#include "array_write.h"

#include "pluck_blocks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How many entries are worked on at a time: they stay in the L1 cache. */
enum { PART = 1024 };

/* Unmasked candidates are written in runs if runs have this many on average. */
enum { RUN = 64 };

PLK_FOR_BOTH void plk_join(llama_token_data *restrict to, const int32_t *restrict ids,
                           const float *restrict logits, const float *restrict p, int32_t n) {
    for (int32_t i = 0; i < n; i++) {
        to[i].id = ids[i];
        to[i].logit = logits[i];
        to[i].p = p[i];
    }
}

/* ---- Finding a candidate's place in the input ------------------------------------------------ */

static int32_t id_of(const plk_scratch *scratch, size_t i, bool dense) {
    return dense ? (int32_t)i : scratch->ids[i];
}

/* Fills scratch->place from the input's ids. */
static pluck_status index_input(plk_scratch *scratch, size_t n, bool dense) {
    if (!scratch->place) {
        scratch->place = malloc((size_t)scratch->n_vocab * sizeof *scratch->place);
        if (!scratch->place) return PLUCK_ERR_MEMORY;
        memset(scratch->place, 0xff, (size_t)scratch->n_vocab * sizeof *scratch->place);
    }
    for (size_t i = 0; i < n; i++) scratch->place[id_of(scratch, i, dense)] = (int32_t)i;
    return PLUCK_OK;
}

/* Resets only the entries that index_input set: the array may be much shorter than the
 * vocabulary. */
static void forget_input(plk_scratch *scratch, size_t n, bool dense) {
    for (size_t i = 0; i < n; i++) scratch->place[id_of(scratch, i, dense)] = -1;
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* If no candidate was dropped and the order is unchanged, masked candidates stay among the others:
 * writes the array in place and returns true. Otherwise returns false and changes nothing. */
static bool write_in_place(llama_token_data_array *cur, const pluck_candidates *found,
                           const plk_effect *effect, const float *p) {
    if (cur->size != (size_t)found->n + (size_t)found->n_masked) return false;
    int32_t k = 0;
    for (size_t i = 0; i < cur->size; i++) {
        if (k < found->n && cur->data[i].id == found->ids[k]) k++;
    }
    if (k < found->n) return false;
    int32_t selected = -1;
    k = 0;
    for (size_t i = 0; i < cur->size; i++) {
        llama_token_data *d = &cur->data[i];
        bool left = k < found->n && d->id == found->ids[k];
        d->logit = left ? found->logits[k] : -INFINITY;
        if (!effect->keeps_p)
            d->p = left ? found->probabilities[k] : 0.0f;
        else if (p)
            d->p = p[i];
        if (left && k == found->selected) selected = (int32_t)i;
        k += left;
    }
    if (effect->selects) cur->selected = selected;
    return true;
}

/* How many of the n ascending ids follow one another without a gap. */
static int32_t length_of_run(const int32_t *ids, int32_t n) {
    int32_t low = 1, high = n; /* as many as low do, more than high do not */
    while (low < high) {
        const int32_t middle = high - (high - low) / 2;
        if (ids[middle - 1] - ids[0] == middle - 1)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

PLK_FOR_BOTH static bool ascends(const int32_t *x, int32_t n) {
    int32_t wrong = 0;
    for (int32_t i = 1; i < n; i++) wrong |= x[i] <= x[i - 1];
    return !wrong;
}

/* The same for a whole vocabulary in order of id, of which little is masked: what is between two
 * masked candidates is written at once. */
static bool write_dense(llama_token_data_array *cur, const pluck_candidates *found,
                        const plk_effect *effect) {
    if (effect->keeps_p || cur->size != (size_t)found->n + (size_t)found->n_masked ||
        found->n_masked > found->n / RUN || !ascends(found->ids, found->n))
        return false;
    int32_t at = 0, k = 0;
    while (at < (int32_t)cur->size) {
        if (k == found->n || found->ids[k] != at) {
            cur->data[at] = (llama_token_data){at, -INFINITY, 0.0f};
            at++;
            continue;
        }
        const int32_t n = length_of_run(found->ids + k, found->n - k);
        plk_join(cur->data + at, found->ids + k, found->logits + k, found->probabilities + k, n);
        at += n;
        k += n;
    }
    if (effect->selects) cur->selected = found->selected < 0 ? -1 : found->ids[found->selected];
    return true;
}

/* Collects the ids and probabilities of the masked candidates that are still counted and are not
 * among those found. Those masked in the input come first, so that a candidate dropped by XTC is
 * not taken for a masked one. Needs scratch->place. */
static void collect_masked(plk_scratch *scratch, const llama_token_data_array *cur,
                           const pluck_candidates *found, const float *p) {
    for (int32_t k = 0; k < found->n; k++) scratch->place[found->ids[k]] = -1;
    int32_t m = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < cur->size && m < found->n_masked; i++) {
            const llama_token_data *d = &cur->data[i];
            if ((d->logit == -INFINITY) == (pass == 0) && scratch->place[d->id] == (int32_t)i) {
                scratch->tail[m] = d->id;
                scratch->carried[found->n + m] = p ? p[i] : d->p;
                m++;
            }
        }
    }
}

/* Writes the candidates found, masked ones last. Everything needed from the array is read before
 * the first write to it. */
static pluck_status write_listed(llama_token_data_array *cur, plk_scratch *scratch,
                                 const pluck_candidates *found, const plk_effect *effect,
                                 const float *p, bool dense) {
    const size_t n = cur->size;
    bool masked = found->n_masked > 0;
    bool indexed = masked || (effect->keeps_p && !dense);
    if (indexed) {
        pluck_status status = index_input(scratch, n, dense);
        if (status != PLUCK_OK) return status;
    }
    const float *left = found->probabilities;
    if (effect->keeps_p) {
        left = scratch->carried;
        for (int32_t k = 0; k < found->n; k++) {
            int32_t at = dense ? found->ids[k] : scratch->place[found->ids[k]];
            scratch->carried[k] = p ? p[at] : cur->data[at].p;
        }
    }
    if (masked) collect_masked(scratch, cur, found, p);
    if (indexed) forget_input(scratch, n, dense);
    plk_join(cur->data, found->ids, found->logits, left, found->n);
    for (int32_t m = 0; m < found->n_masked; m++) {
        float masked_p = effect->keeps_p ? scratch->carried[found->n + m] : 0.0f;
        cur->data[found->n + m] = (llama_token_data){scratch->tail[m], -INFINITY, masked_p};
    }
    cur->size = (size_t)found->n + (size_t)found->n_masked;
    if (effect->selects) cur->selected = found->selected;
    return PLUCK_OK;
}

pluck_status plk_write_array(llama_token_data_array *cur, plk_scratch *scratch,
                             const pluck_candidates *found, const plk_effect *effect,
                             const float *p, bool dense) {
    /* a single candidate is in any order: whether llama.cpp sorted it follows from the stages */
    bool ordered = effect->surely_sorts || (effect->sorts && (found->descending || found->n == 1));
    bool stays = found->n_masked > 0 && !ordered;
    if (stays && dense && write_dense(cur, found, effect)) return PLUCK_OK;
    if (stays && write_in_place(cur, found, effect, p)) return PLUCK_OK;
    return write_listed(cur, scratch, found, effect, p, dense);
}

/* ---- What follows from a draw ---------------------------------------------------------------- */

PLK_FOR_BOTH static int32_t count_from(const float *x, int32_t n, float least) {
    int32_t count = 0;
    for (int32_t i = 0; i < n; i++) count += x[i] >= least;
    return count;
}

/* Maps a float's bits to an integer that is ordered as the float is, or back. */
static int32_t turned(int32_t bits) {
    return bits ^ (bits < 0 ? INT32_MAX : 0);
}

static int32_t key_of(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return turned(bits);
}

static float of_key(int32_t key) {
    int32_t bits = turned(key);
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/*
 * A value that k of x reach, or more than k if several tie with it. Found by counting: guesses
 * alternate between interpolating the count, which converges fast, and halving the floats left,
 * which is certain to end.
 */
static float reached_by(const float *x, int32_t n, int32_t k) {
    float most = -INFINITY, least = INFINITY;
    for (int32_t i = 0; i < n; i++) {
        most = x[i] > most ? x[i] : most;
        least = x[i] < least && x[i] > -INFINITY ? x[i] : least;
    }
    int64_t low = key_of(least), high = (int64_t)key_of(most) + 1;
    int32_t n_low = count_from(x, n, least), n_high = 0;
    for (bool halve = false; n_low > k && high - low > 1; halve = !halve) {
        int64_t middle = low + (high - low) / 2;
        if (!halve) {
            float a = of_key((int32_t)low), b = of_key((int32_t)(high - 1));
            float share = (float)(n_low - k) / (float)(n_low - n_high);
            int64_t guess = key_of(a + (b - a) * share);
            if (guess > low && guess < high) middle = guess;
        }
        int32_t reach = count_from(x, n, of_key((int32_t)middle));
        if (reach >= k) {
            low = middle;
            n_low = reach;
        } else {
            high = middle;
            n_high = reach;
        }
    }
    return of_key((int32_t)low);
}

/* Drops the last n_drop of the n entries that equal `value`: of ties, the lowest ids are kept. */
static void drop_ties(int32_t *ids, float *values, int32_t n, int32_t n_drop, float value) {
    int32_t to = n;
    for (int32_t i = n - 1; i >= 0; i--) {
        if (n_drop > 0 && values[i] == value) {
            n_drop--;
            continue;
        }
        to--;
        ids[to] = ids[i];
        values[to] = values[i];
    }
    memmove(ids, ids + to, (size_t)(n - to) * sizeof *ids);
    memmove(values, values + to, (size_t)(n - to) * sizeof *values);
}

/* Writes n entries: the logits times `scale` (1 / temperature), and their probabilities, which
 * follow from the logit and the probability of the token drawn. */
static void write_part(llama_token_data *to, const int32_t *ids, const float *logits, int32_t n,
                       const pluck_draw *draw, float scale) {
    float x[PART], p[PART];
    for (int32_t i = 0; i < n; i++) x[i] = logits[i] * scale;
    for (int32_t i = 0; i < n; i++) p[i] = x[i] - draw->logit;
    pluck_exp(p, (size_t)n, p);
    for (int32_t i = 0; i < n; i++) p[i] *= draw->probability;
    plk_join(to, ids, x, p, n);
}

static void write_whole(llama_token_data_array *cur, const float *logits, int32_t n,
                        const pluck_draw *draw, float scale) {
    int32_t ids[PART];
    for (int32_t at = 0; at < n; at += PART) {
        const int32_t part = n - at < PART ? n - at : PART;
        for (int32_t i = 0; i < PART; i++) ids[i] = at + i;
        write_part(cur->data + at, ids, logits + at, part, draw, scale);
    }
    cur->size = (size_t)n;
    cur->selected = draw->token;
}

/* The index of an id in an ascending list that contains it. */
static int32_t place_of(const int32_t *ids, int32_t n, int32_t id) {
    int32_t low = 0, high = n - 1;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void plk_write_plain(llama_token_data_array *cur, plk_scratch *scratch, const float *logits,
                     int32_t n, const pluck_draw *draw, float scale) {
    cur->sorted = false;
    const int32_t kept = draw->n_candidates;
    if (kept == n) {
        write_whole(cur, logits, n, draw, scale);
        return;
    }
    float least = reached_by(logits, n, kept);
    float *values = scratch->carried;
    int32_t *ids = scratch->tail;
    int32_t listed = pluck_filter(logits, n, least, ids, values);
    if (listed > kept) drop_ties(ids, values, listed, listed - kept, least);
    for (int32_t at = 0; at < kept; at += PART) {
        const int32_t part = kept - at < PART ? kept - at : PART;
        write_part(cur->data + at, ids + at, values + at, part, draw, scale);
    }
    cur->size = (size_t)kept;
    cur->selected = place_of(ids, kept, draw->token);
}
