/*
 * dry_repeats.c: what DRY would penalise, kept up to date while tokens are accepted.
 *
 * A lag i is a distance from the end of the history. For each lag the number of tokens is kept for
 * which the history reads the same backwards from there as from its end. When a token t is pushed,
 * the number of lag i grows by one if the token at lag i is t, and becomes 0 if it is not. So one
 * pass without branches brings all lags up to date, whatever the history contains. After many
 * tokens at once, such as a prompt, the numbers are computed again.
 */
#include "arithmetic.h"

#include "dry_repeats.h"

#include "contract.h"
#include "suffixes.h"

static int32_t least(int32_t a, int32_t b) {
    return a < b ? a : b;
}

/* ---- lags ---- */

/* Updates the n lags whose tokens are newest[0], newest[-1], ... The numbers stop at `most`, so
 * that they never overflow. */
static void extend_lags(const int32_t *restrict newest, int32_t n, int32_t token, int32_t most,
                        int32_t *restrict lags) {
    for (ptrdiff_t i = 0; i < n; i++) {
        const int32_t same = -(newest[-i] == token);
        lags[i] = (lags[i] + (lags[i] < most)) & same;
    }
}

/* Updates the lags for the token `back` places from the end. Tokens that have left the ring since
 * then are not needed, because a repeat ends at the oldest token. */
static void pass_token(history *h, int32_t back) {
    const int32_t token = pk_history_back(h, back);
    const int32_t n = h->size - 1 - back; /* lags 1 to n */
    const int32_t at = history_index(h, h->size - 2 - back);
    const int32_t before = least(at + 1, n); /* up to the ring's beginning */
    int32_t *lags = history_lags(h) + 1;
    extend_lags(history_ring(h) + at, before, token, h->capacity, lags);
    extend_lags(history_ring(h) + h->capacity - 1, n - before, token, h->capacity, lags + before);
}

/* Brings lags 1 to size - 1 up to date. If the number of lag i is more than the size - i tokens
 * that remain there, it counts as that many. scratch: size int32. */
static void update_lags(history *h, int32_t *scratch) {
    enum { MAX_PASSES = 8 };
    int32_t *lags = history_lags(h);
    if (h->n_new > MAX_PASSES || h->n_new >= h->size) {
        pk_history_reversed(h, h->size, scratch);
        pk_suffix_lengths(scratch, h->size, lags);
    } else {
        for (int32_t i = h->n_lags; i < h->size; i++) lags[i] = 0;
        for (int32_t back = h->n_new; back-- > 0;) pass_token(h, back);
    }
}

/* Marks tokens that are breakers by themselves as already noted, so that they never are. */
static void rule_out_breakers(history *h, const breakers *index) {
    const int32_t n = least(h->n_new, h->size);
    for (int32_t back = 0; back < n; back++) {
        const int32_t at = history_index(h, h->size - 1 - back);
        if (pk_breakers_single(index, history_ring(h)[at]))
            history_longest(h)[history_places(h)[at]] = INT32_MAX;
    }
}

/* ---- repeats ---- */

/* The places and lengths that are noted; room for as many as there are lags. */
typedef struct notes {
    int32_t *places, *lengths;
    int32_t n;
} notes;

/* Notes the tokens that follow lags `from` to `end` - 1 whose number is `allowed` or more. The
 * token that follows lag `from` is at places[0], the next at places[-1], ... There is no branch,
 * since which lags repeat the end cannot be predicted. */
static void note(notes *to, const int32_t *restrict places, const int32_t *restrict lags,
                 int32_t from, int32_t end, int32_t allowed, int32_t size) {
    int32_t *restrict to_places = to->places, *restrict to_lengths = to->lengths;
    int32_t n = to->n;
    for (ptrdiff_t i = from; i < end; i++) {
        to_places[n] = places[from - i];
        to_lengths[n] = least(lags[i], size - (int32_t)i);
        n += lags[i] >= allowed;
    }
    to->n = n;
}

