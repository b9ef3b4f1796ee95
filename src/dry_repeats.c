/*
 * dry_repeats.c: see dry_repeats.h. A token that follows an earlier occurrence of the history's end
 * is noted with the length of that occurrence; then what was noted several times becomes one.
 */
#include "dry_repeats.h"

#include <string.h>

#include "hash.h"
#include "radix.h"
#include "suffixes.h"

static int32_t least(int32_t a, int32_t b) {
    return a < b ? a : b;
}

/* What one place of the history may note. */
typedef struct place {
    const int32_t *s, *lags;
    int32_t n, allowed;
} place;

/* Notes what follows places `from` to `end` - 1; without a branch, since it is a matter of chance
 * which of them repeat the end. Returns how many are noted now. */
static int32_t note(const place *p, int32_t from, int32_t end, int32_t *tokens, int32_t *lengths,
                    int32_t n_noted) {
    for (int32_t i = from; i < end; i++) {
        tokens[n_noted] = p->s[i - 1];
        lengths[n_noted] = least(p->lags[i], p->n - i);
        n_noted += p->lags[i] >= p->allowed;
    }
    return n_noted;
}

/* Notes what follows each occurrence of the end that is long enough; s: newest first. */
static int32_t note_all(const place *p, int32_t *tokens, int32_t *lengths) {
    enum { STEP = 16 };
    int32_t n_noted = 0, i = 1;
    const int32_t end = p->n - p->allowed + 1; /* nothing older is so long */
    const int32_t last = least(end, p->n);
    for (; i + STEP <= last; i += STEP) {
        int32_t any = 0;
        for (int32_t k = 0; k < STEP; k++) any |= p->lags[i + k] >= p->allowed;
        if (any) n_noted = note(p, i, i + STEP, tokens, lengths, n_noted);
    }
    return note(p, i, last, tokens, lengths, n_noted);
}

static int32_t greatest_of(const int32_t *x, int32_t n) {
    int32_t greatest = 0;
    for (int32_t i = 0; i < n; i++) greatest = x[i] > greatest ? x[i] : greatest;
    return greatest;
}

/* One entry for each token, with the greatest length; table: 2 n int32. Returns how many. */
static int32_t merge(int32_t *tokens, int32_t *lengths, int32_t n, int32_t *table) {
    const uint32_t n_slots = 2 * (uint32_t)n, salt = salt_of(table);
    memset(table, 0xff, n_slots * sizeof *table); /* -1: free */
    int32_t n_merged = 0;
    for (int32_t i = 0; i < n; i++) {
        const int32_t token = tokens[i], length = lengths[i];
        uint32_t slot = (uint32_t)((uint64_t)hash_token(token, salt) * n_slots >> 32);
        while (table[slot] >= 0 && tokens[table[slot]] != token)
            slot = slot + 1 < n_slots ? slot + 1 : 0;
        const int32_t at = table[slot];
        if (at >= 0) {
            if (lengths[at] < length) lengths[at] = length;
            continue;
        }
        table[slot] = n_merged;
        tokens[n_merged] = token;
        lengths[n_merged++] = length;
    }
    return n_merged;
}

static void cut(int32_t *lengths, int32_t n, int32_t limit) {
    for (int32_t i = 0; i < n; i++) lengths[i] = least(lengths[i], limit);
}

/* Tokens after the last breaker, if they are fewer than `wanted`; else `wanted` or more. Looks as
 * far back as that takes, and at least one token of a breaker must be that near. */
static int32_t limit_up_to(const breakers *index, const int32_t *s, int32_t n, int32_t wanted) {
    return pk_breakers_limit(index, s, least(n - wanted, PLUCK_MAX_BREAKER - 1) + wanted);
}

int32_t pk_dry_repeats(const pluck_stage_dry *p, const breakers *index, history *h,
                       int32_t *scratch, int32_t *tokens, int32_t *lengths) {
    const int32_t n = h->size, allowed = p->allowed_length;
    if (n <= allowed) return 0;
    pk_history_reversed(h, scratch);
    if (limit_up_to(index, scratch, n, allowed) < allowed) return 0;
    const place all = {scratch, pk_history_lags(h, scratch), n, allowed};
    int32_t n_repeats = note_all(&all, tokens, lengths);
    const int32_t longest = greatest_of(lengths, n_repeats);
    const int32_t limit = limit_up_to(index, scratch, n, longest);
    n_repeats = merge(tokens, lengths, n_repeats, scratch);
    cut(lengths, n_repeats, limit);
    return pk_breakers_drop(index, tokens, lengths, n_repeats);
}

/* Leaves out tokens that are breakers by themselves; tokens ascend. */
static int32_t drop_singles(const pluck_stage_dry *p, int32_t *tokens, int32_t *lengths,
                            int32_t n) {
    for (int32_t i = 0; i < p->n_breakers; i++) {
        if (p->breakers[i].n_tokens != 1) continue;
        const int32_t token = p->breakers[i].tokens[0];
        int32_t low = 0, high = n;
        while (low < high) {
            const int32_t middle = low + (high - low) / 2;
            if (tokens[middle] < token)
                low = middle + 1;
            else
                high = middle;
        }
        if (low < n && tokens[low] == token) lengths[low] = -1;
    }
    int32_t kept = 0;
    for (int32_t i = 0; i < n; i++) {
        tokens[kept] = tokens[i];
        lengths[kept] = lengths[i];
        kept += lengths[i] >= 0;
    }
    return kept;
}

int32_t pk_dry_repeats_once(const pluck_stage_dry *p, int32_t *scratch, int32_t n, int32_t *tokens,
                            int32_t *lengths) {
    if (n <= p->allowed_length) return 0;
    const int32_t limit =
        pk_breakers_limit_once(p->breakers, p->n_breakers, scratch, n, tokens, lengths);
    if (limit < p->allowed_length) return 0;
    int32_t *lags = scratch + n;
    pk_suffix_lengths(scratch, n, lags);
    const place all = {scratch, lags, n, p->allowed_length};
    int32_t n_repeats = note_all(&all, tokens, lengths);
    n_repeats = merge(tokens, lengths, n_repeats, scratch);
    cut(lengths, n_repeats, limit);
    pk_radix_sort(tokens, lengths, n_repeats, scratch);
    return drop_singles(p, tokens, lengths, n_repeats);
}
