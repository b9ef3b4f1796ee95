/* heavy.c: see heavy.h. */
#include "heavy.h"

/* The part of the mass that makes a group heavy. */
static const double HEAVY = 1.0 / 128;

/* What a heavy group holds more of, and what its maximum reaches. */
typedef struct least {
    double mass, x;
} least;

static least least_of(const candidates *c, double total) {
    const double mass = HEAVY * total;
    return (least){mass, (double)c->ref + (log(mass / GROUP) - 1e-3) / c->scale};
}

/* The first heavy group from g on; behind the last where there is none. */
static int32_t next_heavy(const candidates *c, const double *group_sum, int32_t g, least l) {
    const int32_t n_groups = candidates_groups(c);
    while (g < n_groups) {
        if (c->whole && g % BLOCK_GROUPS == 0 && (double)c->ws->block_max[g / BLOCK_GROUPS] < l.x) {
            g += BLOCK_GROUPS;
            continue;
        }
        if (group_sum[g] > l.mass) break;
        g++;
    }
    return g < n_groups ? g : n_groups;
}

/* The mass of x >= cut in a group whose exponentials are e; side by side, as one addition after
 * another would take as long as the exponentials. */
static double mass_of(const float *x, const float *e, float cut) {
    double part[4] = {0.0, 0.0, 0.0, 0.0};
    for (int i = 0; i < GROUP; i += 4)
        for (int j = 0; j < 4; j++) part[j] += x[i + j] >= cut ? (double)e[i + j] : 0.0;
    return (part[0] + part[1]) + (part[2] + part[3]);
}

/* Replaces what the kernel made of one group. */
static void put_right(const candidates *c, const float *x, const float *e, const exp_params *p,
                      const masses_above *above) {
    double sum, rounded[2] = {0.0, 0.0};
    c->kernels->row[PLUCK_DTYPE_F32]->group_sumexp_levels(x, 1, above->at, above->n, p, &sum,
                                                          rounded);
    for (int j = 0; j < above->n; j++) above->mass[j] += mass_of(x, e, above->at[j]) - rounded[j];
}

void heavy_sums(const candidates *c, float cut, double *group_sum, double *total,
                const masses_above *above) {
    const exp_params p = candidates_exp(c);
    const int32_t n_groups = candidates_groups(c);
    const least l = least_of(c, *total);
    for (int32_t g = next_heavy(c, group_sum, 0, l); g < n_groups;
         g = next_heavy(c, group_sum, g + 1, l)) {
        float x[GROUP], e[GROUP];
        candidates_group(c, g, x);
        c->kernels->array.shifted_exp(x, GROUP, &p, e);
        if (above) put_right(c, x, e, &p, above);
        const double sum = mass_of(x, e, cut);
        *total += sum - group_sum[g];
        group_sum[g] = sum;
    }
}