/* The same for any number of lags; skips stretches that repeat nothing. */
static void note_all(notes *to, const int32_t *places, const int32_t *lags, int32_t from,
                     int32_t end, int32_t allowed, int32_t size) {
    enum { STEP = 16 };
    int32_t i = from;
    for (; i + STEP <= end; i += STEP) {
        int32_t any = 0;
        for (int32_t k = 0; k < STEP; k++) any |= lags[i + k] >= allowed;
        if (any) note(to, places + from - i, lags, i, i + STEP, allowed, size);
    }
    note(to, places + from - i, lags, i, end, allowed, size);
}

/* Leaves one note for each place; its greatest length is in longest[place]. */
static void merge(notes *p, int32_t *longest) {
    int32_t n = 0;
    for (int32_t i = 0; i < p->n; i++) {
        PLUCK_ASSERT(p->places[i] >= 0 && p->lengths[i] >= 0);
        const int32_t place = p->places[i], known = longest[place];
        longest[place] = known > p->lengths[i] ? known : p->lengths[i];
        p->places[n] = place;
        n += known < 0;
    }
    p->n = n;
}

/* Turns places into tokens and fills in their lengths; returns the greatest length. */
static int32_t read_notes(notes *p, const int32_t *tokens, int32_t *longest) {
    int32_t greatest = 0;
    for (int32_t i = 0; i < p->n; i++) {
        const int32_t place = p->places[i], length = longest[place];
        PLUCK_ASSERT(tokens[place] >= 0 && length >= 0 && length < INT32_MAX);
        longest[place] = -1;
        p->places[i] = tokens[place];
        p->lengths[i] = length;
        greatest = length > greatest ? length : greatest;
    }
    return greatest;
}

/* The number of tokens after the last breaker, if it is less than `wanted`; else `wanted` or more.
 * Reads no more of the history than that needs. */
static int32_t limit_up_to(const breakers *index, const history *h, int32_t wanted) {
    const int32_t n = wanted + least(h->size - wanted, PLUCK_MAX_BREAKER - 1);
    const int32_t at = history_index(h, h->size - 1);
    const int32_t before = least(at + 1, n); /* up to the ring's beginning */
    breaker_search search = {0, 0};
    if (pk_breakers_find(index, &search, history_ring(h) + at, before)) return search.limit;
    const int32_t *last = history_ring(h) + h->capacity - 1;
    if (pk_breakers_find(index, &search, last, n - before)) return search.limit;
    return n;
}

int32_t pk_dry_repeats(const pluck_stage_dry *p, const breakers *index, history *h, int32_t *tokens,
                       int32_t *lengths) {
    PLUCK_ASSERT(h->kind == HISTORY_REPEATS && h->capacity == p->last_n && p->allowed_length >= 0);
    const int32_t n = h->size, allowed = p->allowed_length;
    if (n <= allowed || limit_up_to(index, h, allowed) < allowed) return 0;
    update_lags(h, tokens);
    rule_out_breakers(h, index);
    h->n_lags = n;
    h->n_new = 0;
    notes found = {tokens, lengths, 0};
    /* The token that follows lag i is at lag i - 1: ring index `at` for i = 1, then at - 1, ... */
    const int32_t at = history_index(h, n - 1);
    const int32_t end = least(n, n - allowed + 1); /* older ones are shorter */
    const int32_t wrap = least(at + 2, end);
    const int32_t *places = history_places(h), *lags = history_lags(h);
    note_all(&found, places + at, lags, 1, wrap, allowed, n);
    note_all(&found, places + h->capacity - 1, lags, wrap, end, allowed, n);
    merge(&found, history_longest(h));
    PLUCK_ASSERT(found.n <= h->n_distinct);
    const int32_t longest = read_notes(&found, history_tokens(h), history_longest(h));
    const int32_t limit = limit_up_to(index, h, longest);
    for (int32_t i = 0; limit < longest && i < found.n; i++) lengths[i] = least(lengths[i], limit);
    return found.n;
}
