/* scratch.c: see scratch.h. */
#include "arithmetic.h"

#include "scratch.h"

enum { LINE = 64, HISTOGRAM_ROOM = 2048 * 8, FEW_ROOM = 4096 * 4 };

size_t pk_scratch_size(int32_t n_vocab) {
    const size_t n_groups = round_up((size_t)n_vocab, GROUP) / GROUP + BLOCK_GROUPS;
    /* An array for all tokens, one for few tokens, arrays for groups, and a histogram. */
    const size_t tokens = (n_groups + 1) * GROUP * sizeof(int32_t);
    const size_t few = tokens < FEW_ROOM ? tokens : FEW_ROOM;
    return tokens + few + 4 * round_up(n_groups * sizeof(double), LINE) + HISTOGRAM_ROOM +
           MAX_LEASES * LINE;
}

void pk_scratch_init(scratch_arena *s, char *base, size_t size) {
    *s = (scratch_arena){.base = base, .size = size};
    pk_poison(base, size);
}

void pk_scratch_reset(scratch_arena *s) {
    if (s->used > 0) pk_poison(s->base, s->used);
    s->used = 0;
    s->n_leases = 0;
}

static void *take(scratch_arena *s, lease name, size_t size) {
    PLUCK_ASSERT(s->n_leases < MAX_LEASES);
    PLUCK_ASSERT(size <= s->size - s->used);
    for (int i = 0; i < s->n_leases; i++) PLUCK_ASSERT(s->leases[i].name != name);
    PLUCK_ASSERT(s->used % LINE == 0 || s->used == s->size);
    char *at = s->base + s->used;
    s->leases[s->n_leases].name = name;
    s->leases[s->n_leases].from = s->used;
    s->n_leases++;
    s->used += round_up(size, LINE);
    if (s->used > s->size) s->used = s->size;
    pk_unpoison(at, size);
    return at;
}

int32_t *pk_lease_ints(scratch_arena *s, lease name, size_t n) {
    return take(s, name, n * sizeof(int32_t));
}

float *pk_lease_floats(scratch_arena *s, lease name, size_t n) {
    return take(s, name, n * sizeof(float));
}

double *pk_lease_doubles(scratch_arena *s, lease name, size_t n) {
    return take(s, name, n * sizeof(double));
}

void pk_lease_return(scratch_arena *s, lease name) {
    PLUCK_ASSERT(s->n_leases > 0 && s->leases[s->n_leases - 1].name == name);
    (void)name;
    const size_t from = s->leases[--s->n_leases].from;
    pk_poison(s->base + from, s->used - from);
    s->used = from;
}
