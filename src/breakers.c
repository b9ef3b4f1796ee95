/*
 * breakers.c: see breakers.h.
 *
 * The index is the automaton of Aho and Corasick (CACM 18(6), 1975) for the sequences read
 * backwards, so that it finds the last breaker first. Its edges are in a hash table with the key
 * (node, token). Most tokens end no breaker. A filter with a bit for each of `FILTER` hash values
 * per sequence shows this without a look at the edges, and stays in the first-level cache.
 */
#include "arithmetic.h"

#include "breakers.h"

#include <string.h>

#include "contract.h"

enum { ROOT = 0, NO_EDGE = 0, FILTER = 16, MIN_FILTER_BITS = 9, MIN_EDGE_BITS = 3 };

typedef struct edge {
    int32_t from, token;
    int32_t to; /* NO_EDGE: the entry is free */
} edge;

typedef struct node {
    int32_t fallback; /* the node of the longest proper suffix that begins a sequence */
    int32_t longest;  /* length of the longest sequence that ends here; 0: none */
} node;

struct breakers {
    int32_t n_nodes; /* 1, only the root: there are no sequences */
    int32_t filter_bits, edge_bits;
    int32_t n_most; /* nodes that there is memory for */
    /* Followed by the filter's words, the nodes and the edges. */
};

static uint32_t *filter_of(breakers *b) {
    return (uint32_t *)(b + 1);
}

static node *nodes_of(breakers *b) {
    return (node *)(filter_of(b) + ((size_t)1 << b->filter_bits) / 32);
}

static edge *edges_of(breakers *b) {
    return (edge *)(nodes_of(b) + b->n_most);
}

static const uint32_t *filter_const(const breakers *b) {
    return (const uint32_t *)(b + 1);
}

static const node *nodes_const(const breakers *b) {
    return (const node *)(filter_const(b) + ((size_t)1 << b->filter_bits) / 32);
}

static const edge *edges_const(const breakers *b) {
    return (const edge *)(nodes_const(b) + b->n_most);
}

static int32_t bits_for(int64_t n, int32_t least) {
    int32_t bits = least;
    while (bits < 30 && (int64_t)1 << bits < n) bits++;
    return bits;
}

/* The sizes of the parts of an index. */
static breakers plan_index(const pluck_token_sequence *sequences, int32_t n) {
    int64_t n_tokens = 0;
    for (int32_t i = 0; i < n; i++) n_tokens += sequences[i].n_tokens;
    return (breakers){.n_nodes = 1,
                      .filter_bits = bits_for(FILTER * (int64_t)n, MIN_FILTER_BITS),
                      .edge_bits = bits_for(2 * n_tokens, MIN_EDGE_BITS),
                      .n_most = (int32_t)(n_tokens + 1)};
}

size_t pk_breakers_size(const pluck_token_sequence *sequences, int32_t n) {
    const breakers b = plan_index(sequences, n);
    /* After the edges: the node that each sequence has reached, used while the index is made. */
    return sizeof b + ((size_t)1 << b.filter_bits) / 8 + (size_t)b.n_most * sizeof(node) +
           (sizeof(edge) << b.edge_bits) + (size_t)n * sizeof(int32_t);
}

/* Fibonacci hashing: the upper bits of a product. */
static uint32_t filter_bit(const breakers *b, int32_t token) {
    return (uint32_t)token * 2654435769u >> (32 - b->filter_bits);
}

static bool may_begin(const breakers *b, int32_t token) {
    const uint32_t bit = filter_bit(b, token);
    return filter_const(b)[bit / 32] >> bit % 32 & 1;
}

/* The place of an edge in the table, or the free place where it belongs. */
static uint32_t find_edge(const breakers *b, int32_t from, int32_t token) {
    const edge *edges = edges_const(b);
    const uint32_t mask = (1u << b->edge_bits) - 1;
    uint32_t x = (uint32_t)token * 2654435769u ^ (uint32_t)from * 2246822519u;
    x ^= x >> 15;
    for (uint32_t i = x * 3266489917u >> (32 - b->edge_bits);; i = (i + 1) & mask) {
        const edge *e = &edges[i];
        if (e->to == NO_EDGE || (e->from == from && e->token == token)) return i;
    }
}

/* The node that follows `at` after reading a token. */
static int32_t step(const breakers *b, int32_t at, int32_t token) {
    for (;;) {
        const int32_t to = edges_const(b)[find_edge(b, at, token)].to;
        if (to != NO_EDGE || at == ROOT) return to; /* NO_EDGE is the root's number */
        at = nodes_const(b)[at].fallback;
    }
}

