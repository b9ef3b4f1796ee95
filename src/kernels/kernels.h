/*
 * kernels.h: the kernels, which are the inner loops; one table of them for each instruction set.
 *
 * A kernel works on groups of GROUP consecutive logits. There is no partial group: the caller pads
 * (row.c). A sum within a group has one fixed order for any vector width. Lane j of eight adds the
 * elements j, j+8, ..., j+56 (in bf16: 2j, 2j+1, 2j+16, ...) pairwise; then the lanes are added
 * pairwise; all in float. That is six roundings, an error of 4e-7 at worst and 1e-7 usually. Groups
 * are added up in double. Element-wise work uses fused multiply-add everywhere, in software if the
 * CPU does not have it. So every instruction set gives the same bits.
 *
 * body.h, row_body.h and row_wide_body.h have the loops, vec_<isa>.h the few vector operations
 * that they are written in; table_<isa>.c combines them.
 */
#ifndef PLUCK_KERNELS_H
#define PLUCK_KERNELS_H

#include "../common.h"

/*
 * 2^(T/8 + f/8) for an integer T and |f| <= 1/2. 2^(T mod 8 / 8) is from a table of eight values in
 * a register; 2^(f/8) - 1 = f q(f) is a polynomial of degree 3 with a relative error of 3e-8. The
 * table has the bits of 2^(j/8) minus j << 20, so that adding T << 20 gives those of 2^(T/8).
 */
#define EXP2_TABLE                                                                                 \
    {                                                                                              \
        0x3f800000, 0x3f7b95c2, 0x3f7837f0, 0x3f75fed7, 0x3f7504f3, 0x3f75672a, 0x3f7744fd,        \
            0x3f7ac0c7                                                                             \
    }

/*
 * The parameters of e(x) = exp((x - ref) * scale), computed as 2^((x - ref) * c / 8). c = 8 scale
 * log2(e) is in two floats, so that neither the temperature nor log2(e) adds a rounding. floor is
 * the x - ref at which e underflows: e is 0 if it would be below about 2^-126.5, and for x = -inf.
 */
typedef struct exp_params {
    float ref, c_hi, c_lo, floor;
} exp_params;

/* The parameters of adaptive-p's weight of a logit x: w = exp(-sharpness * d^2 / (1 + d)) with
 * d = |p - target| * inv_width and p = e(x) * inv_sum. */
typedef struct adapt_params {
    exp_params e;
    float inv_sum, target, inv_width, sharpness;
} adapt_params;

/* A cubic in d = (x - ref) * scale, which is at most 0: top + d^2 (cube * d - square), kept within
 * float's range. */
typedef struct bend_params {
    float ref, scale, square, cube, top;
} bend_params;

/* What a token that occurs `count` times costs: x <= 0 ? x * repeat : x / repeat, minus count * freq +
 * present. */
typedef struct penalty_params {
    float repeat, freq, present;
} penalty_params;

/* Combines x with y, the logit of the same token in a second row: own * x + weight * (x - y) -
 * shift. */
typedef struct mix_params {
    float own; /* 1 or 0 */
    float weight, shift;
} mix_params;

/* Up to this a logit is moderate: 2^100. If it is, it stays finite at any usual temperature. */
#define MODERATE 0x1p100f

/* The sums of group_stats, over the logits above -inf. */
typedef struct group_totals {
    double sum, sum_squares; /* of x - shift */
} group_totals;

/*
 * X(type, name, parameters) for every kernel that reads a row of some dtype. x points to n_groups *
 * GROUP elements of any alignment. Each kernel has two versions. The plain one does not read
 * `allowed`, which may be NULL. In the masked one, bit i of allowed[g] says whether element i of
 * group g is allowed; one that is not counts as -inf, whatever its value.
 *
 *   group_max      writes the maximum of each group. Returns whether all logits are moderate,
 *                  including masked ones in groups with an allowed one: finite, and no sum of some of
 *                  them, in one lane, beyond MODERATE. If they are not, the maxima of groups with an
 *                  allowed NaN have no meaning
 *   group_mix_max  group_max of the logits mixed with those of a second row of the same dtype, as
 *                  by widen_mix. If it returns false no maximum has a meaning
 *   group_census   adds the number of logits at -inf to *n_masked; lowers *least to a bound that no
 *                  logit above -inf is below, the least of them if that is negative; returns
 *                  whether there is no NaN
 *   group_sumexp   writes the sum of e(x) of each group
 *   group_max_sumexp     both in one reading
 *   group_sumexp_above   group_sumexp over x >= cut (not -inf); does not read groups whose max is below
 *                  cut
 *   group_sumexp_levels  writes the sum of e(x) of each group; adds the sum over x >= at[i] to
 *                  above[i], for one or two levels
 *   group_moment   writes the sums of e(x) and of e(x) * (x - ref) of each group
 *   group_squares  writes the sums of e(x) and of e(x)^2 of each group
 *   group_stats    adds the sum and the sum of squares of x - shift over the logits above -inf
 *   group_collect  appends id (counted from first_id) and logit of every x >= cut (if cut is -inf,
 *                  x > cut) that is not >= below (NaN: no limit), in the groups whose max reaches
 *                  cut; returns how many. May write up to 16 entries past the last
 *   group_count_above    returns how many x >= cut (not -inf) there are
 *   group_mask     writes a bit for each x >= low that is not >= below (NaN: no limit); bits may be
 *                  `allowed`
 *   group_adapt    writes the sum of the adaptive weights of each group
 *   least          returns the least logit above -inf; +inf if there is none
 *   widen          writes the row as float32
 *   widen_sum      the same with a number added to each logit; -inf if either is -inf, NaN if the logit
 *                  is NaN; out is not x
 *   widen_mix      the same with each logit mixed with that of a second row of the same dtype, as
 *                  mix_params says, kept within float's range. NaN if x is, -inf if x is; else NaN
 *                  if y is or y is +inf, -inf if y is; else +inf if x is. out is neither
 */
