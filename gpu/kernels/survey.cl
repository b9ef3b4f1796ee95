/*
 * survey.cl: the two or three reads of a row whose chain has no top-k.
 *
 * pluck_survey finds the maximum (and, if asked, the standard deviation) and from them two keys:
 * keys below low_key are cut off; keys at or above list_key may be near the boundary of the
 * nucleus, or above a cut that depends on a sum. Of N tokens, those further than ln(N / (1 - p))
 * below the maximum weigh less than 1 - p together, so the nucleus cannot reach them: list_key lies
 * there, or at a later cut if that is higher. If the set is known to weigh Z at least, it lies ln Z
 * higher: Z is the sum of the weights of the segments' highest logits, an exponential for every
 * PLK_VPT logits. PLK_VPT times that is the most that the set can weigh, which other cuts need.
 *
 * Of a row with a top-k, pluck_survey finds only what a standard deviation needs, if one is needed.
 *
 * pluck_gather puts the keys at or above list_key on the row's list and sums the weights of the
 * rest, tile by tile. On a typical row the list is a few percent of it, so the last kernel has
 * little to read. For a cut that needs a second sum pluck_moments computes that of the rest; in
 * gather it would take so many registers that half as many groups ran at once.
 */

/* The standard deviation over all tiles (Chan et al.'s merge of tile means), known to all lanes. */
FN plk_deviation tiles_deviation(GLOBAL const plk_tile *tiles, u32 n_tiles, LOCAL u64 *scratch) {
    plk_pair sum = pair_of(0.0f), spread = pair_of(0.0f), mean;
    u64 count = 0, largest = FIELD_MIN;
    u32 field;
    for (u32 t = lane_id(); t < n_tiles; t += PLK_WG) {
        largest = larger(largest, tiles[t].field);
        count += tiles[t].unmasked;
    }
    field = (u32)group_max(largest, scratch);
    count = group_sum(count, scratch);
    for (u32 t = lane_id(); t < n_tiles; t += PLK_WG)
        sum = pair_add(sum, pair_rescaled(tiles[t].sum, tiles[t].field, field));
    mean = pair_divide(group_sum_pair(sum, scratch), pair_of((float)(u32)count));
    for (u32 t = lane_id(); t < n_tiles; t += PLK_WG) {
        const plk_pair n = pair_of((float)tiles[t].unmasked);
        plk_pair own = pair_rescaled(tiles[t].spread, tiles[t].field, field), off;
        if (tiles[t].unmasked == 0) continue;
        own = pair_rescaled(own, tiles[t].field, field); /* the squares' scale */
        off = pair_divide(pair_rescaled(tiles[t].sum, tiles[t].field, field), n);
        off = pair_add(off, pair_negated(mean));
        off = pair_multiply(pair_multiply(off, off), n);
        spread = pair_add(spread, pair_add(own, off));
    }
    return deviation_of(group_sum_pair(spread, scratch), (u32)count, field);
}

/* What a standard deviation needs of a tile: count, sum, squared distances from the tile's mean. */
FN void measure_tile(const float v[PLK_VPT], GLOBAL plk_tile *tile, LOCAL u64 *scratch) {
    plk_pair sum = pair_of(0.0f), spread = pair_of(0.0f), mean = pair_of(0.0f);
    float largest = 0.0f, scale;
    u64 count = 0;
    u32 field;
    UNROLL
    for (u32 i = 0; i < PLK_VPT; i++)
        if (v[i] != NEG_INF) {
            largest = max_nan(largest, v[i] < 0.0f ? -v[i] : v[i]);
            count++;
        }
    field = (u32)group_max(field_of(largest), scratch);
    scale = scale_down(field);
    UNROLL
    for (u32 i = 0; i < PLK_VPT; i++)
        if (v[i] != NEG_INF) sum = pair_add_float(sum, v[i] * scale);
    count = group_sum(count, scratch);
    sum = group_sum_pair(sum, scratch);
    if (count > 0) mean = pair_divide(sum, pair_of((float)(u32)count));
    UNROLL
    for (u32 i = 0; i < PLK_VPT; i++)
        if (v[i] != NEG_INF) spread = pair_add_square(spread, v[i] * scale, mean);
    spread = group_sum_pair(spread, scratch);
    if (lane_id() == 0) {
        tile->unmasked = (u32)count;
        tile->field = field;
        tile->sum = sum;
        tile->spread = spread;
    }
}

