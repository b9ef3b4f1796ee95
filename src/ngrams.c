/* ngrams.c: see ngrams.h. Tables use open addressing with linear probing, as that of history.c. */
#include "arithmetic.h"

#include "ngrams.h"

#include <string.h>

#include "contract.h"
#include "hash.h"

enum { MIN_SLOT_BITS = 4 };

/* The arrays behind the ring. By entry: */
typedef struct arrays {
    int32_t *newest, *oldest; /* ring index of the token that an occurrence ends with */
    int32_t *after, *before;  /* entries of the same context; after: of free entries the next one */
    int32_t *grams, *contexts; /* hashes */
    /* by the ring index of the token that an occurrence ends with: */
    int32_t *entry, *earlier, *later; /* the entry; the occurrences of the same n-gram around it */
    int32_t *sums;                    /* hash of all tokens up to this one */
    /* entries by hash, -1: free */
    int32_t *by_gram, *by_context;
} arrays;

enum { N_ARRAYS = 10 };

static arrays arrays_of(const history *h) {
    int32_t *at = history_ring(h) + h->capacity, *all[N_ARRAYS];
    for (int i = 0; i < N_ARRAYS; i++) all[i] = at + (ptrdiff_t)i * h->capacity;
    at += (ptrdiff_t)N_ARRAYS * h->capacity;
    return (arrays){all[0], all[1], all[2], all[3], all[4], all[5],
                    all[6], all[7], all[8], all[9], at,     at + h->n_slots};
}

size_t pk_ngrams_ints(int32_t capacity, int32_t n_slots) {
    return N_ARRAYS * (size_t)capacity + 2 * (size_t)n_slots;
}

static void free_slots(history *h, int32_t slot_bits) {
    const arrays a = arrays_of(h);
    h->slot_bits = slot_bits;
    memset(a.by_gram, 0xff, sizeof(int32_t) << slot_bits); /* -1 */
    memset(a.by_context, 0xff, sizeof(int32_t) << slot_bits);
}

void pk_ngrams_clear(history *h) {
    h->base = 0;
    free_slots(h, MIN_SLOT_BITS);
}

void pk_ngrams_begin(history *h, int32_t ngram) {
    PLUCK_ASSERT(h->size == 0 && ngram >= 1);
    h->ngram = ngram;
    h->factor = hash_token(1, h->salt) | 1u;
    h->inverse = h->factor; /* to 3 bits; each step doubles them */
    for (int i = 0; i < 4; i++) h->inverse *= 2u - h->factor * h->inverse;
    PLUCK_ASSERT(h->factor * h->inverse == 1u);
    h->power = 1;
    uint32_t square = h->factor;
    for (int32_t n = ngram - 1; n > 0; n /= 2, square *= square)
        if (n % 2) h->power *= square;
}

/* ---- tokens ---- */

/* The ring index `back` places before another. */
static int32_t back_from(const history *h, int32_t index, int32_t back) {
    PLUCK_ASSERT(back >= 0 && back <= h->capacity);
    return index >= back ? index - back : index - back + h->capacity;
}

static uint32_t value_of(const history *h, int32_t token) {
    return hash_token(token, h->salt);
}

/* Sums are polynomials: with each token the sum is multiplied by an odd factor, and the token's value
 * added. So a sum can go back, and that of a stretch is a difference. This is the sum up to the token
 * `after` places after the oldest; -1: before the oldest. */
static uint32_t sum_to(const history *h, const arrays *a, int32_t after) {
    return after < 0 ? h->base : (uint32_t)a->sums[history_index(h, after)];
}

/* The hash of the context before the token, or the next one, `after` places after the oldest. */
static uint32_t context_before(const history *h, const arrays *a, int32_t after) {
    return sum_to(h, a, after - 1) - sum_to(h, a, after - h->ngram) * h->power;
}

/* Whether the n tokens before two ring indices are the same. */
static bool same_before(const history *h, int32_t a, int32_t b, int32_t n) {
    const int32_t *ring = history_ring(h);
    for (int32_t back = 1; back <= n; back++)
        if (ring[back_from(h, a, back)] != ring[back_from(h, b, back)]) return false;
    return true;
}

/* ---- the tables ---- */

static int32_t home_of(const history *h, int32_t hash) {
    return (int32_t)(hash_token(hash, h->salt) >> (32 - h->slot_bits));
}

