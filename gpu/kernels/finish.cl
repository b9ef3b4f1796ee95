/*
 * finish.cl: the end of a row's chain, once at most PLK_SMALL_MAX candidates are left: sorts them,
 * runs the operations that reduce.cl left, and draws or hands the candidates back.
 */

/* What the candidates are cut off at by an operation that needs sums. `tail` and `tail_other` are sums
 * of what was left out. */
FN u64 small_cut(const plk_small *s, GLOBAL const plk_op *op, float maximum, u64 tail,
                 u64 tail_other) {
    const i32 kind = op->kind;
    u64 mass = 0, other = 0, cut, least;
    u32 n;
    for (u32 i = lane_id(); i < s->n && kind >= PLK_OP_TOP_A; i += PLK_WG) {
        const float x = key_logit(s->keys[i]);
        mass += weight(x, maximum, op->rate);
        if (PLK_OP_SUMS_OTHER(kind)) other += other_weight(kind, x, maximum, op->rate);
    }
    mass = group_sum(mass, s->scratch) + tail;
    other = group_sum(other, s->scratch) + tail_other;
    cut = key_of_cut(op, mass, other, maximum);
    if (group_may_skip(op->count <= 1)) return cut;
    n = small_count(s, FIRST_KEY(ORDERED_NEG_INF + 1u));
    if (!PLK_OP_KEEPS_TIES(kind) || op->count <= 1 || n == 0) return cut;
    if (n > (u32)op->count) n = (u32)op->count;
    least = FIRST_KEY(key_ordered(s->keys[n - 1]));
    return cut < least ? cut : least;
}

/* One truncation: counts how many of the sorted keys it keeps, and drops the others. `deviation` is
 * the row's standard deviation while no operation has changed the set, else not known. */
FN void truncate_small(plk_small *s, GLOBAL const plk_op *op, float maximum, u64 tail,
                       u64 tail_other, plk_deviation deviation) {
    const i32 by_mass = op->kind == PLK_OP_TOP_P;
    u64 boundary = 0, target = 0, within = 0, cut = 0;
    u32 keep;
    if (!group_may_skip(!by_mass))
        target = share_of(op->share, small_prefix(s, maximum, op->rate, 0) + tail);
    if (!group_may_skip(op->kind != PLK_OP_SIGMA || deviation_is_known(deviation))) {
        const plk_deviation own = small_deviation(s);
        if (!deviation_is_known(deviation)) deviation = own;
    }
    if (!group_may_skip(op->kind < PLK_OP_TOP_A))
        cut = small_cut(s, op, maximum, tail, tail_other);
    if (op->kind >= PLK_OP_TOP_A)
        boundary = cut;
    else if (op->kind == PLK_OP_MIN_P)
        boundary = key_at_least(maximum, op->value, FIELD_ONE);
    else if (op->kind == PLK_OP_SIGMA)
        boundary = key_within_deviations(maximum, op->value.hi, deviation);
    for (u32 i = lane_id(); i < s->n; i += PLK_WG)
        within += by_mass ? s->room[i] < target : s->keys[i] >= boundary;
    keep = (u32)group_sum(within, s->scratch) + (by_mass ? 1u : 0u);
    if (op->kind == PLK_OP_TOP_K)
        small_keep(s, (u32)op->count, 1);
    else
        small_keep(s, keep, PLK_OP_KEEPS_TIES(op->kind) ? 1 : op->count);
}

/* Loads the keys of the list that are at or above a boundary. All lanes have read its n keys when it
 * returns. */
FN void load_list(plk_small *s, GLOBAL const u64 *list, u32 n, u64 boundary, LOCAL u32 *length) {
    if (lane_id() == 0) *length = 0;
    group_barrier();
    for (u32 i = lane_id(); i < n; i += WALK_AHEAD * PLK_WG) {
        u64 key[WALK_AHEAD];
        load_ahead(list, n, i, boundary, key);
        UNROLL
        for (u32 j = 0; j < WALK_AHEAD; j++)
            if (key[j] != 0) s->keys[local_add(length, 1)] = key[j];
    }
    group_barrier();
    s->n = *length;
    group_barrier();
}

/* The boundary of a list of a top-k that reduce.cl left as select.cl made it: that of the k best and
 * a few more if there are many, or of +inf, behind which nothing has a probability. */
FN u64 boundary_of_list(const plk_small *s, u64 max_key, u32 k, u64 boundary) {
    plk_bins bins;
    u64 narrowed = boundary;
    bins.count = (LOCAL u32 *)s->room;
    bins.mass_lo = bins.mass_hi = 0;
    bins.n = PLK_SELECT_BINS;
    if (!group_may_skip(s->n <= PLK_FEW))
        narrowed = kth_boundary(s->keys, s->n, k, larger(boundary, 1), &bins, s->scratch);
    return key_ordered(max_key) == ORDERED_POS_INF ? FIRST_KEY(ORDERED_POS_INF) : narrowed;
}

