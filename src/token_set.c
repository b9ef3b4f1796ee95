/* token_set.c: see token_set.h. */
#include "arithmetic.h"

#include "token_set.h"

#include "common.h"
#include "radix.h"

size_t pk_token_set_size(int32_t n) {
    return sizeof(token_set) + (size_t)n * sizeof(int32_t);
}

token_set *pk_token_set_make(void *memory, const int32_t *tokens, int32_t n, int32_t *room) {
    PLUCK_ASSERT(n >= 0);
    token_set *s = memory;
    memset(s, 0, sizeof *s);
    if (n == 0) return s;
    memcpy(s->tokens, tokens, (size_t)n * sizeof *tokens);
    s->n = pk_radix_sort_distinct(s->tokens, n, room);
    for (int32_t i = 0; i < s->n; i++)
        s->residues[s->tokens[i] / 64 % 64] |= (uint64_t)1 << (s->tokens[i] % 64);
    return s;
}

bool pk_token_set_search(const token_set *s, int32_t token) {
    return find_ascending(s->tokens, s->n, token) >= 0;
}
