/*
 * argmax.cl: the highest logit of each row, the lowest id among equals. One read of the row, one
 * launch: group x of row y takes tiles x, x + groups, ...; the row's last group compares what all
 * of them found and writes the result.
 */
KERNEL void pluck_argmax(GLOBAL const uchar *logits, plk_call call, GLOBAL const uchar *params,
                         GLOBAL const uchar *masks, GLOBAL plk_state *states, GLOBAL u64 *partials,
                         GLOBAL plk_result *results LOCAL_PARAM) {
    LOCAL_START
    const u32 row = group_y();
    GLOBAL u64 *partial = partials + (u64)row * groups_x();
    GLOBAL plk_result *result = results + row;
    plk_source source;
    float best = NEG_INF;
    u32 best_at = 0; /* tile and element of the best */
    i32 nan = 0;
    u64 key;
    if (!call.bare && chain_of(params, &call, row)->route != PLK_ROUTE_GREEDY) return;
    source = make_source(logits, &call, params, masks, row);
    for (u32 tile = group_x(); tile < (u32)call.n_tiles; tile += groups_x()) {
        float v[PLK_VPT], high;
        read_tile(&source, tile, v);
        high = highest(v);
        nan |= high != high;
        if (high > best) { /* ids ascend: the first of equals stays */
            best = high;
            UNROLL
            for (u32 i = PLK_VPT; i > 0; i--)
                if (v[i - 1] == high) best_at = tile * PLK_VPT + i - 1;
        }
    }
    key = make_key(nan ? ORDERED_NAN : ordered_from_float(best),
                   tile_id(&source, best_at / PLK_VPT, best_at % PLK_VPT) & ID_MASK);
    key = group_max(key, local_base);
    if (groups_x() > 1) {
        if (lane_id() == 0) partial[group_x()] = key;
        if (!arrives_last(states + row, local_base)) return;
        key = 0;
        for (u32 i = lane_id(); i < groups_x(); i += PLK_WG) key = larger(key, partial[i]);
        key = group_max(key, local_base);
    }
    if (lane_id() != 0) return;
    if (key_ordered(key) == ORDERED_NAN || key_ordered(key) == ORDERED_NEG_INF) {
        result->status = key_ordered(key) == ORDERED_NAN ? PLK_ERR_NAN : PLK_ERR_EMPTY;
        result->token = -1;
        result->n_candidates = 0;
        return;
    }
    result->status = PLK_OK;
    result->token = (i32)key_id(key);
    result->logit = key_logit(key);
    result->probability = 1.0f;
    result->logprob = 0.0f;
    result->n_candidates = 1;
}
