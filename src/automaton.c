/* automaton.c: see automaton.h. */
#include "arithmetic.h"

#include "automaton.h"

#include <string.h>

#include "common.h"
#include "hash.h"

/* An edge: its key is the state that it begins at, times 256, plus the byte. to: 0 in a free slot,
 * since no edge leads to the state of an empty text. */
typedef struct edge {
    uint32_t key;
    int32_t to;
} edge;

typedef struct node {
    int32_t depth;
    int32_t parent; /* until it is finished */
    int32_t fail;   /* the state of the longest shorter end of the text */
    int32_t string; /* the longest string that ends here; -1: none */
    int32_t length; /* of that string */
    int32_t byte;   /* of the edge that leads here */
} node;

struct automaton {
    int32_t n_nodes, room;
    int32_t slot_bits;
    uint32_t salt;
    bool ignore_case;
    int32_t beginnings[256]; /* by byte: the state after it in an empty text, which most texts' ends
                                are as good as; 0: none */
    /* Followed by the nodes, the nodes by depth, and the slots. */
};

static int32_t slot_bits_for(int32_t n_nodes) {
    int32_t bits = 4;
    while (bits < 30 && (int64_t)1 << bits < 2 * (int64_t)n_nodes) bits++;
    return bits;
}

size_t pk_automaton_size(int32_t bytes) {
    const size_t n = (size_t)bytes + 1;
    return sizeof(automaton) + n * (sizeof(node) + sizeof(int32_t)) +
           (sizeof(edge) << slot_bits_for(bytes + 1));
}

static node *nodes_of(const automaton *a) {
    return (node *)(uintptr_t)(a + 1);
}

static int32_t *order_of(const automaton *a) {
    return (int32_t *)(nodes_of(a) + a->room);
}

static edge *slots_of(const automaton *a) {
    return (edge *)(order_of(a) + a->room);
}

automaton *pk_automaton_begin(void *memory, int32_t bytes, bool ignore_case) {
    PLUCK_ASSERT(bytes >= 1);
    automaton *a = memory;
    *a = (automaton){.n_nodes = 1,
                     .room = bytes + 1,
                     .slot_bits = slot_bits_for(bytes + 1),
                     .salt = salt_of(memory),
                     .ignore_case = ignore_case};
    nodes_of(a)[0] = (node){.string = -1};
    memset(slots_of(a), 0, sizeof(edge) << a->slot_bits);
    return a;
}

static uint32_t key_of(const automaton *a, int32_t state, char byte) {
    const bool folds = a->ignore_case && byte >= 'A' && byte <= 'Z';
    return (uint32_t)state * 256u + (uint8_t)(folds ? byte - 'A' + 'a' : byte);
}

/* The slot of an edge, or the free one where it belongs. */
static edge *find(const automaton *a, uint32_t key) {
    edge *slots = slots_of(a);
    const uint32_t mask = ((uint32_t)1 << a->slot_bits) - 1;
    uint32_t i = hash_token((int32_t)key, a->salt) >> (32 - a->slot_bits);
    while (slots[i].to != 0 && slots[i].key != key) i = (i + 1) & mask;
    return &slots[i];
}

void pk_automaton_add(automaton *a, const char *string, int32_t n, int32_t number) {
    int32_t state = 0;
    for (int32_t i = 0; i < n; i++) {
        const uint32_t key = key_of(a, state, string[i]);
        edge *e = find(a, key);
        if (e->to == 0) {
            PLUCK_ASSERT(a->n_nodes < a->room);
            *e = (edge){key, a->n_nodes++};
            nodes_of(a)[e->to] = (node){
                .depth = i + 1, .parent = state, .string = -1, .byte = (int32_t)(key & 255u)};
        }
        state = e->to;
    }
    node *end = &nodes_of(a)[state];
    if (end->string < 0) *end = (node){end->depth, end->parent, 0, number, n, end->byte};
}

/* Sorts the states by depth: those of a depth are counted, then each gets its place. */
static void sort_by_depth(const automaton *a) {
    node *nodes = nodes_of(a);
    int32_t *order = order_of(a), n = 0;
    /* `fail` of state d is used to count the states of depth d, of which there are less than n. */
    for (int32_t i = 0; i < a->n_nodes; i++) nodes[i].fail = 0;
    for (int32_t i = 0; i < a->n_nodes; i++) nodes[nodes[i].depth].fail++;
    for (int32_t d = 0; d < a->n_nodes; d++) {
        const int32_t count = nodes[d].fail;
        nodes[d].fail = n;
        n += count;
    }
    for (int32_t i = 0; i < a->n_nodes; i++) order[nodes[nodes[i].depth].fail++] = i;
}

void pk_automaton_finish(automaton *a) {
    for (int32_t byte = 0; byte < 256; byte++)
        a->beginnings[byte] = find(a, key_of(a, 0, (char)(uint8_t)byte))->to;
    sort_by_depth(a);
    node *nodes = nodes_of(a);
    const int32_t *order = order_of(a);
    for (int32_t i = 0; i < a->n_nodes; i++) {
        node *at = &nodes[order[i]];
        at->fail = at->depth > 1
                       ? pk_automaton_next(a, nodes[at->parent].fail, (char)(uint8_t)at->byte)
                       : 0;
        PLUCK_ASSERT(nodes[at->fail].depth < at->depth || at->depth == 0);
        const node *shorter = &nodes[at->fail];
        if (at->string >= 0 || shorter->string < 0) continue;
        at->string = shorter->string;
        at->length = shorter->length;
    }
}

int32_t pk_automaton_next(const automaton *a, int32_t state, char byte) {
    for (; state != 0; state = nodes_of(a)[state].fail) {
        const int32_t to = find(a, key_of(a, state, byte))->to;
        if (to != 0) return to;
    }
    return a->beginnings[(uint8_t)byte];
}

int32_t pk_automaton_states(const automaton *a) {
    return a->n_nodes;
}

int32_t pk_automaton_depth(const automaton *a, int32_t state) {
    return nodes_of(a)[state].depth;
}

int32_t pk_automaton_match(const automaton *a, int32_t state, int32_t *length) {
    *length = nodes_of(a)[state].length;
    return nodes_of(a)[state].string;
}
