/*
 * row_body.h: the loops over a row of one dtype. Included once for each dtype, plain and masked,
 * with these defined; undefines them at the end:
 *   DTYPE   f32, f16 or bf16: suffix of the functions and of v_load_
 *   DSIZE   bytes of an element
 *   DFOLD   seq or pair: the order of the elements from v_load32_
 *   MASKED  1: elements whose bit of `allowed` is clear count as -inf; 0: there is no mask
 */
#define CAT_(a, b) a##_##b
#define CAT(a, b)  CAT_(a, b)
#if MASKED
#define ROW_FN(op)        CAT(CAT(masked, op), DTYPE)
#define ROW_BITS(g)       allowed[g]
#define ROW_ALLOW(o, v)   v_allow(v, (unsigned)(bits >> (o)))
#define ROW_ALLOW32(o, v) CAT(v_allow32, DFOLD)(v, (uint32_t)(bits >> (o)))
#define ROW_KEEP(mask)    ((mask)&bits)
#define ROW_IS_DEAD       (bits == 0)
#define ROW_IS_FULL       (bits == ~(uint64_t)0)
#else
#define ROW_FN(op)        CAT(op, DTYPE)
#define ROW_BITS(g)       0
#define ROW_ALLOW(o, v)   (v)
#define ROW_ALLOW32(o, v) ((void)0)
#define ROW_KEEP(mask)    (mask)
#define ROW_IS_DEAD       false
#define ROW_IS_FULL       true
#endif
#define ROW_RAW(o)       CAT(v_load, DTYPE)(x + (size_t)(o)*DSIZE)
#define ROW_LOAD(o)      ROW_ALLOW(o, ROW_RAW(o))
#define ROW_TAKE_BITS(g) __attribute__((unused)) const uint64_t bits = ROW_BITS(g)

/* Runs STEP on four groups g + q, each of which writes its eight lanes to s[q] (and m[q]), then
 * FOUR. Groups that are left are done one by one: STEP with q = 0, then ONE. */
#define GROUPS_BY_FOUR(STEP, FOUR, ONE)                                                            \
    do {                                                                                           \
        size_t g = 0;                                                                              \
        for (; g + 4 <= n_groups; g += 4) {                                                        \
            VLOOP for (int q = 0; q < 4; q++, x += (size_t)GROUP * DSIZE) STEP;                    \
            FOUR;                                                                                  \
        }                                                                                          \
        for (; g < n_groups; g++, x += (size_t)GROUP * DSIZE) {                                    \
            const int q = 0;                                                                       \
            STEP;                                                                                  \
            ONE;                                                                                   \
        }                                                                                          \
    } while (0)

#define ROW_RAW32(o, v)  CAT(v_load32, DTYPE)(x + (size_t)(o)*DSIZE, v)
#define ROW_LOAD32(o, v) (ROW_RAW32(o, v), ROW_ALLOW32(o, v))
#define ROW_FOLD32(v)    CAT(v_fold32, DFOLD)(v)
#define PART             (32 / VWIDTH)

/* A vector whose greatest element is the maximum of a group that has been loaded, whose places are
 * overwritten; adds the group's sum to *check, which becomes infinite or NaN if a part of it is not
 * moderate. */
VBIG vf ROW_FN(max_of_loaded)(vf *v, uint64_t bits, vf *check) {
    (void)bits;
    vf m[PART], sum[PART];
    for (int i = 0; i < PART; i++) sum[i] = v_add(v[i], v[i + PART]);
    if (!ROW_IS_FULL) {
        ROW_ALLOW32(0, v);
        ROW_ALLOW32(32, v + PART);
    }
    for (int i = 0; i < PART; i++) m[i] = v_max(v[i], v[i + PART]);
    for (int n = PART / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++) {
            m[i] = v_max(m[i], m[i + n]);
            sum[i] = v_add(sum[i], sum[i + n]);
        }
    *check = v_fma(sum[0], v_set(0x1p28f), *check); /* from 2^100 = MODERATE on it overflows */
    return m[0];
}

/* The same of a group. */
VBIG vf ROW_FN(spread_max)(const char *x, uint64_t bits, vf *check) {
    (void)bits;
    if (ROW_IS_DEAD) return v_set(-__builtin_inff());
    vf v[2 * PART];
    ROW_RAW32(0, v);
    ROW_RAW32(32, v + PART);
    return ROW_FN(max_of_loaded)(v, bits, check);
}