#define ROW_KERNELS(X)                                                                             \
    X(bool, group_max, (const void *x, const uint64_t *allowed, size_t n_groups, float *max))      \
    X(bool, group_mix_max,                                                                         \
      (const void *x, const void *y, const uint64_t *allowed, size_t n_groups,                     \
       const mix_params *p, float *max))                                                           \
    X(bool, group_census,                                                                          \
      (const void *x, const uint64_t *allowed, size_t n_groups, int64_t *n_masked, float *least))  \
    X(void, group_sumexp,                                                                          \
      (const void *x, const uint64_t *allowed, size_t n_groups, const exp_params *p, double *sum)) \
    X(bool, group_max_sumexp,                                                                      \
      (const void *x, const uint64_t *allowed, size_t n_groups, const exp_params *p, float *max,   \
       double *sum))                                                                               \
    X(void, group_sumexp_above,                                                                    \
      (const void *x, const uint64_t *allowed, size_t n_groups, const float *max, float cut,       \
       const exp_params *p, double *sum))                                                          \
    X(void, group_sumexp_levels,                                                                   \
      (const void *x, const uint64_t *allowed, size_t n_groups, const float *at, int n_levels,     \
       const exp_params *p, double *sum, double *above))                                           \
    X(void, group_moment,                                                                          \
      (const void *x, const uint64_t *allowed, size_t n_groups, const exp_params *p, double *sum,  \
       double *moment))                                                                            \
    X(void, group_squares,                                                                         \
      (const void *x, const uint64_t *allowed, size_t n_groups, const exp_params *p, double *sum,  \
       double *squares))                                                                           \
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
    X(float, least, (const void *x, const uint64_t *allowed, size_t n_groups))                     \
    X(void, widen, (const void *x, const uint64_t *allowed, size_t n_groups, float *out))          \
    X(void, widen_sum,                                                                             \
      (const void *x, const uint64_t *allowed, size_t n_groups, const float *added, float *out))   \
    X(void, widen_mix,                                                                             \
      (const void *x, const void *y, const uint64_t *allowed, size_t n_groups,                     \
       const mix_params *p, float *out))

/*
 * X(type, name, parameters) for every kernel on float32 arrays of any length n; out may be x.
 *
 *   shifted_exp    out[i] = e(x[i])
 *   max16          out[i] = the greatest of x[16 i] to x[16 i + 15], for n outputs
 *   token_fill     out[3 i] = first_id + i, out[3 i + 1] = the bits of x[i], out[3 i + 2] = 0: 12
 *                  bytes each
 *   adapt          out[i] = the adaptive logit, peak - sharpness * d^2 / (1 + d); -inf stays -inf
 *   bend           out[i] = the cubic of bend_params; -inf stays -inf
 *   penalise       x[i], unless it is -inf or counts[i] is 0, becomes what penalty_params say, computed
 *                  in double and rounded once
 *   rank           out[i] = how many of the n are greater than x[i]. Meant for few, since it compares
 *                  all with all; reads and writes up to the next multiple of 64 past n
 */
#define ARRAY_KERNELS(X)                                                                           \
    X(void, shifted_exp, (const float *x, size_t n, const exp_params *p, float *out))              \
    X(void, exp, (const float *x, size_t n, float *out))                                           \
    X(void, log, (const float *x, size_t n, float *out))                                           \
    X(void, scale, (const float *x, size_t n, float factor, float *out))                           \
    X(void, max16, (const float *x, size_t n, float *out))                                         \
    X(void, token_fill, (const float *x, size_t n, int32_t first_id, int32_t *out))                \
    X(void, adapt, (const float *x, size_t n, const adapt_params *p, float peak, float *out))      \
    X(void, bend, (const float *x, size_t n, const bend_params *p, float *out))                    \
    X(void, penalise, (float *x, const int32_t *counts, size_t n, const penalty_params *p))        \
    X(void, rank, (const float *x, size_t n, int32_t *out))

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

/* cpu.c: the features of the CPU, without those that PLUCK_DISABLE_CPU excludes. */
enum { CPU_AVX2 = 1, CPU_AVX512 = 2, CPU_NEON = 4 };
unsigned pk_cpu_features(void);

/* The tables of this build, best last; *count: how many there are. */
const kernel_table *const *pk_kernel_tables(int *count);

/* The table in use. It is chosen once, on the first call, and may be asked for on any thread. */
const kernel_table *pk_kernels(void);

/* The parameters of e(x) for a reference and a scale (1e-30 to 1e30). */
exp_params pk_exp_params(float ref, double scale);

#endif /* PLUCK_KERNELS_H */
