/*
 * scratch.h: memory that a function needs while it runs, on lease.
 *
 * A lease has a name and a type; it is taken, used and returned within one function, the last one
 * first. Nothing survives between two leases: in checked builds memory is overwritten when it is
 * leased and when it is returned, and under AddressSanitizer only what is leased can be touched.
 * The view checks after each stage that every lease has been returned.
 */
#ifndef PLUCK_SCRATCH_H
#define PLUCK_SCRATCH_H

#include "common.h"

typedef enum lease {
    LEASE_INDEX,     /* positions of a list, in another order */
    LEASE_VALUES,    /* values to be selected from: permuted */
    LEASE_TIES,      /* ids or positions of equals */
    LEASE_MAXIMA,    /* maxima of groups or blocks: permuted, or of patches */
    LEASE_PLACES,    /* numbers of groups or blocks */
    LEASE_SUMS,      /* sums of patches, or of blocks */
    LEASE_MOMENTS,   /* and their first moments */
    LEASE_HISTOGRAM, /* mass by distance */
    LEASE_IDS,       /* ids to be dropped */
    LEASE_PROBABILITIES
} lease;

enum { MAX_LEASES = 8 };

typedef struct scratch_arena {
    char *base;
    size_t size, used;
    int n_leases;
    struct {
        lease name;
        size_t from;
    } leases[MAX_LEASES];
} scratch_arena;

/* Bytes that the leases of a view of n_vocab tokens take at most, all together. */
size_t pk_scratch_size(int32_t n_vocab);

void pk_scratch_init(scratch_arena *s, char *base, size_t size);

/* Forgets all leases: a call that failed in its middle kept them. */
void pk_scratch_reset(scratch_arena *s);

int32_t *pk_lease_ints(scratch_arena *s, lease name, size_t n);
float *pk_lease_floats(scratch_arena *s, lease name, size_t n);
double *pk_lease_doubles(scratch_arena *s, lease name, size_t n);

/* Returns the lease taken last, which must be this one. */
void pk_lease_return(scratch_arena *s, lease name);

#endif /* PLUCK_SCRATCH_H */
