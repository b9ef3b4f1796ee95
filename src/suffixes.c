/*
 * suffixes.c: the Z function of the reversed sequence (Gusfield, Algorithms on Strings, Trees, and
 * Sequences, 1997, section 1.4).
 */
#include "arithmetic.h"

#include "suffixes.h"

#include <string.h>

/* The first place from i on where `token` is; n if there is none. */
static int32_t next_of(int32_t token, const int32_t *s, int32_t i, int32_t n) {
    enum { STEP = 16 };
    for (; i + STEP <= n; i += STEP) {
        int32_t any = 0;
        for (int32_t k = 0; k < STEP; k++) any |= s[i + k] == token;
        if (any) break;
    }
    while (i < n && s[i] != token) i++;
    return i;
}

/* How many of n leading tokens are the same in a and b. Compares four at a time: most matches are
 * short, and a branch for each token would be mispredicted. */
static int32_t common_prefix(const int32_t *a, const int32_t *b, int32_t n) {
    int32_t i = 0;
    for (; i + 4 <= n; i += 4) {
        const int32_t first = a[i] == b[i];
        const int32_t second = first & (a[i + 1] == b[i + 1]);
        const int32_t third = second & (a[i + 2] == b[i + 2]);
        const int32_t fourth = third & (a[i + 3] == b[i + 3]);
        if (!fourth) return i + first + second + third;
    }
    while (i < n && a[i] == b[i]) i++;
    return i;
}

/*
 * A match of `length` tokens that begins at `from` repeats the start of s. So the match at from + k
 * is as long as the one at k, if that ends inside the first match; if it ends where that ends, it
 * may be longer.
 */
void pk_suffix_lengths(const int32_t *s, int32_t n, int32_t *lengths) {
    for (int32_t i = 1; i < n;) {
        int32_t from = next_of(s[0], s, i, n);
        memset(lengths + i, 0, (size_t)(from - i) * sizeof *lengths);
        if (from == n) return;
        int32_t length = common_prefix(s, s + from, n - from);
        lengths[from] = length;
        for (int32_t k = 1; k < length; k++) {
            const int32_t left = length - k;
            if (lengths[k] != left) {
                lengths[from + k] = lengths[k] < left ? lengths[k] : left;
                continue;
            }
            from += k;
            length = left + common_prefix(s + left, s + from + left, n - from - left);
            lengths[from] = length;
            k = 0;
        }
        i = from + length;
    }
}
