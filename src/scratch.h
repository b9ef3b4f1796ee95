/*
 * scratch.h: leases: memory that a function needs while it runs.
 *
 * A lease has a name and a type. One function takes, uses and returns it; the lease that was taken
 * last is returned first. Nothing survives from one lease to the next: checked builds overwrite the
 * memory when it is taken and when it is returned, and under AddressSanitizer only leased memory
 * can be used. After each stage the view checks that all leases have been returned.
 */
#ifndef PLUCK_SCRATCH_H
#define PLUCK_SCRATCH_H

#include "common.h"

typedef enum lease {
    LEASE_INDEX,     /* positions of a list, in another order */
    LEASE_VALUES,    /* values that a selection permutes */
    LEASE_TIES,      /* ids or positions of equals */
    LEASE_MAXIMA,    /* maxima of groups or blocks, permuted; or of patches */
    LEASE_PLACES,    /* numbers of groups or blocks */
    LEASE_SUMS,      /* sums of patches, or of blocks */
    LEASE_MOMENTS,   /* and their first moments */
    LEASE_HISTOGRAM, /* mass, or the ends of bins, by distance */
    LEASE_SAMPLE,    /* values of some places of a row */
    LEASE_SEEN,      /* which ids a check has seen, a bit each */
    LEASE_EDITS,     /* which ids are edited */
    LEASE_TOP,       /* the greatest values, sorted */
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

/* The most bytes that all leases of a view of n_vocab tokens take together. */
size_t pk_scratch_size(int32_t n_vocab);

void pk_scratch_init(scratch_arena *s, char *base, size_t size);

/* Ends all leases; a call that failed may not have returned its own. */
void pk_scratch_reset(scratch_arena *s);

int32_t *pk_lease_ints(scratch_arena *s, lease name, size_t n);
float *pk_lease_floats(scratch_arena *s, lease name, size_t n);
double *pk_lease_doubles(scratch_arena *s, lease name, size_t n);

/* Returns a lease, which must be the one taken last. */
void pk_lease_return(scratch_arena *s, lease name);

#endif /* PLUCK_SCRATCH_H */
