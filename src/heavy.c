/* heavy.c: sums heavy groups in double (pk_mass_put_right in mass.h). */
#include "arithmetic.h"

#include "mass.h"

/* What the sum and the maximum of a heavy group must reach at least. */
typedef struct least {
    double mass, x;
} least;

static least least_of(const mass_cache *m, const mass_source *s, double total) {
    const double mass = mass_heavy(total);
    return (least){mass, (double)m->ref + (log(mass / GROUP) - 1e-3) / s->scale};
}

/* The first heavy group from g on; n_groups if there is none. */
static int32_t next_heavy(const mass_cache *m, const mass_source *s, int32_t g, least l) {
    const int32_t n_groups = s->row->n_groups;
    while (g < n_groups) {
        if (s->whole && g % BLOCK_GROUPS == 0 && (double)m->block_max[g / BLOCK_GROUPS] < l.x) {
            g += BLOCK_GROUPS;
            continue;
        }
        if (m->group_sum[g] > l.mass) break;
        g++;
    }
    return g < n_groups ? g : n_groups;
}

/* Adds in several lanes: one addition after another would take as long as the exponentials. */
double pk_mass_exact(const float *e) {
    double part[4] = {0.0, 0.0, 0.0, 0.0};
    for (int i = 0; i < GROUP; i += 4)
        for (int j = 0; j < 4; j++) part[j] += (double)e[i + j];
    return (part[0] + part[1]) + (part[2] + part[3]);
}

/* The mass of x >= low in a group whose exponentials are e; adds like pk_mass_exact. */
static double mass_of(const float *x, const float *e, float low) {
    double part[4] = {0.0, 0.0, 0.0, 0.0};
    for (int i = 0; i < GROUP; i += 4)
        for (int j = 0; j < 4; j++) part[j] += x[i + j] >= low ? (double)e[i + j] : 0.0;
    return (part[0] + part[1]) + (part[2] + part[3]);
}

/* Replaces what the kernel added to the masses above the levels for one group. */
static void put_levels_right(const mass_cache *m, const float *x, const float *e,
                             const exp_params *p, const float *at, double *above, int n) {
    double sum, rounded[2] = {0.0, 0.0};
    m->kernels->row[PLUCK_DTYPE_F32][0]->group_sumexp_levels(x, NULL, 1, at, n, p, &sum, rounded);
    for (int j = 0; j < n; j++) above[j] += mass_of(x, e, at[j]) - rounded[j];
}

void pk_mass_put_right(mass_cache *m, const mass_source *s, row_cut c, double *total,
                       const float *at, double *above, int n) {
    PLUCK_ASSERT(n >= 0 && n <= 2 && !s->adapt);
    if (!(*total > 0.0)) return;
    const exp_params p = pk_exp_params(m->ref, s->scale);
    const int32_t n_groups = s->row->n_groups;
    const least l = least_of(m, s, *total);
    for (int32_t g = next_heavy(m, s, 0, l); g < n_groups; g = next_heavy(m, s, g + 1, l)) {
        float x[GROUP], e[GROUP];
        pk_row_group(s->row, g, c, x);
        m->kernels->array.shifted_exp(x, GROUP, &p, e);
        if (n > 0) put_levels_right(m, x, e, &p, at, above, n);
        const double sum = pk_mass_exact(e);
        *total += sum - m->group_sum[g];
        m->group_sum[g] = sum;
    }
}
