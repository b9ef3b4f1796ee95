/* mass.c: see mass.h. */
#include "arithmetic.h"

#include "mass.h"

void pk_mass_begin(mass_cache *m, const kernel_table *kernels, scratch_arena *s) {
    m->kernels = kernels;
    m->scratch = s;
    m->max_stamp = m->sum_stamp = m->alone_stamp = m->even_stamp = 0;
    m->grouped = false;
}

/* The greatest of n values. Computes eight maxima side by side, because a chain of dependent ones
 * would take as long as a pass over the row. */
static float greatest(const float *x, int32_t n) {
    float m[8];
    for (int j = 0; j < 8; j++) m[j] = -INFINITY;
    int32_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; j++) m[j] = x[i + j] > m[j] ? x[i + j] : m[j];
    for (; i < n; i++) m[0] = x[i] > m[0] ? x[i] : m[0];
    for (int j = 1; j < 8; j++) m[0] = m[j] > m[0] ? m[j] : m[0];
    return m[0];
}

static int32_t blocks_of(const logit_row *r) {
    return (r->n_groups + BLOCK_GROUPS - 1) / BLOCK_GROUPS;
}

/* ---- maxima ---- */

/* Computes the maxima of the blocks and of all from those of the groups. */
static void find_max(mass_cache *m, const logit_row *r, uint32_t values) {
    const int32_t blocks = blocks_of(r);
    for (int32_t g = r->n_groups; g < blocks * BLOCK_GROUPS; g++) m->group_max[g] = -INFINITY;
    m->kernels->array.max16(m->group_max, (size_t)blocks, m->block_max);
    pk_mass_set_max(m, values, greatest(m->block_max, blocks));
}

bool pk_mass_scan(mass_cache *m, logit_row *r, uint32_t values, int32_t *n_alive) {
    if (!pk_row_max(r, m->scratch, NULL, m->group_max, m->group_sum, n_alive)) return false;
    find_max(m, r, values);
    if (pk_row_least_is_hidden(m->max)) r->least = -FLT_MAX;
    return true;
}

void pk_mass_set_max(mass_cache *m, uint32_t values, float max) {
    PLUCK_ASSERT(m->max_stamp != values); /* the values have changed since then */
    PLUCK_ASSERT(!isnan(max));
    m->max_stamp = values;
    m->max = max;
}

void pk_mass_bend(mass_cache *m, const logit_row *r, const bend_params *p, uint32_t values) {
    PLUCK_ASSERT(p->square >= 0.0f && p->cube >= 0.0f);
    m->kernels->array.bend(m->group_max, (size_t)r->n_groups, p, m->group_max);
    find_max(m, r, values);
}

void pk_mass_refresh(mass_cache *m, const mass_source *s, int32_t group) {
    PLUCK_ASSERT(s->whole && pk_mass_is_scanned(m, s));
    PLUCK_ASSERT(group >= 0 && group < s->row->n_groups);
    float x[GROUP];
    pk_row_group(s->row, group, cut_at(-INFINITY), x);
    m->group_max[group] = greatest(x, GROUP);
    if (!pk_mass_is_summed(m, s) || !m->grouped) return;
    if (s->row->n_groups == 1) return; /* it is summed as a whole */
    const exp_params p = pk_mass_exp(m, s);
    m->kernels->row[PLUCK_DTYPE_F32][0]->group_sumexp(x, NULL, 1, &p, m->group_sum + group);
}

/* Below this x, e is 0. Some below it are read as well, which does not change a sum. */
static row_cut masses_above(const mass_cache *m, const exp_params *p) {
    const float low = m->ref + 1.001f * p->floor;
    return cut_at(low > -FLT_MAX ? low : -INFINITY);
}

/* Whether so few groups reach the cut that it is worth skipping the others, which goes by fours. */
static bool few_reach(const mass_cache *m, int32_t n_groups, row_cut c) {
    int32_t n = 0;
    for (int32_t g = 0; g < n_groups; g++) n += m->group_max[g] >= c.x;
    return n <= n_groups / 8;
}

/* Adds up group sums in their fixed order: groups to blocks, then the blocks. */
static double total(const double *group_sum, int32_t n_groups) {
    double sum = 0.0;
    for (int32_t g = 0; g < n_groups; g += BLOCK_GROUPS) {
        const int32_t end = g + BLOCK_GROUPS < n_groups ? g + BLOCK_GROUPS : n_groups;
        double block = 0.0;
        for (int32_t i = g; i < end; i++) block += group_sum[i];
        sum += block;
    }
    return sum;
}

