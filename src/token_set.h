/* token_set.h: a set of tokens that never changes, such as those that a stage leaves alone. */
#ifndef PLUCK_TOKEN_SET_H
#define PLUCK_TOKEN_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct token_set {
    uint64_t residues[64]; /* of the tokens modulo 4096: most others need no search */
    int32_t n;
    int32_t tokens[]; /* ascending, each once */
} token_set;

/* The size in bytes of a set of n >= 0 tokens. */
size_t pk_token_set_size(int32_t n);

/* Makes a set of n tokens, in any order, in memory of that size; room: n int32. */
token_set *pk_token_set_make(void *memory, const int32_t *tokens, int32_t n, int32_t *room);

/* Whether a token whose residue is in the set is itself in it. */
bool pk_token_set_search(const token_set *s, int32_t token);

static inline bool token_set_has(const token_set *s, int32_t token) {
    return s->residues[token / 64 % 64] >> (token % 64) & 1 && pk_token_set_search(s, token);
}

#endif /* PLUCK_TOKEN_SET_H */