VATTR static bool ROW_FN(group_max)(const void *row, const uint64_t *allowed, size_t n_groups,
                                    float *max) {
    const char *x = row;
    vf check = v_set(0.0f);
    vf m[4];
    (void)allowed;
    GROUPS_BY_FOUR(m[q] = ROW_FN(spread_max)(x, ROW_BITS(g + (size_t)q), &check),
                   v_hmax4(m, max + g), max[g] = v_hmax(m[0]));
    return v_mask_nan(v_mul(check, v_set(0.0f))) == 0;
}

/* Two sets of lanes, so that none waits for the last one's minimum. */
VATTR static bool ROW_FN(group_census)(const void *row, const uint64_t *allowed, size_t n_groups,
                                       int64_t *n_masked, float *least) {
    const char *x = row;
    (void)allowed;
    const vf lowest = v_set(-__FLT_MAX__), dead = v_set(-__builtin_inff());
    vf low[2] = {v_set(*least), v_set(*least)};
    vi alive[2] = {vi_set(0), vi_set(0)}, sound[2] = {vi_set(0), vi_set(0)};
    int64_t read = 0;
    for (size_t g = 0; g < n_groups; g++, x += (size_t)GROUP * DSIZE) {
        ROW_TAKE_BITS(g);
        if (ROW_IS_DEAD) continue;
        VROLLED for (int o = 0; o < GROUP; o += 2 * VWIDTH) for (int k = 0; k < 2; k++) {
            const vf v = ROW_LOAD(o + k * VWIDTH);
            sound[k] = vi_count_ge(sound[k], v, dead);
            alive[k] = vi_count_ge(alive[k], v, lowest);
            low[k] = v_min(low[k], v_keep_ge(v, lowest, v));
        }
        read += GROUP;
    }
    *n_masked += (int64_t)n_groups * GROUP - vi_total(alive[0]) - vi_total(alive[1]);
    *least = v_hmin(v_min(low[0], low[1]));
    return vi_total(sound[0]) + vi_total(sound[1]) == read;
}

/* The eight lanes of a group's e(x) where x >= cut. */
VBIG v8 ROW_FN(lanes_exp_above)(const char *x, uint64_t bits, float cut, const exp_params *p) {
    (void)bits;
    if (ROW_IS_DEAD) return v8_zero();
    v8 half[2];
    VLOOP for (int k = 0; k < 2; k++) {
        vf v[PART];
        ROW_LOAD32(32 * k, v);
        for (int i = 0; i < PART; i++) {
            v[i] = v_keep_ge(v[i], v_set(cut), v_shifted_exp(v_sub(v[i], v_set(p->ref)), p));
        }
        half[k] = ROW_FOLD32(v);
    }
    return v8_add(half[0], half[1]);
}

VATTR static void ROW_FN(group_sumexp_above)(const void *row, const uint64_t *allowed,
                                             size_t n_groups, const float *max, float cut,
                                             const exp_params *params, double *sum) {
    const char *x = row;
    (void)allowed;
    const exp_params p = *params;
    size_t g = 0;
    for (; g + 4 <= n_groups; g += 4) {
        if (!(max[g] >= cut || max[g + 1] >= cut || max[g + 2] >= cut || max[g + 3] >= cut)) {
            sum[g] = sum[g + 1] = sum[g + 2] = sum[g + 3] = 0.0;
            x += (size_t)4 * GROUP * DSIZE;
            continue;
        }
        v8 s[4];
        for (int q = 0; q < 4; q++, x += (size_t)GROUP * DSIZE)
            s[q] = ROW_FN(lanes_exp_above)(x, ROW_BITS(g + (size_t)q), cut, &p);
        v8_sum4(s, sum + g);
    }
    for (; g < n_groups; g++, x += (size_t)GROUP * DSIZE)
        sum[g] = max[g] >= cut ? v8_sum(ROW_FN(lanes_exp_above)(x, ROW_BITS(g), cut, &p)) : 0.0;
}

/* The eight lanes of e(x), and for each level those of e(x) where x >= at[j]. */
VBIG void ROW_FN(lanes_exp_levels)(const char *x, uint64_t bits, const float *at, int n_levels,
                                   const exp_params *p, v8 *s, v8 *above) {
    v8 half[2], half_above[2][2];
    (void)bits;
    if (ROW_IS_DEAD) {
        *s = v8_zero();
        for (int j = 0; j < n_levels; j++) above[j] = v8_zero();
        return;
    }
    VLOOP for (int k = 0; k < 2; k++) {
        vf v[PART], e[PART], w[PART];
        ROW_LOAD32(32 * k, v);
        for (int i = 0; i < PART; i++) e[i] = v_shifted_exp(v_sub(v[i], v_set(p->ref)), p);
        half[k] = ROW_FOLD32(e);
        for (int j = 0; j < n_levels; j++) {
            for (int i = 0; i < PART; i++) w[i] = v_keep_ge(v[i], v_set(at[j]), e[i]);
            half_above[j][k] = ROW_FOLD32(w);
        }
    }
    *s = v8_add(half[0], half[1]);
    for (int j = 0; j < n_levels; j++) above[j] = v8_add(half_above[j][0], half_above[j][1]);
}