/* Sums a source of one group in double, with the masses that are kept. What the kernels would add up
 * in float would be put right anyway, since the group has all the mass. */
static void sum_alone(mass_cache *m, const mass_source *s, uint32_t weights) {
    const exp_params p = pk_exp_params(m->ref, s->scale);
    pk_row_group(s->row, 0, s->cut, m->alone_x);
    m->kernels->array.shifted_exp(m->alone_x, GROUP, &p, m->alone_e);
    m->sum = m->group_sum[0] = pk_mass_exact(m->alone_e);
    m->sum_stamp = m->alone_stamp = weights;
    m->grouped = true;
}

/* Computes the sum from new group sums. */
static void add_up(mass_cache *m, const mass_source *s, uint32_t weights) {
    if (s->row->n_groups == 1) {
        sum_alone(m, s, weights);
        return;
    }
    m->sum = total(m->group_sum, s->row->n_groups);
    pk_mass_put_right(m, s, s->cut, &m->sum, NULL, NULL, 0);
    m->sum_stamp = weights;
    m->grouped = true;
}

/* The maximum of some groups that are spread over a row. */
static float glance(const logit_row *r) {
    float max = -INFINITY;
    for (int32_t i = 0; i < MASS_GLANCES; i++) {
        const float of_group = pk_row_group_max(r, mass_glance_at(i, r->n_groups));
        max = of_group > max ? of_group : max;
    }
    return max;
}

bool pk_mass_scan_groups(mass_cache *m, const mass_source *s, logit_row *r, float ref,
                         int32_t *n_alive) {
    PLUCK_ASSERT(s->row == r && s->whole && cut_is_open(s->cut) && !s->adapt);
    const exp_params p = pk_exp_params(ref, s->scale);
    if (!pk_row_max(r, m->scratch, &p, m->group_max, m->group_sum, n_alive)) return false;
    find_max(m, r, s->values);
    m->ref = ref;
    return true;
}

bool pk_mass_scan_sum(mass_cache *m, const mass_source *s, logit_row *r, int32_t *n_alive) {
    PLUCK_ASSERT(s->row == r && s->whole && cut_is_open(s->cut) && !s->adapt);
    /* With so few groups a glance would read them all. */
    if (r->n_groups <= MASS_GLANCES) return pk_mass_scan(m, r, s->values, n_alive);
    const float ref = glance(r);
    if (!isfinite(ref)) return pk_mass_scan(m, r, s->values, n_alive);
    const exp_params p = pk_exp_params(ref, s->scale);
    if (!pk_row_max(r, m->scratch, &p, m->group_max, m->group_sum, n_alive)) return false;
    find_max(m, r, s->values);
    if (pk_row_least_is_hidden(m->max)) r->least = -FLT_MAX;
    if (!mass_is_near(m->max, ref, s->scale)) return true;
    m->ref = ref;
    m->sum_stamp = s->weights;
    add_up(m, s, s->weights);
    return true;
}

void pk_mass_refreshed(mass_cache *m, const mass_source *before, uint32_t values,
                       uint32_t weights) {
    PLUCK_ASSERT(before->whole && pk_mass_is_scanned(m, before));
    PLUCK_ASSERT(values != before->values && weights != before->weights);
    const bool summed = pk_mass_is_summed(m, before) && m->grouped;
    find_max(m, before->row, values);
    if (!summed || !mass_is_near(m->max, m->ref, before->scale)) return;
    add_up(m, before, weights);
}

/* ---- sums ---- */

float pk_mass_ref(mass_cache *m, const mass_source *s) {
    PLUCK_ASSERT(pk_mass_is_scanned(m, s));
    if (!pk_mass_is_summed(m, s)) m->ref = m->max;
    return m->ref;
}

exp_params pk_mass_exp(mass_cache *m, const mass_source *s) {
    return pk_exp_params(pk_mass_ref(m, s), s->scale);
}

/* How many of a group are not alive. Outside patches every allowed token is alive (r->finite). */
static int32_t masked_of(const logit_row *r, int32_t g) {
    return r->allowed ? GROUP - __builtin_popcountll(r->allowed[g]) : 0;
}

