/*
 * softmax.cl: log-sum-exp, softmax and log-probabilities of whole rows.
 *
 * pluck_sum_exp reads a row once. A tile's weights are fixed-point numbers relative to the tile's
 * own maximum, so no group waits for the row's. The row's last group scales the tiles to the row's
 * maximum and adds them up in a fixed order. pluck_softmax reads the row again and writes the
 * probabilities.
 */

/* The mass of a tile relative to its own maximum, of which `key` is the key. The
 * same for all lanes. */
FN u64 tile_mass(const float v[PLK_VPT], u64 key, plk_rate rate, LOCAL u64 *scratch) {
    const float maximum = key_logit(key);
    u64 mass = 0;
    if (key_ordered(key) > ORDERED_NEG_INF) {
        UNROLL
        for (u32 i = 0; i < PLK_VPT; i++) mass += weight(v[i], maximum, rate);
    }
    return group_sum(mass, scratch);
}

KERNEL void pluck_sum_exp(GLOBAL const uchar *logits, plk_call call, plk_softmax softmax,
                          GLOBAL plk_state *states, GLOBAL plk_tile *all_tiles,
                          GLOBAL plk_result *results, GLOBAL float *sums LOCAL_PARAM) {
    LOCAL_START
    const u32 row = group_y(), n_tiles = (u32)call.n_tiles;
    GLOBAL plk_tile *tiles = all_tiles + (u64)row * n_tiles;
    GLOBAL plk_result *result = results + row;
    const plk_source source = make_source(logits, &call, 0, 0, row);
    u64 max_key = 0;
    u32 top;
    double total = 0.0, log_total, maximum, sum;
    for (u32 t = group_x(); t < n_tiles; t += groups_x()) {
        float v[PLK_VPT];
        u64 key, mass;
        read_tile(&source, t, v);
        key = group_max(highest_key(&source, t, v), local_base);
        mass = tile_mass(v, key, softmax.rate, local_base);
        if (lane_id() == 0) {
            tiles[t].max_key = key;
            tiles[t].mass = mass;
        }
    }
    if (!arrives_last(states + row, local_base)) return;

    for (u32 t = lane_id(); t < n_tiles; t += PLK_WG) max_key = larger(max_key, tiles[t].max_key);
    max_key = group_max(max_key, local_base);
    top = key_ordered(max_key);
    for (u32 t = lane_id(); t < n_tiles; t += PLK_WG)
        if (tiles[t].mass != 0)
            total += (double)tiles[t].mass * power_value(key_logit(tiles[t].max_key),
                                                         key_logit(max_key), softmax.rate);
    total = group_sum_f64(total, local_base) * MASS_UNIT;
    if (lane_id() != 0) return;
    maximum = (double)key_logit(max_key) * softmax.inverse;
    if (top == ORDERED_NAN || top == ORDERED_NEG_INF) {
        fail_row(result, top == ORDERED_NAN ? PLK_ERR_NAN : PLK_ERR_EMPTY);
        states[row].next = PLK_NEXT_NOTHING;
        sum = maximum; /* NaN, or -inf for an empty row */
    } else {
        log_total = natural_log(total);
        sum = maximum + log_total;
        states[row].next = PLK_NEXT_SOFTMAX;
        states[row].max_key = max_key;
        states[row].deviation = total;
        result->status = PLK_OK;
        result->token = (i32)key_id(max_key);
        result->logit = (float)maximum;
        result->probability = (float)(1.0 / total);
        result->logprob = (float)-log_total;
        result->n_candidates = call.n_vocab;
    }
    if (softmax.gives_sums) sums[softmax.sums_at + row] = (float)sum;
}

/* Four neighbouring numbers of the output, of which those below n_vocab exist. */
FN void write_four(GLOBAL float *row, u32 id, u32 n_vocab, const float x[4]) {
    if (((u64)(row + id) & 15u) == 0 && id + 4u <= n_vocab) {
        quad q;
        q.x = float_bits(x[0]);
        q.y = float_bits(x[1]);
        q.z = float_bits(x[2]);
        q.w = float_bits(x[3]);
        store_quad(row + id, q);
        return;
    }
    UNROLL
    for (u32 e = 0; e < 4; e++)
        if (id + e < n_vocab) row[id + e] = x[e];
}

KERNEL void pluck_softmax(GLOBAL const uchar *logits, plk_call call, plk_softmax softmax,
                          GLOBAL const plk_state *states, GLOBAL float *out) {
    const u32 row = group_y();
    GLOBAL float *to = out + softmax.out_at + (u64)row * softmax.out_stride;
    const plk_source source = make_source(logits, &call, 0, 0, row);
    const float maximum = key_logit(states[row].max_key);
    const double share = 1.0 / states[row].deviation, log_share = natural_log(share);
    if (states[row].next != PLK_NEXT_SOFTMAX) return;
    for (u32 t = group_x(); t < (u32)call.n_tiles; t += groups_x()) {
        float v[PLK_VPT];
        read_tile(&source, t, v);
        UNROLL
        for (u32 i = 0; i < PLK_VPT; i++) {
            const double below = v[i] == maximum ? 0.0 : (double)v[i] - (double)maximum;
            v[i] = softmax.logarithms
                       ? (float)(below * softmax.inverse + log_share)
                       : (float)(power_value(v[i], maximum, softmax.rate) * share);
        }
        UNROLL
        for (u32 i = 0; i < PLK_VPT; i += 4)
            write_four(to, tile_id(&source, t, i), source.n_vocab, v + i);
    }
}