/* n_levels is a constant in each call. */
VBIG void ROW_FN(sumexp_levels)(const char *x, const uint64_t *allowed, size_t n_groups,
                                const float *at, int n_levels, const exp_params *params,
                                double *sum, double *above) {
    const exp_params p = *params;
    (void)allowed;
    double part[4];
    v8 s[4], m[2][4], pair[2];
    GROUPS_BY_FOUR(
        {
            ROW_FN(lanes_exp_levels)(x, ROW_BITS(g + (size_t)q), at, n_levels, &p, &s[q], pair);
            for (int j = 0; j < n_levels; j++) m[j][q] = pair[j];
        },
        {
            v8_sum4(s, sum + g);
            for (int j = 0; j < n_levels; j++) {
                v8_sum4(m[j], part);
                above[j] += (part[0] + part[1]) + (part[2] + part[3]);
            }
        },
        {
            sum[g] = v8_sum(s[0]);
            for (int j = 0; j < n_levels; j++) above[j] += v8_sum(m[j][0]);
        });
}

VATTR static void ROW_FN(group_sumexp)(const void *row, const uint64_t *allowed, size_t n_groups,
                                       const exp_params *p, double *sum) {
    ROW_FN(sumexp_levels)(row, allowed, n_groups, NULL, 0, p, sum, NULL);
}

VATTR static bool ROW_FN(group_max_sumexp)(const void *row, const uint64_t *allowed,
                                           size_t n_groups, const exp_params *params, float *max,
                                           double *sum) {
    const char *x = row;
    const exp_params p = *params;
    vf check = v_set(0.0f), m[4];
    v8 s[4];
    (void)allowed;
    GROUPS_BY_FOUR((m[q] = ROW_FN(spread_max)(x, ROW_BITS(g + (size_t)q), &check),
                    ROW_FN(lanes_exp_levels)(x, ROW_BITS(g + (size_t)q), NULL, 0, &p, &s[q], NULL)),
                   (v_hmax4(m, max + g), v8_sum4(s, sum + g)),
                   (max[g] = v_hmax(m[0]), sum[g] = v8_sum(s[0])));
    return v_mask_nan(v_mul(check, v_set(0.0f))) == 0;
}

VATTR static void ROW_FN(group_sumexp_levels)(const void *row, const uint64_t *allowed,
                                              size_t n_groups, const float *at, int n_levels,
                                              const exp_params *p, double *sum, double *above) {
    const float level[2] = {at[0], n_levels > 1 ? at[1] : 0.0f};
    if (n_levels == 1)
        ROW_FN(sumexp_levels)(row, allowed, n_groups, level, 1, p, sum, above);
    else
        ROW_FN(sumexp_levels)(row, allowed, n_groups, level, 2, p, sum, above);
}

/* The eight lanes of e(x), and of e(x) (x - ref) or e(x)^2. `squares` is a constant at each call. */
VBIG void ROW_FN(lanes_pair)(const char *x, uint64_t bits, const exp_params *p, bool squares, v8 *s,
                             v8 *m) {
    v8 half[2], half_m[2];
    (void)bits;
    if (ROW_IS_DEAD) {
        *s = *m = v8_zero();
        return;
    }
    VLOOP for (int k = 0; k < 2; k++) {
        vf v[PART], w[PART];
        ROW_LOAD32(32 * k, v);
        for (int i = 0; i < PART; i++) {
            vf d = v_sub(v[i], v_set(p->ref));
            /* At the floor e is 0, so the product is 0 too. */
            if (!squares) d = v_max(d, v_set(p->floor));
            v[i] = v_shifted_exp(d, p);
            w[i] = v_mul(v[i], squares ? v[i] : d);
        }
        half[k] = ROW_FOLD32(v);
        half_m[k] = ROW_FOLD32(w);
    }
    *s = v8_add(half[0], half[1]);
    *m = v8_add(half_m[0], half_m[1]);
}

VFN void ROW_FN(group_pair)(const char *x, const uint64_t *allowed, size_t n_groups,
                            const exp_params *params, bool squares, double *sum, double *second) {
    (void)allowed;
    const exp_params p = *params;
    v8 s[4], m[4];
    GROUPS_BY_FOUR(ROW_FN(lanes_pair)(x, ROW_BITS(g + (size_t)q), &p, squares, &s[q], &m[q]),
                   (v8_sum4(s, sum + g), v8_sum4(m, second + g)),
                   (sum[g] = v8_sum(s[0]), second[g] = v8_sum(m[0])));
}