/* Writes how many of each group are alive. */
static void count_groups(const logit_row *r, double *count) {
    int32_t patched = pk_row_next_patched(r, 0);
    for (int32_t g = 0; g < r->n_groups; g++) {
        const bool counted = g == patched || !r->finite;
        count[g] = GROUP - (counted ? pk_row_group_masked(r, g) : masked_of(r, g));
        if (g == patched) patched = pk_row_next_patched(r, g + 1);
    }
}

bool pk_mass_is_even(mass_cache *m, const mass_source *s) {
    PLUCK_ASSERT(pk_mass_is_scanned(m, s));
    if (!s->whole || s->adapt) return false;
    if (m->even_stamp == s->values && m->even_scale == s->scale) return m->even;
    m->even_stamp = s->values;
    m->even_scale = s->scale;
    /* From here on to as much above the reference e rounds to 1. */
    const double tiny = 0x1p-27 / s->scale, low = (double)pk_mass_ref(m, s) - tiny;
    m->even = (double)m->max - (double)m->ref <= tiny;
    const int32_t n_blocks = blocks_of(s->row);
    for (int32_t b = 0; b < n_blocks && m->even; b++)
        m->even = (double)m->block_max[b] >= low || m->block_max[b] == -INFINITY;
    m->even = m->even && (double)pk_row_min(s->row) >= low;
    return m->even;
}

void pk_mass_sum_groups(mass_cache *m, const mass_source *s) {
    if (pk_mass_is_summed(m, s) && m->grouped) return;
    PLUCK_ASSERT(!s->adapt); /* pk_mass_sum_adapted computes those, with their group sums */
    m->ref = pk_mass_ref(m, s);
    if (s->row->n_groups == 1) {
        sum_alone(m, s, s->weights);
        return;
    }
    if (s->whole && cut_is_open(s->cut) && pk_mass_is_even(m, s)) {
        count_groups(s->row, m->group_sum);
        add_up(m, s, s->weights);
        return;
    }
    const exp_params p = pk_exp_params(m->ref, s->scale);
    row_cut cut = s->cut;
    if (s->whole && cut_is_open(cut)) {
        const row_cut masses = masses_above(m, &p);
        if (few_reach(m, s->row->n_groups, masses)) cut = masses;
    }
    if (cut_is_open(cut))
        pk_row_sumexp(s->row, m->scratch, &p, m->group_sum);
    else
        pk_row_sumexp_above(s->row, m->group_max, cut, &p, m->group_sum);
    add_up(m, s, s->weights);
}

double pk_mass_sum(mass_cache *m, const mass_source *s) {
    if (!pk_mass_is_summed(m, s)) pk_mass_sum_groups(m, s);
    return m->sum;
}

void pk_mass_set_sum(mass_cache *m, const mass_source *s, double sum) {
    PLUCK_ASSERT(pk_mass_is_scanned(m, s) && !pk_mass_is_summed(m, s));
    PLUCK_ASSERT(sum > 0.0 && isfinite(sum));
    m->sum = sum;
    m->sum_stamp = s->weights;
    m->grouped = false;
}

void pk_mass_sum_levels(mass_cache *m, const mass_source *s, level *first, level *second) {
    PLUCK_ASSERT(s->whole && cut_is_open(s->cut) && !s->adapt && pk_mass_is_scanned(m, s));
    m->ref = m->max;
    const exp_params p = pk_exp_params(m->ref, s->scale);
    PLUCK_ASSERT(!isnan(first->x));
    const float at[2] = {first->x, second->x};
    const int n_levels = isnan(second->x) ? 1 : 2;
    double above[2];
    pk_row_sumexp_levels(s->row, at, n_levels, &p, m->group_sum, above);
    m->sum_stamp = s->weights;
    m->sum = total(m->group_sum, s->row->n_groups);
    m->grouped = true;
    pk_mass_put_right(m, s, s->cut, &m->sum, at, above, n_levels);
    first->mass = above[0];
    second->mass = above[1];
}

double pk_mass_mean(mass_cache *m, const mass_source *s) {
    PLUCK_ASSERT(cut_is_open(s->cut) && !s->adapt && pk_mass_is_scanned(m, s));
    m->ref = m->max;
    if (pk_mass_is_even(m, s)) {
        pk_mass_sum_groups(m, s);
        return pk_row_stats(s->row, m->ref).sum / m->sum;
    }
    const exp_params p = pk_exp_params(m->ref, s->scale);
    pk_row_moment(s->row, m->scratch, &p, m->group_sum, m->group_moment);
    add_up(m, s, s->weights);
    return total(m->group_moment, s->row->n_groups) / m->sum;
}