KERNEL void pluck_finish(plk_call call, GLOBAL const uchar *params, GLOBAL plk_state *states,
                         GLOBAL const u64 *lists, GLOBAL plk_result *results, GLOBAL i32 *out_ids,
                         GLOBAL float *out_logits LOCAL_PARAM) {
    LOCAL_START
    const u32 row = group_y();
    GLOBAL const plk_row *parameters = row_of(params, &call, row);
    GLOBAL const plk_chain *chain = chain_of(params, &call, row);
    GLOBAL const u64 *list = lists + (u64)row * (u32)call.list_capacity;
    GLOBAL plk_result *result = results + row;
    const plk_state state = states[row];
    const i32 token = chain->give == PLK_GIVE_TOKEN;
    const u64 place = (u64)row * (u32)call.max_candidates;
    const u64 u = philox_uniform(parameters->seed, parameters->stream, parameters->position_lo,
                                 parameters->position_hi);
    u64 tail = state.tail, tail_other = state.tail_other;
    u64 max_key = state.max_key, boundary = state.boundary, total;
    float maximum;
    u32 index, unmasked, top;
    i32 fits = 1, status = PLK_OK;
    plk_deviation deviation = state.deviation;
    LOCAL u32 *length;
    plk_small s;
    if (chain->route == PLK_ROUTE_GREEDY || state.next != PLK_NEXT_FINISH) return;
    s.keys = local_base;
    s.room = s.keys + PLK_SMALL_MAX;
    s.scratch = s.room + PLK_ROOM_WORDS(PLK_BINS);
    length = (LOCAL u32 *)(s.scratch + PLK_SCRATCH_WORDS(PLK_WG));
    load_list(&s, list, state.n_list, boundary, length);
    if (!group_may_skip(state.max_key != 0)) { /* reduce.cl has left all to this kernel */
        const u32 k = state.max_key == 0 ? (u32)chain->k : ~(u32)0;
        u64 best = 0;
        for (u32 i = lane_id(); i < s.n; i += PLK_WG) best = larger(best, s.keys[i]);
        max_key = larger(max_key, group_max(best, s.scratch));
        boundary = boundary_of_list(&s, max_key, k, boundary);
    }
    if (!group_may_skip(boundary == state.boundary)) load_list(&s, list, state.n_list, boundary, length);
    top = key_ordered(max_key);
    if (top == ORDERED_NAN) status = PLK_ERR_NAN;
    if (top == ORDERED_NEG_INF) status = PLK_ERR_EMPTY;
    maximum = key_logit(max_key);
    if (lane_id() == 0) states[row].n_list = 0; /* all have read the list */
    sort_descending(s.keys, s.room, s.n);
    for (i32 i = (i32)state.next_op; i < chain->n_ops; i++) {
        truncate_small(&s, chain->ops + i, maximum, tail, tail_other, deviation);
        if (PLK_OP_SUMS(chain->ops[i].kind)) tail = tail_other = 0;
        if (top != ORDERED_POS_INF) deviation = deviation_unknown();
    }
    if (!token) {
        fits = s.n <= (u32)call.max_candidates && status == PLK_OK;
        fail_row(result, status != PLK_OK ? status : fits ? PLK_OK : PLK_ERR_OVERFLOW);
        if (fits && lane_id() == 0) result->n_candidates = (i32)s.n;
        for (u32 i = lane_id(); i < s.n && fits && !chain->by_id; i += PLK_WG) {
            out_ids[place + i] = (i32)key_id(s.keys[i]);
            out_logits[place + i] = key_logit(s.keys[i]);
        }
    }
    if (group_may_skip(!token && !chain->by_id)) return;
    unmasked = small_count(&s, FIRST_KEY(ORDERED_NEG_INF + 1u));
    if (token) s.n = unmasked; /* 0 if the row failed */
    small_order_by_id(&s);
    for (u32 i = lane_id(); i < s.n && fits && !token && chain->by_id; i += PLK_WG) {
        out_ids[place + i] = (i32)(ID_MASK - (u32)(s.keys[i] >> 32));
        out_logits[place + i] = float_from_ordered((u32)s.keys[i]);
    }
    if (group_may_skip(!token)) return;
    total = small_prefix(&s, maximum, chain->rate, 1);
    index = small_reach(&s, share_of(u, total));
    if (token && status != PLK_OK) fail_row(result, status);
    if (token && status == PLK_OK && lane_id() == 0)
        give_token(result, chain, ID_MASK - (u32)(s.keys[index] >> 32),
                   float_from_ordered((u32)s.keys[index]), maximum, total, s.n);
}
