/*
 * dry_repeats_once.c: what DRY would penalise after a history that is given as an array, computed
 * without anything from an earlier call.
 */
#include "arithmetic.h"

#include "common.h"
#include "dry_repeats.h"
#include "hash.h"
#include "radix.h"
#include "suffixes.h"

static int32_t least(int32_t a, int32_t b) {
    return a < b ? a : b;
}

/* Notes each token that follows a repeat of `allowed` or more tokens of the end, and the length of
 * the repeat, up to `limit`. s: newest first. Returns how many notes there are. */
static int32_t note(const int32_t *s, const int32_t *suffixes, int32_t n, int32_t allowed,
                    int32_t limit, int32_t *tokens, int32_t *lengths) {
    int32_t n_notes = 0;
    for (int32_t i = 1; i < n; i++) {
        tokens[n_notes] = s[i - 1];
        lengths[n_notes] = least(suffixes[i], limit);
        n_notes += suffixes[i] >= allowed;
    }
    return n_notes;
}

/* Leaves one note for each token, with its greatest length. table: 2 n int32. Returns how many. */
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

/* Makes a token's length -1, if it is among the n, which ascend. */
static void rule_out(int32_t token, const int32_t *tokens, int32_t *lengths, int32_t n) {
    const int32_t at = find_ascending(tokens, n, token);
    if (at >= 0) lengths[at] = -1;
}

/* Removes tokens that are exempt, or breakers by themselves. The tokens ascend. */
static int32_t drop_exempt(const pluck_stage_dry *p, int32_t *tokens, int32_t *lengths, int32_t n) {
    for (int32_t i = 0; i < p->n_breakers; i++)
        if (p->breakers[i].n_tokens == 1) rule_out(p->breakers[i].tokens[0], tokens, lengths, n);
    for (int32_t i = 0; i < p->n_exempt; i++) rule_out(p->exempt[i], tokens, lengths, n);
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
    const int32_t allowed = p->allowed_length;
    if (n <= allowed) return 0;
    const int32_t limit =
        pk_breakers_limit_once(p->breakers, p->n_breakers, scratch, n, tokens, lengths);
    if (limit < allowed) return 0;
    int32_t *suffixes = scratch + n;
    pk_suffix_lengths(scratch, n, suffixes);
    int32_t n_repeats = note(scratch, suffixes, n, allowed, limit, tokens, lengths);
    n_repeats = merge(tokens, lengths, n_repeats, scratch);
    pk_radix_sort(tokens, lengths, n_repeats, scratch);
    return drop_exempt(p, tokens, lengths, n_repeats);
}