/* The slot of an n-gram that ends at a ring index, or the free slot where it belongs. */
static int32_t find_gram(const history *h, const arrays *a, int32_t hash, int32_t end) {
    const int32_t mask = (1 << h->slot_bits) - 1;
    int32_t i = home_of(h, hash);
    for (; a->by_gram[i] != -1; i = (i + 1) & mask) {
        const int32_t e = a->by_gram[i], newest = a->newest[e];
        if (a->grams[e] == hash && history_ring(h)[newest] == history_ring(h)[end] &&
            same_before(h, newest, end, h->ngram - 1))
            break;
    }
    return i;
}

/* The slot of the context before a ring index, or the free slot where it belongs. */
static int32_t find_context(const history *h, const arrays *a, int32_t hash, int32_t index) {
    const int32_t mask = (1 << h->slot_bits) - 1;
    int32_t i = home_of(h, hash);
    for (; a->by_context[i] != -1; i = (i + 1) & mask) {
        const int32_t e = a->by_context[i];
        if (a->contexts[e] == hash && same_before(h, a->newest[e], index, h->ngram - 1)) break;
    }
    return i;
}

/* Puts an entry into a table that does not have it. */
static void insert(const history *h, int32_t *table, const int32_t *hashes, int32_t e) {
    const int32_t mask = (1 << h->slot_bits) - 1;
    int32_t i = home_of(h, hashes[e]);
    while (table[i] != -1) i = (i + 1) & mask;
    table[i] = e;
}

/* The slot that an entry is in. */
static int32_t slot_of(const history *h, const int32_t *table, const int32_t *hashes, int32_t e) {
    const int32_t mask = (1 << h->slot_bits) - 1;
    int32_t i = home_of(h, hashes[e]);
    for (; table[i] != e; i = (i + 1) & mask) PLUCK_ASSERT(table[i] != -1);
    return i;
}

/* Frees a slot, and moves later entries that would no longer be found. */
static void close_gap(const history *h, int32_t *table, const int32_t *hashes, int32_t hole) {
    const int32_t mask = (1 << h->slot_bits) - 1;
    for (int32_t i = (hole + 1) & mask; table[i] != -1; i = (i + 1) & mask) {
        const int32_t home = home_of(h, hashes[table[i]]);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            table[hole] = table[i];
            hole = i;
        }
    }
    table[hole] = -1;
}

/* Doubles the tables. */
static void grow(history *h, const arrays *a) {
    PLUCK_ASSERT(2 << h->slot_bits <= h->n_slots);
    free_slots(h, h->slot_bits + 1);
    for (int32_t e = 0; e < h->n_places; e++) {
        if (a->newest[e] == -1) continue;
        insert(h, a->by_gram, a->grams, e);
        if (a->before[e] == -1) insert(h, a->by_context, a->contexts, e);
    }
}

/* ---- entries ---- */

static int32_t take_entry(history *h, const arrays *a) {
    int32_t e = h->free_place;
    if (e == -1)
        e = h->n_places++;
    else
        h->free_place = a->after[e];
    PLUCK_ASSERT(e >= 0 && e < h->capacity);
    h->n_distinct++;
    return e;
}

/* Makes the entry of an n-gram that has none; it is its only occurrence. */
static int32_t make_entry(history *h, const arrays *a, int32_t end, uint32_t context,
                          int32_t gram) {
    if (2 * (h->n_distinct + 1) > 1 << h->slot_bits) grow(h, a);
    const int32_t e = take_entry(h, a);
    a->newest[e] = a->oldest[e] = end;
    a->grams[e] = gram;
    a->contexts[e] = (int32_t)context;
    insert(h, a->by_gram, a->grams, e);
    const int32_t slot = find_context(h, a, (int32_t)context, end);
    a->before[e] = -1;
    a->after[e] = a->by_context[slot];
    if (a->after[e] != -1) a->before[a->after[e]] = e;
    a->by_context[slot] = e;
    return e;
}

static void drop_entry(history *h, const arrays *a, int32_t e) {
    close_gap(h, a->by_gram, a->grams, slot_of(h, a->by_gram, a->grams, e));
    const int32_t before = a->before[e], after = a->after[e];
    if (after != -1) a->before[after] = before;
    if (before != -1) {
        a->after[before] = after;
    } else {
        const int32_t slot = slot_of(h, a->by_context, a->contexts, e);
        if (after != -1)
            a->by_context[slot] = after; /* of the same hash */
        else
            close_gap(h, a->by_context, a->contexts, slot);
    }
    a->newest[e] = -1;
    a->after[e] = h->free_place;
    h->free_place = e;
    h->n_distinct--;
}

/* The entry of the n-gram whose last token is `after` places after the oldest; a new one if it has
 * none: *made. */