VATTR static void ROW_FN(group_moment)(const void *row, const uint64_t *allowed, size_t n_groups,
                                       const exp_params *params, double *sum, double *moment) {
    ROW_FN(group_pair)(row, allowed, n_groups, params, false, sum, moment);
}

VATTR static void ROW_FN(group_squares)(const void *row, const uint64_t *allowed, size_t n_groups,
                                        const exp_params *params, double *sum, double *squares) {
    ROW_FN(group_pair)(row, allowed, n_groups, params, true, sum, squares);
}

/* The eight lanes of d = x - shift and of d^2; masked logits give 0. */
VBIG void ROW_FN(lanes_stats)(const char *x, uint64_t bits, float shift, v8 *s, v8 *m) {
    v8 half[2], half_m[2];
    (void)bits;
    if (ROW_IS_DEAD) {
        *s = *m = v8_zero();
        return;
    }
    VLOOP for (int k = 0; k < 2; k++) {
        vf v[PART], w[PART];
        ROW_LOAD32(32 * k, v);
        for (int i = 0; i < PART; i++) {
            const vf d = v_sub(v[i], v_set(shift));
            v[i] = v_where_gt(v[i], v_set(-__builtin_inff()), d, v_set(0.0f));
            w[i] = v_mul(v[i], v[i]);
        }
        half[k] = ROW_FOLD32(v);
        half_m[k] = ROW_FOLD32(w);
    }
    *s = v8_add(half[0], half[1]);
    *m = v8_add(half_m[0], half_m[1]);
}

VATTR static void ROW_FN(group_stats)(const void *row, const uint64_t *allowed, size_t n_groups,
                                      float shift, group_totals *totals) {
    const char *x = row;
    (void)allowed;
    double sum = 0.0, sum_squares = 0.0, a[4], b[4];
    v8 s[4], m[4];
    GROUPS_BY_FOUR(ROW_FN(lanes_stats)(x, ROW_BITS(g + (size_t)q), shift, &s[q], &m[q]),
                   (v8_sum4(s, a), v8_sum4(m, b), sum += (a[0] + a[1]) + (a[2] + a[3]),
                    sum_squares += (b[0] + b[1]) + (b[2] + b[3])),
                   (sum += v8_sum(s[0]), sum_squares += v8_sum(m[0])));
    totals->sum += sum;
    totals->sum_squares += sum_squares;
}

/* A bit for each element of a group with low <= x (and x < high if bounded); also writes the group
 * as floats. */
VFN uint64_t ROW_FN(mask_between)(const char *x, uint64_t bits, float low, float high, bool bounded,
                                  float *wide) {
    uint64_t mask = 0;
    (void)bits;
    for (int o = 0; o < GROUP; o += VWIDTH) {
        const vf v = ROW_RAW(o);
        v_store(wide + o, v);
        const unsigned m =
            bounded ? v_mask_in(v, v_set(low), v_set(high)) : v_mask_ge(v, v_set(low));
        mask |= (uint64_t)m << o;
    }
    return ROW_KEEP(mask);
}

VATTR static int32_t ROW_FN(group_collect)(const void *row, const uint64_t *allowed,
                                           size_t n_groups, const float *max, int32_t first_id,
                                           float cut, float below, int32_t *ids, float *logits) {
    enum { FEW = 4, LANES = (1 << VWIDTH) - 1 };
    const char *x = row;
    (void)allowed;
    const float lowest = cut > -__builtin_inff() ? cut : -__FLT_MAX__;
    const bool bounded = below <= __FLT_MAX__;
    float wide[GROUP];
    int32_t n = 0;
    for (size_t g = 0; g < n_groups; g++, x += (size_t)GROUP * DSIZE, first_id += GROUP) {
        if (!(max[g] >= lowest)) continue;
        uint64_t mask = ROW_FN(mask_between)(x, ROW_BITS(g), lowest, below, bounded, wide);
        const int count = __builtin_popcountll(mask);
        if (count > FEW) {
            for (int o = 0; o < GROUP; o += VWIDTH)
                n += v_compress((unsigned)(mask >> o & LANES), first_id + o, v_load_f32(wide + o),
                                ids + n, logits + n);
            continue;
        }
        /* Always writes FEW, even if there are fewer, so that no branch is mispredicted. */
        for (int i = 0; i < FEW; i++) {
            const int at = __builtin_ctzll(mask | (uint64_t)1 << (GROUP - 1));
            ids[n + i] = first_id + at;
            logits[n + i] = wide[at];
            mask &= mask - 1;
        }
        n += count;
    }
    return n;
}

