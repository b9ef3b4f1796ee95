/*
 * softmax.cl: log-sum-exp, softmax and log-probabilities of whole rows.
 *
 * pluck_sum_exp reads a row once. A tile's weights are fixed-point numbers relative to the tile's
 * own maximum, so no group waits for the row's. The row's last group scales the tiles to the row's
 * maximum and adds them up. pluck_softmax reads the row again and writes the
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

/* x * quarters / temperature. */
FN plk_pair over_temperature(plk_pair x, float quarters, const plk_softmax *s) {
    const float product = x.hi * s->inverse.hi;
    if (!is_finite(product)) return pair_of(product);
    return pair_scaled(pair_multiply(x, s->inverse), s->step * quarters);
}

/* The sum if it is finite; otherwise a's hi, since its lo is NaN then. */
FN float rounded_sum(plk_pair a, plk_pair b) {
    return is_finite(a.hi) ? pair_add(a, b).hi : a.hi;
}

/* The probability of the most likely token: 1 / (total / 2^MASS_BITS). */
FN plk_pair share_of_maximum(u64 total) {
    return pair_divide(pair_of_u64((u64)1 << MASS_BITS), pair_of_u64(total));
}

/* (x - maximum) / temperature + log_share. The distance from a large maximum may be more than a
 * float holds, so it is taken of quarters. */
FN float log_probability(float x, float maximum, const plk_softmax *s, plk_pair log_share) {
    const i32 large = maximum > 1.0e30f;
    const float part = large ? 0.25f : 1.0f;
    if (x == maximum) return log_share.hi;
    return rounded_sum(
        over_temperature(two_sum(x * part, -maximum * part), large ? 4.0f : 1.0f, s), log_share);
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
    u64 total = 0;
    plk_pair share, log_share, maximum;
    float sum;
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
            total += scaled_mass(tiles[t].mass, key_logit(tiles[t].max_key), key_logit(max_key),
                                 softmax.rate);
    total = group_sum(total, local_base);
    if (lane_id() != 0) return;
    maximum = over_temperature(pair_of(key_logit(max_key)), 1.0f, &softmax);
    if (top == ORDERED_NAN || top == ORDERED_NEG_INF) {
        fail_row(result, top == ORDERED_NAN ? PLK_ERR_NAN : PLK_ERR_EMPTY);
        states[row].next = PLK_NEXT_NOTHING;
        sum = maximum.hi; /* NaN, or -inf for an empty row */
    } else {
        share = share_of_maximum(total);
        log_share = pair_logarithm(share);
        sum = rounded_sum(maximum, pair_negated(log_share));
        states[row].next = PLK_NEXT_SOFTMAX;
        states[row].max_key = max_key;
        states[row].tail = total;
        result->status = PLK_OK;
        result->token = (i32)key_id(max_key);
        result->logit = maximum.hi;
        result->probability = share.hi;
        result->logprob = log_share.hi;
        result->n_candidates = call.n_vocab;
    }
    if (softmax.gives_sums) sums[softmax.sums_at + row] = sum;
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
    plk_pair share, log_share;
    if (states[row].next != PLK_NEXT_SOFTMAX) return;
    share = share_of_maximum(states[row].tail);
    log_share = pair_logarithm(share);
    for (u32 t = group_x(); t < (u32)call.n_tiles; t += groups_x()) {
        float v[PLK_VPT];
        read_tile(&source, t, v);
        UNROLL
        for (u32 i = 0; i < PLK_VPT; i++)
            v[i] = softmax.logarithms ? log_probability(v[i], maximum, &softmax, log_share)
                                      : share_times_power(share, v[i], maximum, softmax.rate);
        UNROLL
        for (u32 i = 0; i < PLK_VPT; i += 4)
            write_four(to, tile_id(&source, t, i), source.n_vocab, v + i);
    }
}
