/*
 * row_body.h: the loops over a row of one dtype. Included once per dtype with
 *   DTYPE   f32, f16 or bf16: suffix of the functions and of v_load_
 *   DSIZE   bytes of an element
 * both undefined again at the end.
 */
#define CAT_(a, b)  a##_##b
#define CAT(a, b)   CAT_(a, b)
#define ROW_FN(op)  CAT(op, DTYPE)
#define ROW_LOAD(o) CAT(v_load, DTYPE)(x + (size_t)(o)*DSIZE)

/* Each group's sum by kernels.h's shape; E(o) is the vector at offset o. */
#define GROUP_SUM(E, result)                                                                       \
    do {                                                                                           \
        v8 s0_, s1_, s2_, s3_;                                                                     \
        FOLD16(s0_, E##_0);                                                                        \
        FOLD16(s1_, E##_16);                                                                       \
        s0_ = v8_add(s0_, s1_);                                                                    \
        FOLD16(s2_, E##_32);                                                                       \
        FOLD16(s3_, E##_48);                                                                       \
        s2_ = v8_add(s2_, s3_);                                                                    \
        (result) = v8_sum(v8_add(s0_, s2_));                                                       \
    } while (0)

VATTR static bool ROW_FN(group_max)(const void *row, size_t n_groups, float *max) {
    const char *x = row;
    /* A group's sum is finite if all its logits are (sums that overflow are found out later). */
    vf check = v_set(0.0f);
    for (size_t g = 0; g < n_groups; g++, x += (size_t)GROUP * DSIZE) {
        vf m = ROW_LOAD(0);
        vf sum = m;
        for (int o = VWIDTH; o < GROUP; o += VWIDTH) {
            const vf v = ROW_LOAD(o);
            m = v_max(v, m);
            sum = v_add(sum, v);
        }
        check = v_fma(sum, v_set(0.0f), check);
        max[g] = v_hmax(m);
    }
    float lane[VWIDTH];
    v_store(lane, check);
    bool finite = true;
    for (int i = 0; i < VWIDTH; i++) finite &= lane[i] == 0.0f;
    return finite;
}

VATTR static bool ROW_FN(group_census)(const void *row, size_t n_groups, int64_t *n_masked) {
    const char *x = row;
    unsigned nan = 0;
    int64_t alive = 0;
    for (size_t g = 0; g < n_groups; g++, x += (size_t)GROUP * DSIZE) {
        for (int o = 0; o < GROUP; o += VWIDTH) {
            const vf v = ROW_LOAD(o);
            nan |= v_mask_nan(v);
            alive += v_count(v_mask_gt(v, v_set(-__builtin_inff())));
        }
    }
    *n_masked += (int64_t)n_groups * GROUP - alive;
    return nan == 0;
}

VATTR static void ROW_FN(group_sumexp)(const void *row, size_t n_groups, const exp_params *params,
                                       double *sum) {
    const char *x = row;
    const exp_params p = *params;
#define E_AT(o) v_shifted_exp(v_sub(ROW_LOAD(o), v_set(p.ref)), &p)
#define E_0(o)  E_AT(o)
#define E_16(o) E_AT((o) + 16)
#define E_32(o) E_AT((o) + 32)
#define E_48(o) E_AT((o) + 48)
    for (size_t g = 0; g < n_groups; g++, x += (size_t)GROUP * DSIZE) GROUP_SUM(E, sum[g]);
}

/* e(x) (x - ref), 0 where e is. */
VFN vf ROW_FN(moment_of)(vf e, vf d) {
    return v_mul(e, v_where_gt(e, v_set(0.0f), d, v_set(0.0f)));
}

VATTR static void ROW_FN(group_moment)(const void *row, size_t n_groups, const exp_params *params,
                                       double *sum, double *moment) {
    const char *x = row;
    const exp_params p = *params;
    for (size_t g = 0; g < n_groups; g++, x += (size_t)GROUP * DSIZE) {
        float e[GROUP], m[GROUP];
        for (int o = 0; o < GROUP; o += VWIDTH) {
            const vf d = v_sub(ROW_LOAD(o), v_set(p.ref));
            const vf y = v_shifted_exp(d, &p);
            v_store(e + o, y);
            v_store(m + o, ROW_FN(moment_of)(y, d));
        }
#define F_AT(o) v_load_f32(e + (o))
#define F_0(o)  F_AT(o)
#define F_16(o) F_AT((o) + 16)
#define F_32(o) F_AT((o) + 32)
#define F_48(o) F_AT((o) + 48)
#define M_AT(o) v_load_f32(m + (o))
#define M_0(o)  M_AT(o)
#define M_16(o) M_AT((o) + 16)
#define M_32(o) M_AT((o) + 32)
#define M_48(o) M_AT((o) + 48)
        GROUP_SUM(F, sum[g]);
        GROUP_SUM(M, moment[g]);
    }
}

VATTR static void ROW_FN(group_stats)(const void *row, size_t n_groups, float shift,
                                      group_totals *totals) {
    const char *x = row;
    for (size_t g = 0; g < n_groups; g++, x += (size_t)GROUP * DSIZE) {
        float e[GROUP], m[GROUP];
        for (int o = 0; o < GROUP; o += VWIDTH) {
            const vf v = ROW_LOAD(o);
            const vf masked = v_set(-__builtin_inff());
            const vf d = v_where_gt(v, masked, v_sub(v, v_set(shift)), v_set(0.0f));
            totals->n += v_count(v_mask_gt(v, masked));
            v_store(e + o, d);
            v_store(m + o, v_mul(d, d));
        }
        double s, ss;
        GROUP_SUM(F, s);
        GROUP_SUM(M, ss);
        totals->sum += s;
        totals->sum_squares += ss;
    }
}

VATTR static int32_t ROW_FN(group_collect)(const void *row, size_t n_groups, const float *max,
                                           int32_t first_id, float cut, int32_t *ids,
                                           float *logits) {
    const char *x = row;
    const float lowest = cut > -__builtin_inff() ? cut : -__FLT_MAX__;
    int32_t n = 0;
    for (size_t g = 0; g < n_groups; g++, x += (size_t)GROUP * DSIZE, first_id += GROUP) {
        if (!(max[g] >= lowest)) continue;
        for (int o = 0; o < GROUP; o += VWIDTH) {
            const vf v = ROW_LOAD(o);
            const unsigned mask = v_mask_ge(v, v_set(lowest));
            if (mask) n += v_compress(mask, first_id + o, v, ids + n, logits + n);
        }
    }
    return n;
}

VATTR static void ROW_FN(group_adapt)(const void *row, size_t n_groups, const adapt_params *params,
                                      double *sum) {
    const char *x = row;
    const adapt_params p = *params;
    const exp_params unit = {0.0f, EXP_C_HI, EXP_C_LO, -88.02f};
    for (size_t g = 0; g < n_groups; g++, x += (size_t)GROUP * DSIZE) {
        float e[GROUP];
        for (int o = 0; o < GROUP; o += VWIDTH) {
            const vf v = ROW_LOAD(o);
            const vf drop = v_adapt_drop(v_shifted_exp(v_sub(v, v_set(p.e.ref)), &p.e), &p);
            const vf w = v_shifted_exp(drop, &unit);
            v_store(e + o, v_where_gt(v, v_set(-__builtin_inff()), w, v_set(0.0f)));
        }
        GROUP_SUM(F, sum[g]);
    }
}

VATTR static void ROW_FN(widen)(const void *row, size_t n_groups, float *out) {
    const char *x = row;
    for (size_t g = 0; g < n_groups; g++, x += (size_t)GROUP * DSIZE, out += GROUP)
        for (int o = 0; o < GROUP; o += VWIDTH) v_store(out + o, ROW_LOAD(o));
}

/* The functions of this dtype as a row_kernels. */
static const row_kernels ROW_FN(row_table) = {
    .group_max = ROW_FN(group_max),
    .group_census = ROW_FN(group_census),
    .group_sumexp = ROW_FN(group_sumexp),
    .group_moment = ROW_FN(group_moment),
    .group_stats = ROW_FN(group_stats),
    .group_collect = ROW_FN(group_collect),
    .group_adapt = ROW_FN(group_adapt),
    .widen = ROW_FN(widen),
};

#undef CAT_
#undef CAT
#undef ROW_FN
#undef ROW_LOAD
#undef GROUP_SUM
#undef E_AT
#undef E_0
#undef E_16
#undef E_32
#undef E_48
#undef F_AT
#undef F_0
#undef F_16
#undef F_32
#undef F_48
#undef M_AT
#undef M_0
#undef M_16
#undef M_32
#undef M_48
#undef DTYPE
#undef DSIZE