static int32_t entry_at(history *h, const arrays *a, int32_t after, bool *made) {
    const int32_t end = history_index(h, after);
    const uint32_t context = context_before(h, a, after);
    const int32_t gram = (int32_t)hash_token(history_ring(h)[end], context);
    const int32_t found = a->by_gram[find_gram(h, a, gram, end)];
    *made = found == -1;
    a->entry[end] = *made ? make_entry(h, a, end, context, gram) : found;
    return a->entry[end];
}

/* Whether there is an n-gram at each end of the history. */
static bool has_ngrams(const history *h) {
    return h->size >= h->ngram;
}

static int32_t newest_end(const history *h) {
    return history_index(h, h->size - 1);
}

static int32_t oldest_end(const history *h) {
    return history_index(h, h->ngram - 1);
}

/* Asserts that an n-gram was found or made as the tables say: it is found again, and there are no more
 * than end in the history. */
static void check_entry(const history *h, const arrays *a, int32_t e, int32_t end) {
    PLUCK_ASSERT(a->entry[end] == e && a->newest[e] >= 0 && a->oldest[e] >= 0);
    PLUCK_ASSERT(a->by_gram[find_gram(h, a, a->grams[e], end)] == e);
    PLUCK_ASSERT(h->n_distinct >= 1 && h->n_distinct <= h->size - h->ngram + 1);
    PLUCK_ASSERT(2 * h->n_distinct <= 1 << h->slot_bits); /* every search needs a free slot */
    (void)h;
    (void)a;
    (void)e;
    (void)end;
}

void pk_ngrams_add_newest(history *h) {
    PLUCK_ASSERT(h->kind == HISTORY_NGRAMS && h->ngram >= 1 && h->size >= 1);
    const arrays a = arrays_of(h);
    const int32_t end = newest_end(h);
    a.sums[end] =
        (int32_t)(sum_to(h, &a, h->size - 2) * h->factor + value_of(h, history_ring(h)[end]));
    if (!has_ngrams(h)) return;
    bool made;
    const int32_t e = entry_at(h, &a, h->size - 1, &made);
    check_entry(h, &a, e, end);
    if (made) return;
    a.earlier[end] = a.newest[e];
    a.later[a.newest[e]] = end;
    a.newest[e] = end;
}

void pk_ngrams_add_oldest(history *h) {
    const arrays a = arrays_of(h);
    a.sums[h->first] = (int32_t)h->base;
    h->base = (h->base - value_of(h, history_ring(h)[h->first])) * h->inverse;
    if (!has_ngrams(h)) return;
    const int32_t end = oldest_end(h);
    bool made;
    const int32_t e = entry_at(h, &a, h->ngram - 1, &made);
    check_entry(h, &a, e, end);
    if (made) return;
    a.later[end] = a.oldest[e];
    a.earlier[a.oldest[e]] = end;
    a.oldest[e] = end;
}

void pk_ngrams_drop_newest(history *h) {
    if (!has_ngrams(h)) return;
    const arrays a = arrays_of(h);
    const int32_t end = newest_end(h), e = a.entry[end];
    PLUCK_ASSERT(a.newest[e] == end);
    PLUCK_ASSERT(a.oldest[e] == end || a.later[a.earlier[end]] == end);
    if (a.oldest[e] == end)
        drop_entry(h, &a, e);
    else
        a.newest[e] = a.earlier[end];
}

void pk_ngrams_drop_oldest(history *h) {
    const arrays a = arrays_of(h);
    h->base = (uint32_t)a.sums[h->first];
    if (!has_ngrams(h)) return;
    const int32_t end = oldest_end(h), e = a.entry[end];
    PLUCK_ASSERT(a.oldest[e] == end);
    PLUCK_ASSERT(a.newest[e] == end || a.earlier[a.later[end]] == end);
    if (a.newest[e] == end)
        drop_entry(h, &a, e);
    else
        a.oldest[e] = a.later[end];
}

int32_t pk_ngrams_following(const history *h, int32_t *tokens) {
    PLUCK_ASSERT(h->kind == HISTORY_NGRAMS);
    if (!has_ngrams(h)) return 0;
    const arrays a = arrays_of(h);
    /* The place of the next token; the ring may be full, so that the oldest token is there. */
    const int32_t next = history_index(h, h->size);
    const uint32_t context = context_before(h, &a, h->size);
    int32_t n = 0;
    for (int32_t e = a.by_context[find_context(h, &a, (int32_t)context, next)]; e != -1;
         e = a.after[e]) {
        PLUCK_ASSERT(same_before(h, a.newest[e], next, h->ngram - 1));
        tokens[n++] = history_ring(h)[a.newest[e]];
    }
    PLUCK_ASSERT(n <= h->n_distinct);
    return n;
}
