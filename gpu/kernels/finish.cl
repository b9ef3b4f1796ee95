/*
 * finish.cl: the end of a row's chain, once at most PLK_SMALL_MAX candidates are left: it sorts them, runs the
 * operations that reduce.cl left, and draws, or hands the candidates back.
 */

/* One truncation. `deviation` is that of the row where no operation has changed the set yet, else < 0. */
FN void truncate_small(plk_small *s, GLOBAL const plk_op *op, float maximum, u64 tail,
                       double deviation) {
    if (op->kind == PLK_OP_TOP_K) {
        small_keep(s, (u32)op->count, 1);
    } else if (op->kind == PLK_OP_TOP_P) {
        const u64 total = small_prefix(s, maximum, op->rate, 0) + tail;
        small_keep(s, small_reach(s, share_of(op->value, total)) + 1, op->count);
    } else {
        double cut = (double)maximum + op->value;
        if (op->kind == PLK_OP_SIGMA) {
            if (deviation < 0.0) deviation = small_deviation(s);
            cut = (double)maximum - op->value * deviation;
        }
        small_keep(s, small_count(s, key_at_least(cut)), op->count);
    }
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
    const float maximum = key_logit(state.max_key);
    const i32 token = chain->give == PLK_GIVE_TOKEN;
    u64 tail = state.tail;
    double deviation = state.deviation;
    LOCAL u32 *length;
    plk_small s;
    if (chain->route == PLK_ROUTE_GREEDY || state.settled) return;
    s.keys = local_base;
    s.room = s.keys + PLK_SMALL_MAX;
    s.scratch = s.room + PLK_ROOM_WORDS;
    length = (LOCAL u32 *)(s.scratch + PLK_SCRATCH_WORDS(PLK_WG));
    if (lane_id() == 0) *length = 0;
    group_barrier(); /* all have read the state, too */
    if (lane_id() == 0) states[row].n_list = 0;
    for (u32 i = lane_id(); i < state.n_list; i += PLK_WG)
        if (list[i] >= state.boundary) s.keys[local_add(length, 1)] = list[i];
    group_barrier();
    s.n = *length;
    sort_descending(s.keys, s.room, s.n);
    for (i32 i = (i32)state.next_op; i < chain->n_ops; i++) {
        truncate_small(&s, chain->ops + i, maximum, tail, deviation);
        if (chain->ops[i].kind == PLK_OP_TOP_P) tail = 0;
        if (key_ordered(state.max_key) != ORDERED_POS_INF) deviation = -1.0;
    }
    if (!token && s.n > (u32)call.max_candidates) {
        fail_row(result, PLK_ERR_OVERFLOW);
        return;
    }
    if (token) s.n = small_count(&s, FIRST_KEY(ORDERED_NEG_INF + 1u));
    if (token || chain->by_id) small_order_by_id(&s);
    if (token) {
        const double u = philox_uniform(parameters->seed, parameters->stream,
                                        parameters->position_lo, parameters->position_hi);
        const u64 total = small_prefix(&s, maximum, chain->rate, 1);
        const u32 index = small_reach(&s, share_of(u, total));
        if (lane_id() == 0)
            give_token(result, chain, ID_MASK - (u32)(s.keys[index] >> 32),
                       float_from_ordered((u32)s.keys[index]), maximum, total, s.n);
        return;
    }
    for (u32 i = lane_id(); i < s.n; i += PLK_WG) {
        const u64 place = (u64)row * (u32)call.max_candidates + i, key = s.keys[i];
        out_ids[place] = (i32)(chain->by_id ? ID_MASK - (u32)(key >> 32) : key_id(key));
        out_logits[place] = float_from_ordered(chain->by_id ? (u32)key : key_ordered(key));
    }
    fail_row(result, PLK_OK);
    if (lane_id() == 0) result->n_candidates = (i32)s.n;
}
