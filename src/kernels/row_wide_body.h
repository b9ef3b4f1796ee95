/* row_wide_body.h: the loops that widen a row, and that read a second one with it. row_body.h
 * includes it, for each dtype, plain and masked. */
VATTR static void ROW_FN(widen)(const void *row, const uint64_t *allowed, size_t n_groups,
                                float *out) {
    const char *x = row;
    (void)allowed;
    for (size_t g = 0; g < n_groups; g++, x += (size_t)GROUP * DSIZE, out += GROUP) {
        ROW_TAKE_BITS(g);
        for (int o = 0; o < GROUP; o += VWIDTH) v_store(out + o, ROW_LOAD(o));
    }
}

/* widen_sum of a group in which something is not finite: +inf and -inf would give NaN. */
VFN void ROW_FN(hostile_sum)(const char *x, const float *added, uint64_t bits, float *out) {
    const vf dead = v_set(-__builtin_inff());
    (void)bits;
    for (int o = 0; o < GROUP; o += VWIDTH) {
        const vf v = ROW_RAW(o), y = v_load_f32(added + o);
        const vf low = v_where_gt(y, dead, v, v_min(v_set(__FLT_MAX__), v));
        v_store(out + o, ROW_ALLOW(o, v_where_gt(v, dead, v_add(low, y), v)));
    }
}

VATTR static void ROW_FN(widen_sum)(const void *row, const uint64_t *allowed, size_t n_groups,
                                    const float *added, float *out) {
    const char *x = row;
    (void)allowed;
    for (size_t g = 0; g < n_groups; g++, added += GROUP, out += GROUP) {
        ROW_TAKE_BITS(g);
        vf check = v_set(0.0f);
        for (int o = 0; o < GROUP; o += VWIDTH) {
            const vf sum = v_add(ROW_RAW(o), v_load_f32(added + o));
            check = v_fma(sum, v_set(0.0f), check);
            v_store(out + o, ROW_ALLOW(o, sum));
        }
        if (v_mask_nan(check)) ROW_FN(hostile_sum)(x, added, ROW_BITS(g), out);
        x += (size_t)GROUP * DSIZE;
    }
}

/* widen_mix of a group. */
VBIG void ROW_FN(mix_group)(const char *x, const char *y, uint64_t bits, const mix_params *p,
                            bool plain, float *out) {
    float wide[GROUP], other[GROUP];
    vf check = v_set(0.0f);
    (void)bits;
    for (int o = 0; o < GROUP; o += VWIDTH) {
        const vf mixed = v_mix(ROW_RAW(o), CAT(v_load, DTYPE)(y + (size_t)o * DSIZE), p, plain);
        check = v_fma(mixed, v_set(0.0f), check);
        v_store(out + o, ROW_ALLOW(o, mixed));
    }
    if (v_mask_nan(check) == 0) return;
    for (int o = 0; o < GROUP; o += VWIDTH) {
        v_store(wide + o, ROW_LOAD(o));
        v_store(other + o, CAT(v_load, DTYPE)(y + (size_t)o * DSIZE));
    }
    mix_hostile(wide, other, p, out);
}

VATTR static void ROW_FN(widen_mix)(const void *row, const void *second, const uint64_t *allowed,
                                    size_t n_groups, const mix_params *params, float *out) {
    const char *x = row, *y = second;
    const mix_params p = *params;
    const bool plain = p.own == 1.0f && p.shift == 0.0f;
    (void)allowed;
    for (size_t g = 0; g < n_groups; g++, out += GROUP) {
        ROW_TAKE_BITS(g);
        if (plain)
            ROW_FN(mix_group)(x, y, ROW_BITS(g), &p, true, out);
        else
            ROW_FN(mix_group)(x, y, ROW_BITS(g), &p, false, out);
        x += (size_t)GROUP * DSIZE;
        y += (size_t)GROUP * DSIZE;
    }
}

/* spread_max of a group that is mixed with that of a second row. */
VBIG vf ROW_FN(spread_mix_max)(const char *x, const char *y, uint64_t bits, const mix_params *p,
                               bool plain, vf *check) {
    (void)bits;
    if (ROW_IS_DEAD) return v_set(-__builtin_inff());
    vf v[2 * PART], w[PART];
    VLOOP for (int k = 0; k < 2; k++) {
        vf *half = v + k * PART;
        ROW_RAW32(32 * k, half);
        CAT(v_load32, DTYPE)(y + (size_t)(32 * k) * DSIZE, w);
        for (int i = 0; i < PART; i++) half[i] = v_mix(half[i], w[i], p, plain);
    }
    return ROW_FN(max_of_loaded)(v, bits, check);
}

VBIG bool ROW_FN(mix_max)(const char *x, const char *y, const uint64_t *allowed, size_t n_groups,
                          const mix_params *p, bool plain, float *max) {
    vf check = v_set(0.0f);
    vf m[4];
    (void)allowed;
    GROUPS_BY_FOUR(m[q] = ROW_FN(spread_mix_max)(x, y + (g + (size_t)q) * GROUP * DSIZE,
                                                 ROW_BITS(g + (size_t)q), p, plain, &check),
                   v_hmax4(m, max + g), max[g] = v_hmax(m[0]));
    return v_mask_nan(v_mul(check, v_set(0.0f))) == 0;
}

VATTR static bool ROW_FN(group_mix_max)(const void *x, const void *y, const uint64_t *allowed,
                                        size_t n_groups, const mix_params *params, float *max) {
    const mix_params p = *params;
    if (p.own == 1.0f && p.shift == 0.0f)
        return ROW_FN(mix_max)(x, y, allowed, n_groups, &p, true, max);
    return ROW_FN(mix_max)(x, y, allowed, n_groups, &p, false, max);
}
