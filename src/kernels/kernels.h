/*
 * kernels.h: the inner loops, one table of them per instruction set.
 *
 * Everything works on groups of GROUP consecutive logits. A kernel never sees a partial group: the
 * caller pads (row.c). Each reduction within a group has one fixed shape, whatever the
 * vector width: eight lanes, lane j of which sums elements j, j+8, ..., j+56 (in bf16: 2j, 2j+1,
 * 2j+16, ...) pairwise, then the lanes pairwise, all in float: six roundings, 4e-7 at worst and
 * 1e-7 as a rule. Groups are added up as doubles. Element-wise work uses fused multiply-add
 * everywhere, in software where the CPU has none. So every instruction set gives the same bits.
 *
 * body.h holds the loops; vec_<isa>.h the few vector operations they are written in; table_<isa>.c
 * joins the two.
 */
#ifndef PLUCK_KERNELS_H
#define PLUCK_KERNELS_H

#include "../common.h"

/*
 * 2^(T/8 + f/8) for an integer T and |f| <= 1/2: 2^(T mod 8 / 8) comes from a table of eight, held
 * in a register; 2^(f/8) - 1 = f q(f) from a polynomial of degree 3, relative error 3e-08. The
 * table holds the bits of 2^(j/8) less j << 20, so that adding T << 20 makes them 2^(T/8).
 */
#define EXP2_TABLE                                                                                 \
    {                                                                                              \
        0x3f800000, 0x3f7b95c2, 0x3f7837f0, 0x3f75fed7, 0x3f7504f3, 0x3f75672a, 0x3f7744fd,        \
            0x3f7ac0c7                                                                             \
    }

/*
 * e(x) = exp((x - ref) * scale) as 2^((x - ref) * c / 8) with c = 8 scale log2(e) in two floats, so
 * that neither the temperature nor log2(e) adds a rounding of its own. floor is where e underflows:
 * below about 2^-126.5 e is 0, -inf included.
 */
typedef struct exp_params {
    float ref, c_hi, c_lo, floor;
} exp_params;

/* Adaptive-p's weight of a logit x: p = e(x) * inv_sum, d = |p - target| * inv_width,
 * w = exp(-sharpness * d^2 / (1 + d)). */
typedef struct adapt_params {
    exp_params e;
    float inv_sum, target, inv_width, sharpness;
} adapt_params;

/* What group_stats adds up over the logits above -inf. */
typedef struct group_totals {
    double sum, sum_squares; /* of x - shift */
} group_totals;

/*
 * X(type, name, parameters): every kernel that reads a row of some dtype. x points at n_groups *
 * GROUP elements, any alignment. Each exists twice: plain, where `allowed` is not read and may be
 * NULL, and masked, where bit i of allowed[g] tells whether element i of group g is allowed: one
 * that is not counts as -inf, whatever it is.
 *
 *   group_max      maximum of each group to max. Returns whether all logits are finite, masked ones
 *                  of groups that are not masked as a whole included; if they are not, the maxima of
 *                  groups with an allowed NaN mean nothing.
 *   group_census   adds the number of logits that are -inf to *n_masked; returns whether there is
 *                  no NaN.
 *   group_sumexp   sum of e(x) of each group.
 *   group_sumexp_above   of the x >= cut (not -inf) alone; groups whose max is below cut need not be
 *                  read.
 *   group_sumexp_levels  sum of e(x) of each group; adds the sum over x >= at[i] to above[i], for
 *                  one level or two.
 *   group_moment   sum of e(x), and of e(x) * (x - ref).
 *   group_stats    adds sum and sum of squares of x - shift over the logits above -inf.
 *   group_collect  appends id (from first_id) and logit of every x >= cut (or, if cut is -inf,
 *                  x > cut) and not >= below (NaN: no limit) in the groups whose max reaches cut;
 *                  returns how many. May write up to 16 entries past the last.
 *   group_count_above    how many x >= cut (not -inf) there are.
 *   group_mask     a bit for each x >= low and not >= below (NaN: no limit); bits may be `allowed`.
 *   group_adapt    sum of the adaptive weight of each group.
 *   widen          to float32.
 */