/* The rate of the chain's operation that sums; of the draw if there is none. */
FN plk_rate rate_of_masses(GLOBAL const plk_chain *chain) {
    plk_rate rate = chain->rate;
    for (i32 i = 0; i < chain->n_ops; i++)
        if (PLK_OP_SUMS(chain->ops[i].kind)) rate = chain->ops[i].rate;
    return rate;
}

/* The kind of the chain's operation that has a second sum, 0 if there is none. */
FN i32 kind_of_moments(GLOBAL const plk_chain *chain) {
    i32 kind = 0;
    for (i32 i = 0; i < chain->n_ops; i++)
        if (PLK_OP_SUMS_OTHER(chain->ops[i].kind)) kind = chain->ops[i].kind;
    return kind;
}

/* A lower bound of log2 of the weights' sum, known to all lanes. tiles[t].mass: the weight of some
 * of the tile's logits, relative to its maximum. */
FN float log2_at_least(GLOBAL const plk_tile *tiles, u32 n_tiles, float maximum, plk_rate rate,
                       LOCAL u64 *scratch) {
    u64 sum = 0;
    u32 exponent = 0;
    for (u32 t = lane_id(); t < n_tiles; t += PLK_WG) /* 2^-20 is the unit of both, and of the sum */
        sum += ((tiles[t].mass >> (MASS_BITS - 20)) *
                (weight(key_logit(tiles[t].max_key), maximum, rate) >> (MASS_BITS - 20))) >>
               20;
    sum = group_sum(sum, scratch) >> 20;
    while (sum >> exponent > 1) exponent++;
    return (float)(i32)exponent;
}

/* The same as an upper bound: no logit of a segment is higher than its highest. */
FN float log2_at_most(float log2_least) {
    u32 log2_segment = 0;
    while ((1u << log2_segment) < (u32)PLK_VPT) log2_segment++;
    return log2_least + 1.1f + (float)(i32)log2_segment; /* the sum was rounded down */
}

/* How far below the maximum an operation that sums may reach, given bounds of log2 of the sum. */
FN float distance_of_list(GLOBAL const plk_op *op, float log2_least, float log2_most) {
    const float nearer = log2_least / op->rate.hi * 0.99999f;
    float reach = op->reach;
    if (op->kind == PLK_OP_TOP_A || op->kind == PLK_OP_P_LESS)
        return reach + log2_most / op->rate.hi * 1.00001f;
    if (op->kind == PLK_OP_P_LESS_NORM) /* V S is at least 2, and so the limit at least S / 2 */
        return log2_most < reach ? (log2_most + 1.0f) / op->rate.hi * 1.00001f : -NEG_INF;
    if (nearer < 1e30f) reach -= nearer;
    return reach > 0.0f ? reach : 0.0f;
}