VATTR static int64_t ROW_FN(group_count_above)(const void *row, const uint64_t *allowed,
                                               size_t n_groups, const float *max, float cut) {
    const char *x = row;
    (void)allowed;
    const vf at = v_set(cut);
    vi n = vi_set(0);
    for (size_t g = 0; g < n_groups; g++, x += (size_t)GROUP * DSIZE) {
        if (!(max[g] >= cut)) continue;
        ROW_TAKE_BITS(g);
        for (int o = 0; o < GROUP; o += VWIDTH) n = vi_count_ge(n, ROW_LOAD(o), at);
    }
    return vi_total(n);
}

VATTR static void ROW_FN(group_mask)(const void *row, const uint64_t *allowed, size_t n_groups,
                                     float low, float below, uint64_t *out) {
    const char *x = row;
    (void)allowed;
    const bool bounded = below <= __FLT_MAX__;
    float wide[GROUP];
    for (size_t g = 0; g < n_groups; g++, x += (size_t)GROUP * DSIZE)
        out[g] = ROW_FN(mask_between)(x, ROW_BITS(g), low, below, bounded, wide);
}

/* The eight lanes of the adaptive weights. */
VBIG v8 ROW_FN(lanes_adapt)(const char *x, uint64_t bits, const adapt_params *p) {
    const exp_params unit = {0.0f, EXP_C_HI, EXP_C_LO, -88.02f};
    (void)bits;
    if (ROW_IS_DEAD) return v8_zero();
    v8 half[2];
    VLOOP for (int k = 0; k < 2; k++) {
        vf v[PART];
        ROW_LOAD32(32 * k, v);
        for (int i = 0; i < PART; i++) {
            const vf drop = v_adapt_drop(v_shifted_exp(v_sub(v[i], v_set(p->e.ref)), &p->e), p);
            v[i] =
                v_where_gt(v[i], v_set(-__builtin_inff()), v_shifted_exp(drop, &unit), v_set(0.0f));
        }
        half[k] = ROW_FOLD32(v);
    }
    return v8_add(half[0], half[1]);
}

VATTR static void ROW_FN(group_adapt)(const void *row, const uint64_t *allowed, size_t n_groups,
                                      const adapt_params *params, double *sum) {
    const char *x = row;
    (void)allowed;
    const adapt_params p = *params;
    v8 s[4];
    GROUPS_BY_FOUR(s[q] = ROW_FN(lanes_adapt)(x, ROW_BITS(g + (size_t)q), &p), v8_sum4(s, sum + g),
                   sum[g] = v8_sum(s[0]));
}

VATTR static float ROW_FN(least)(const void *row, const uint64_t *allowed, size_t n_groups) {
    const char *x = row;
    (void)allowed;
    const vf inf = v_set(__builtin_inff()), dead = v_set(-__builtin_inff());
    vf m[PART];
    for (int i = 0; i < PART; i++) m[i] = inf;
    for (size_t g = 0; g < n_groups; g++, x += (size_t)GROUP * DSIZE) {
        ROW_TAKE_BITS(g);
        if (ROW_IS_DEAD) continue;
        VLOOP for (int k = 0; k < 2; k++) {
            vf v[PART];
            ROW_LOAD32(32 * k, v);
            for (int i = 0; i < PART; i++) m[i] = v_min(m[i], v_where_gt(v[i], dead, v[i], inf));
        }
    }
    for (int i = 1; i < PART; i++) m[0] = v_min(m[0], m[i]);
    return v_hmin(m[0]);
}

#include "row_wide_body.h"

/* The table of the functions of this dtype. */
#define ROW_ENTRY(type, name, parameters) .name = ROW_FN(name),
static const row_kernels ROW_FN(row_table) = {ROW_KERNELS(ROW_ENTRY)};
#undef ROW_ENTRY

#undef CAT_
#undef CAT
#undef ROW_FN
#undef ROW_LOAD
#undef ROW_RAW
#undef ROW_RAW32
#undef ROW_BITS
#undef ROW_TAKE_BITS
#undef ROW_ALLOW
#undef ROW_ALLOW32
#undef ROW_KEEP
#undef ROW_IS_DEAD
#undef ROW_IS_FULL
#undef MASKED
#undef GROUPS_BY_FOUR
#undef ROW_LOAD32
#undef ROW_FOLD32
#undef PART
#undef DFOLD
#undef DTYPE
#undef DSIZE