#define ROW_KERNELS(X)                                                                             \
    X(bool, group_max, (const void *x, const uint64_t *allowed, size_t n_groups, float *max))      \
    X(bool, group_census,                                                                          \
      (const void *x, const uint64_t *allowed, size_t n_groups, int64_t *n_masked))                \
    X(void, group_sumexp,                                                                          \
      (const void *x, const uint64_t *allowed, size_t n_groups, const exp_params *p, double *sum)) \
    X(void, group_sumexp_above,                                                                    \
      (const void *x, const uint64_t *allowed, size_t n_groups, const float *max, float cut,       \
       const exp_params *p, double *sum))                                                          \
    X(void, group_sumexp_levels,                                                                   \
      (const void *x, const uint64_t *allowed, size_t n_groups, const float *at, int n_levels,     \
       const exp_params *p, double *sum, double *above))                                           \
    X(void, group_moment,                                                                          \
      (const void *x, const uint64_t *allowed, size_t n_groups, const exp_params *p, double *sum,  \
       double *moment))                                                                            \
    X(void, group_stats,                                                                           \
      (const void *x, const uint64_t *allowed, size_t n_groups, float shift,                       \
       group_totals *totals))                                                                      \
    X(int32_t, group_collect,                                                                      \
      (const void *x, const uint64_t *allowed, size_t n_groups, const float *max,                  \
       int32_t first_id, float cut, float below, int32_t *ids, float *logits))                     \
    X(int64_t, group_count_above,                                                                  \
      (const void *x, const uint64_t *allowed, size_t n_groups, const float *max, float cut))      \
    X(void, group_mask,                                                                            \
      (const void *x, const uint64_t *allowed, size_t n_groups, float low, float below,            \
       uint64_t *bits))                                                                            \
    X(void, group_adapt,                                                                           \
      (const void *x, const uint64_t *allowed, size_t n_groups, const adapt_params *p,             \
       double *sum))                                                                               \
    X(void, widen, (const void *x, const uint64_t *allowed, size_t n_groups, float *out))

/*
 * X(type, name, parameters): every kernel on float32 arrays of any length n; out may be x.
 *
 *   shifted_exp    out[i] = e(x[i])
 *   max16          out[i] = the greatest of x[16 i] to x[16 i + 15], for n outputs
 *   token_fill     out[3 i] = first_id + i, out[3 i + 1] = the bits of x[i], out[3 i + 2] = 0: 12
 *                  bytes each
 *   adapt          out[i] = adaptive logit: peak - sharpness * d^2 / (1 + d); -inf stays
 */
#define ARRAY_KERNELS(X)                                                                           \
    X(void, shifted_exp, (const float *x, size_t n, const exp_params *p, float *out))              \
    X(void, exp, (const float *x, size_t n, float *out))                                           \
    X(void, log, (const float *x, size_t n, float *out))                                           \
    X(void, scale, (const float *x, size_t n, float factor, float *out))                           \
    X(void, max16, (const float *x, size_t n, float *out))                                         \
    X(void, token_fill, (const float *x, size_t n, int32_t first_id, int32_t *out))                \
    X(void, adapt, (const float *x, size_t n, const adapt_params *p, float peak, float *out))

#define KERNEL_MEMBER(type, name, parameters) type(*name) parameters;

typedef struct row_kernels {
    ROW_KERNELS(KERNEL_MEMBER)
} row_kernels;

typedef struct array_kernels {
    ARRAY_KERNELS(KERNEL_MEMBER)
} array_kernels;

#undef KERNEL_MEMBER

enum { KERNEL_DTYPES = 3 };

typedef struct kernel_table {
    const char *isa;
    unsigned needs;                           /* CPU_* bits */
    const row_kernels *row[KERNEL_DTYPES][2]; /* by pluck_dtype; plain, masked */
    array_kernels array;
} kernel_table;

/* cpu.c: what the CPU has, less what PLUCK_DISABLE_CPU removes. */
enum { CPU_AVX2 = 1, CPU_AVX512 = 2, CPU_NEON = 4 };
unsigned pk_cpu_features(void);

/* The tables compiled in, best last; *count tells how many. */
const kernel_table *const *pk_kernel_tables(int *count);

/* The table in use: chosen once, on the first call, safe on any thread. */
const kernel_table *pk_kernels(void);

/* exp_params for a temperature scale (1e-30 to 1e30) around ref. */
exp_params pk_exp_params(float ref, double scale);

#endif /* PLUCK_KERNELS_H */