KERNEL void pluck_survey(GLOBAL const uchar *logits, plk_call call, GLOBAL const uchar *params,
                         GLOBAL const uchar *masks, GLOBAL plk_state *states,
                         GLOBAL plk_tile *all_tiles LOCAL_PARAM) {
    LOCAL_START
    const u32 row = group_y();
    GLOBAL const plk_chain *chain = chain_of(params, &call, row);
    GLOBAL plk_tile *tiles = all_tiles + (u64)row * (u32)call.n_tiles;
    plk_source source;
    u64 max_key = 0, low_key, list_key;
    float maximum;
    plk_deviation deviation = deviation_zero();
    float log2_mass;
    i32 before_sum = 1;
    plk_rate rate;
    if (chain->route == PLK_ROUTE_TOP ? !chain->needs_sigma
                                      : chain->route != PLK_ROUTE_PLAIN &&
                                            chain->route != PLK_ROUTE_NUCLEUS)
        return;
    rate = rate_of_masses(chain);
    source = make_source(logits, &call, params, masks, row);
    for (u32 t = group_x(); t < (u32)call.n_tiles; t += groups_x()) {
        float v[PLK_VPT], high;
        u64 key, mass;
        read_tile(&source, t, v);
        high = highest(v);
        key = group_max(FIRST_KEY(ordered_from_float(high)), local_base);
        mass = group_sum(weight(high, key_logit(key), rate), local_base);
        if (lane_id() == 0) {
            tiles[t].max_key = key;
            tiles[t].mass = mass;
        }
        if (chain->needs_sigma) measure_tile(v, tiles + t, local_base);
    }
    if (chain->route == PLK_ROUTE_TOP) return; /* select does the rest */
    if (!arrives_last(states + row, local_base)) return;

    for (u32 t = lane_id(); t < (u32)call.n_tiles; t += PLK_WG)
        max_key = larger(max_key, tiles[t].max_key);
    max_key = group_max(max_key, local_base);
    maximum = key_logit(max_key);
    if (chain->needs_sigma) deviation = tiles_deviation(tiles, (u32)call.n_tiles, local_base);
    low_key = FIRST_KEY(key_ordered(max_key) == ORDERED_POS_INF ? ORDERED_POS_INF
                                                                : ORDERED_NEG_INF + 1u);
    list_key = low_key;
    log2_mass = log2_at_least(tiles, (u32)call.n_tiles, maximum, rate, local_base);
    for (i32 i = 0; i < chain->n_ops && key_ordered(max_key) < ORDERED_POS_INF; i++) {
        GLOBAL const plk_op *op = chain->ops + i;
        u64 cut = 0;
        if (PLK_OP_SUMS(op->kind)) {
            /* What an earlier cut takes away has no mass. */
            const i32 whole = list_key == FIRST_KEY(ORDERED_NEG_INF + 1u);
            cut = key_within(maximum, distance_of_list(op, whole ? log2_mass : 0.0f,
                                                       log2_at_most(log2_mass)));
            before_sum = 0;
        } else if (op->kind == PLK_OP_MIN_P) {
            cut = key_at_least(maximum, op->value, FIELD_ONE);
        } else if (op->kind == PLK_OP_SIGMA) {
            cut = key_within_deviations(maximum, op->value.hi, deviation);
        }
        list_key = larger(list_key, cut);
        if (before_sum) low_key = list_key;
    }
    if (chain->route == PLK_ROUTE_PLAIN) list_key = FIRST_KEY(ORDERED_NAN);
    if (lane_id() == 0) {
        states[row].max_key = max_key;
        states[row].low_key = low_key;
        states[row].list_key = list_key;
        states[row].deviation = deviation;
    }
}