double pk_mass_squares(mass_cache *m, const mass_source *s) {
    PLUCK_ASSERT(cut_is_open(s->cut) && !s->adapt && pk_mass_is_scanned(m, s));
    m->ref = m->max;
    if (pk_mass_is_even(m, s)) {
        pk_mass_sum_groups(m, s);
        return 1.0 / m->sum;
    }
    const exp_params p = pk_exp_params(m->ref, s->scale);
    pk_row_squares(s->row, m->scratch, &p, m->group_sum, m->group_moment);
    add_up(m, s, s->weights);
    return total(m->group_moment, s->row->n_groups) / (m->sum * m->sum);
}

/* Up to this many groups the entropy is summed in double throughout. */
enum { EXACT_GROUPS = 4 };

/* Adds a group's e and e (x - ref) in double. The e of the first candidate at the maximum is left
 * out once; *skipped says whether it has been. */
static void add_exactly(const mass_cache *m, const mass_source *s, int32_t g, double *rest,
                        double *moment, bool *skipped) {
    float x[GROUP];
    pk_row_group(s->row, g, s->cut, x);
    for (int i = 0; i < GROUP; i++) {
        if (x[i] == -INFINITY) continue;
        const double d = (double)x[i] - (double)m->ref;
        const double nats = d * s->scale;
        if (nats < -87.4) continue; /* below 2^-126 e counts as 0, as everywhere else */
        const double e = exp(nats);
        if (x[i] == m->max && !*skipped)
            *skipped = true;
        else
            *rest += e;
        *moment += e * d;
    }
}

/* Whether a group holds the maximum. */
static bool holds_max(const mass_cache *m, const mass_source *s, int32_t g) {
    if (s->whole) return m->group_max[g] == m->max;
    float x[GROUP];
    pk_row_group(s->row, g, s->cut, x);
    for (int i = 0; i < GROUP; i++)
        if (x[i] == m->max) return true;
    return false;
}

double pk_mass_entropy(mass_cache *m, const mass_source *s) {
    /*
     * H = log sum - mean. If the maximum has nearly all the mass, the sum is 1 and a small rest,
     * which would be lost if it were added to 1; so the rest is added up separately. The logits may
     * be divided by H (dynamic temperature), so its relative error matters, and the groups that
     * decide it are summed in double.
     */
    (void)pk_mass_mean(m, s);
    if (pk_mass_is_even(m, s)) return log(m->sum);
    const int32_t n_groups = s->row->n_groups;
    double rest = 0.0, moment = 0.0;
    bool skipped = false;
    for (int32_t g = 0; g < n_groups && (n_groups <= EXACT_GROUPS || !skipped); g++) {
        if (n_groups > EXACT_GROUPS && !holds_max(m, s, g)) continue;
        const double sum = m->group_sum[g];
        add_exactly(m, s, g, &rest, &moment, &skipped);
        m->group_sum[g] = 0.0;
        m->group_moment[g] = 0.0;
        if (n_groups > EXACT_GROUPS) {
            rest += total(m->group_sum, n_groups);
            moment += total(m->group_moment, n_groups);
        }
        m->group_sum[g] = sum;
    }
    return fmax(log1p(rest) - moment / (1.0 + rest) * s->scale, 0.0);
}

double pk_mass_above(mass_cache *m, const mass_source *s, row_cut c) {
    PLUCK_ASSERT(s->whole && !s->adapt && pk_mass_is_scanned(m, s));
    if (cut_is_open(c)) return pk_mass_sum(m, s);
    const exp_params p = pk_mass_exp(m, s);
    pk_row_sumexp_above(s->row, m->group_max, c, &p, m->group_sum);
    m->grouped = false;
    double mass = total(m->group_sum, s->row->n_groups);
    pk_mass_put_right(m, s, c, &mass, NULL, NULL, 0);
    return mass;
}

void pk_mass_of(mass_cache *m, const mass_source *s, const float *x, size_t n, float *out) {
    const array_kernels *k = &m->kernels->array;
    if (!s->adapt) {
        const exp_params p = pk_mass_exp(m, s);
        k->shifted_exp(x, n, &p, out);
        return;
    }
    const exp_params unit = pk_exp_params(0.0f, 1.0);
    k->adapt(x, n, s->adapt, 0.0f, out);
    k->shifted_exp(out, n, &unit, out);
}