/* The node that the edge of a token leads to; makes it if there is none yet. */
static int32_t extend(breakers *b, int32_t from, int32_t token) {
    edge *e = &edges_of(b)[find_edge(b, from, token)];
    if (e->to != NO_EDGE) return e->to;
    /* Looked up before the edge exists: from the root it would lead to the new node itself. */
    const int32_t fallback = from == ROOT ? ROOT : step(b, nodes_of(b)[from].fallback, token);
    PLUCK_ASSERT(b->n_nodes < b->n_most);
    const int32_t made = b->n_nodes++;
    nodes_of(b)[made] = (node){fallback, nodes_of(b)[fallback].longest};
    *e = (edge){from, token, made};
    return made;
}

breakers *pk_breakers_make(void *memory, const pluck_token_sequence *sequences, int32_t n) {
    breakers *b = memory;
    *b = plan_index(sequences, n);
    memset(filter_of(b), 0, ((size_t)1 << b->filter_bits) / 8);
    nodes_of(b)[ROOT] = (node){ROOT, 0};
    memset(edges_of(b), 0, sizeof(edge) << b->edge_bits);
    int32_t *at = (int32_t *)(edges_of(b) + ((size_t)1 << b->edge_bits));
    memset(at, 0, (size_t)n * sizeof *at);
    /* All sequences advance by one token at a time, so fallbacks, which are shorter, exist. */
    for (int32_t depth = 1; depth <= PLUCK_MAX_BREAKER; depth++)
        for (int32_t i = 0; i < n; i++) {
            const pluck_token_sequence *s = &sequences[i];
            if (s->n_tokens < depth) continue;
            at[i] = extend(b, at[i], s->tokens[s->n_tokens - depth]);
            if (s->n_tokens == depth) nodes_of(b)[at[i]].longest = depth;
        }
    for (int32_t i = 0; i < n; i++) {
        const uint32_t bit = filter_bit(b, sequences[i].tokens[sequences[i].n_tokens - 1]);
        filter_of(b)[bit / 32] |= 1u << bit % 32;
    }
    return b;
}

bool pk_breakers_find(const breakers *b, breaker_search *search, const int32_t *newest, int32_t n) {
    int32_t at = search->state;
    ptrdiff_t i = b->n_nodes == 1 ? n : 0;
    for (; i < n; i++) {
        if (at == ROOT) {
            while (i < n && !may_begin(b, newest[-i])) i++;
            if (i == n) break;
        }
        at = step(b, at, newest[-i]);
        const int32_t longest = nodes_const(b)[at].longest;
        if (longest > 0) {
            search->limit += (int32_t)i + 1 - longest;
            return true;
        }
    }
    search->state = at;
    search->limit += n;
    return false;
}

bool pk_breakers_single(const breakers *b, int32_t token) {
    if (b->n_nodes == 1 || !may_begin(b, token)) return false;
    return nodes_const(b)[edges_const(b)[find_edge(b, ROOT, token)].to].longest == 1;
}

/* ---- without an index ---- */

/* Whether the sequence occurs with its head `back` tokens before the end. */
static bool occurs(const pluck_token_sequence *s, const int32_t *reversed, int32_t back) {
    if (s->n_tokens - 1 > back) return false;
    for (int32_t i = 0; i < s->n_tokens; i++)
        if (s->tokens[i] != reversed[back - i]) return false;
    return true;
}

/* Indexes the history instead of the sequences: chains of places whose tokens have the same hash,
 * newest first. */
int32_t pk_breakers_limit_once(const pluck_token_sequence *sequences, int32_t n_sequences,
                               const int32_t *reversed, int32_t n, int32_t *places,
                               int32_t *links) {
    if (n_sequences == 0 || n == 0) return n;
    int32_t bits = 0;
    while (bits < 30 && 2 << bits <= n) bits++;
    memset(places, 0xff, sizeof *places << bits); /* -1: none */
    for (int32_t back = n; back-- > 0;) {
        int32_t *place = &places[(uint64_t)((uint32_t)reversed[back] * 2654435769u) >> (32 - bits)];
        links[back] = *place;
        *place = back;
    }
    int32_t nearest = n, longest = 0; /* where the nearest breaker begins; its length */
    for (int32_t i = 0; i < n_sequences; i++) {
        const pluck_token_sequence *s = &sequences[i];
        int32_t back = places[(uint64_t)((uint32_t)s->tokens[0] * 2654435769u) >> (32 - bits)];
        while (back >= 0 && back <= nearest && !occurs(s, reversed, back)) back = links[back];
        if (back < 0 || back > nearest) continue;
        longest = back < nearest || s->n_tokens > longest ? s->n_tokens : longest;
        nearest = back;
    }
    return nearest < n ? nearest + 1 - longest : n;
}