KERNEL void pluck_gather(GLOBAL const uchar *logits, plk_call call, GLOBAL const uchar *params,
                         GLOBAL const uchar *masks, GLOBAL plk_state *states,
                         GLOBAL plk_tile *all_tiles, GLOBAL u64 *lists LOCAL_PARAM) {
    LOCAL_START
    LOCAL u64 *scratch = local_base;
    const u32 row = group_y();
    GLOBAL const plk_chain *chain = chain_of(params, &call, row);
    GLOBAL plk_tile *tiles = all_tiles + (u64)row * (u32)call.n_tiles;
    GLOBAL u64 *list = lists + (u64)row * (u32)call.list_capacity;
    const plk_rate rate = rate_of_masses(chain);
    float maximum, low, listed_from;
    i32 all_small; /* of what is not listed */
    plk_source source;
    if (chain->route != PLK_ROUTE_PLAIN && chain->route != PLK_ROUTE_NUCLEUS) return;
    maximum = key_logit(states[row].max_key);
    low = key_logit(states[row].low_key);
    listed_from = key_logit(states[row].list_key); /* nothing is at or above NaN */
    all_small = has_small_weight(listed_from, maximum, rate);
    source = make_source(logits, &call, params, masks, row);
    for (u32 t = group_x(); t < (u32)call.n_tiles; t += groups_x()) {
        float v[PLK_VPT];
        u64 mass = 0, total, place;
        u32 listed = 0, summed = 0;
        if (key_logit(tiles[t].max_key) >= low) { /* else nothing in the tile counts */
            read_tile(&source, t, v);
            UNROLL
            for (u32 i = 0; i < PLK_VPT; i++) {
                listed += v[i] >= listed_from;
                summed += v[i] >= low && !(v[i] >= listed_from);
            }
            if (all_small) {
                UNROLL
                for (u32 i = 0; i < PLK_VPT; i++)
                    mass += small_weight(v[i], maximum, rate) &
                            (0u - (u32)(v[i] >= low && v[i] < listed_from));
            } else {
                UNROLL
                for (u32 i = 0; i < PLK_VPT; i++)
                    mass += weight(v[i], maximum, rate) &
                            ((u64)0 - (u64)(v[i] >= low && !(v[i] >= listed_from)));
            }
        }
        place = group_scan(((u64)listed << 32) | summed, &total, scratch);
        mass = group_sum(mass, scratch);
        if (lane_id() == 0) {
            tiles[t].mass = mass;
            tiles[t].other = 0;
            tiles[t].n_mass = (u32)total;
            scratch[0] = (total >> 32) ? global_add(&states[row].n_list, (u32)(total >> 32)) : 0u;
        }
        group_barrier();
        place = (place >> 32) - listed + scratch[0];
        group_barrier();
        if (listed == 0) continue;
        UNROLL
        for (u32 i = 0; i < PLK_VPT; i++) {
            if (!(v[i] >= listed_from)) continue;
            if (place < (u64)(u32)call.list_capacity)
                list[place] = make_key(ordered_from_float(v[i]), tile_id(&source, t, i));
            place++;
        }
    }
}

KERNEL void pluck_moments(GLOBAL const uchar *logits, plk_call call, GLOBAL const uchar *params,
                          GLOBAL const uchar *masks, GLOBAL const plk_state *states,
                          GLOBAL plk_tile *all_tiles LOCAL_PARAM) {
    LOCAL_START
    const u32 row = group_y();
    GLOBAL const plk_chain *chain = chain_of(params, &call, row);
    GLOBAL plk_tile *tiles = all_tiles + (u64)row * (u32)call.n_tiles;
    const plk_rate rate = rate_of_masses(chain);
    const i32 kind = kind_of_moments(chain);
    float maximum, low, listed_from;
    plk_source source;
    if (chain->route != PLK_ROUTE_NUCLEUS || kind == 0) return;
    maximum = key_logit(states[row].max_key);
    low = key_logit(states[row].low_key);
    listed_from = key_logit(states[row].list_key);
    source = make_source(logits, &call, params, masks, row);
    for (u32 t = group_x(); t < (u32)call.n_tiles; t += groups_x()) {
        float v[PLK_VPT];
        u64 other = 0;
        if (key_logit(tiles[t].max_key) >= low) {
            read_tile(&source, t, v);
            UNROLL
            for (u32 i = 0; i < PLK_VPT; i++)
                other += other_weight(kind, v[i], maximum, rate) &
                         ((u64)0 - (u64)(v[i] >= low && v[i] < listed_from));
        }
        other = group_sum(other, local_base);
        if (lane_id() == 0) tiles[t].other = other;
    }
}