double pk_mass_of_values(mass_cache *m, const mass_source *s, const float *x, int32_t n) {
    PLUCK_ASSERT(!s->adapt && n >= 0);
    const exp_params p = pk_mass_exp(m, s);
    double mass = 0.0;
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        float e[GROUP];
        m->kernels->array.shifted_exp(x + first, (size_t)count, &p, e);
        double block = 0.0;
        for (int32_t i = 0; i < count; i++) block += (double)e[i];
        mass += block;
    }
    return mass;
}

/* ---- adaptive weights ---- */

/*
 * Up to this P the adaptive weight is nearly linear in P. The error of w(P) = w0 (1 + f P), where f
 * = d log w / dP at 0 is at most 67, is f^2 P^2 / 2 of the weight: 2e-7 at this P, 2e-9 at a tenth
 * of it.
 */
static const double LINEAR_PROBABILITY = 1e-5;

/* log w(P), and its slope at 0 for P below the target. */
static double adapted_log_weight(const adapt_params *a, double probability) {
    const double d = fabs(probability - (double)a->target) * (double)a->inv_width;
    return -(double)a->sharpness * d * d / (1.0 + d);
}

static double adapted_slope(const adapt_params *a) {
    const double d = (double)a->target * (double)a->inv_width;
    return (double)a->sharpness * (double)a->inv_width * (2.0 * d + d * d) /
           ((1.0 + d) * (1.0 + d));
}

/* Computes the adaptive sums from the sums of e: linear for all candidates, then corrected for the
 * few above LINEAR_PROBABILITY. */
static void sum_by_slope(mass_cache *m, const mass_source *s, list *few) {
    const logit_row *r = s->row;
    const adapt_params *a = s->adapt;
    const double w0 = exp(adapted_log_weight(a, 0.0));
    const double slope = adapted_slope(a);
    const double inv_sum = (double)a->inv_sum;
    int32_t patched = pk_row_next_patched(r, 0);
    for (int32_t g = 0; g < r->n_groups; g++) {
        const int32_t masked = g == patched ? pk_row_group_masked(r, g) : masked_of(r, g);
        if (g == patched) patched = pk_row_next_patched(r, g + 1);
        m->group_sum[g] = w0 * (GROUP - masked + slope * m->group_sum[g] * inv_sum);
        if (masked == GROUP) m->group_sum[g] = 0.0;
    }
    const double nats = log(LINEAR_PROBABILITY / inv_sum) / s->scale;
    const row_cut above = cut_at((float)((double)m->ref + nats));
    few->n = pk_row_collect(r, m->group_max, above, NAN, few->ids, few->x);
    for (int32_t first = 0; first < few->n; first += GROUP) {
        const int32_t count = few->n - first < GROUP ? few->n - first : GROUP;
        float e[GROUP], w[GROUP];
        m->kernels->array.shifted_exp(few->x + first, (size_t)count, &a->e, e);
        pk_mass_of(m, s, few->x + first, (size_t)count, w);
        for (int32_t i = 0; i < count; i++)
            m->group_sum[few->ids[first + i] / GROUP] +=
                (double)w[i] - w0 * (1.0 + slope * (double)e[i] * inv_sum);
    }
}

void pk_mass_sum_adapted(mass_cache *m, const mass_source *s, const mass_source *under_exp,
                         int32_t n, list *few) {
    /* The slope is right for P below the target. With many candidates the rounding of the parts is
     * small beside the sum. */
    enum { MANY = 4096 };
    PLUCK_ASSERT(s->adapt && !under_exp->adapt && s->whole == under_exp->whole);
    PLUCK_ASSERT(pk_mass_is_summed(m, under_exp) && !pk_mass_is_summed(m, s));
    PLUCK_ASSERT(m->grouped && cut_is_open(s->cut));
    const bool by_slope = s->whole && n >= MANY && s->row->finite &&
                          (double)s->adapt->target > 2.0 * LINEAR_PROBABILITY;
    if (by_slope)
        sum_by_slope(m, s, few);
    else
        pk_row_adapt(s->row, m->scratch, s->adapt, m->group_sum);
    m->sum = total(m->group_sum, s->row->n_groups);
    m->sum_stamp = s->weights;
    m->grouped = true;
}
