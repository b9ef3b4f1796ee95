/*
 * heavy.h: the groups that decide, summed in double.
 *
 * The kernels add a group's 64 exponentials in float, which rounds a group that holds most of the
 * mass by 1e-7 of all: enough to move a boundary by a candidate where the tail is flat. So groups
 * with a noticeable part of the mass, a hundred at most, are summed once more.
 */
#ifndef PLUCK_HEAVY_H
#define PLUCK_HEAVY_H

#include "candidates.h"

/* Masses of x >= at[j] that a kernel found beside group sums: n of them. */
typedef struct masses_above {
    const float *at;
    double *mass;
    int n;
} masses_above;

/* Puts right the group sums (masses of x >= cut; -INFINITY: of all) that make up *total, it, and
 * the masses found beside them (NULL: none were). */
void heavy_sums(const candidates *c, float cut, double *group_sum, double *total,
                const masses_above *above);

#endif /* PLUCK_HEAVY_H */
