/*
 * reduce.cl: reduces what the first kernels left of a row to at most PLK_SMALL_MAX candidates, or
 * to the masses of tiles that draw.cl needs.
 *
 * One group for each row. The set of candidates is described by its boundary: every key at or above
 * it is in. The boundary starts at what the kernels before found (a list, a threshold, cuts) and
 * rises with each operation of the chain. A round walks the set once: for its size, for a sum, or
 * for a histogram from the set's lowest key to its highest, that shows in which bin a rank or a
 * mass is reached; the next one divides that bin. As soon as the keys from that bin up are few
 * enough, finish.cl takes over, in the middle of an operation if need be. With a list that takes a
 * round or two over the list; without one (a flat nucleus, a chain in an unusual order) each round
 * reads the row.
 */

/* How far the reduction is. The same in all lanes. */
typedef struct plk_reduction {
    GLOBAL const plk_chain *chain;
    i32 op;      /* the operation under way, -1: none yet */
    i32 walk;    /* what the next round does */
    u64 before;  /* the boundary before the operation */
    u64 n;       /* keys in the set, once known */
    u64 tail;    /* mass that counts but lies below the boundary: of what gather did not list */
    u64 tail_other; /* its second sum */
    u64 target;  /* WALK_BINS, as the next three: reached in the range */
    u64 whole;   /* mass of the set and the tail */
    u64 above;   /* keys above the range, and their mass */
    u64 above_mass;
    plk_deviation deviation; /* of the row; not known if it is no longer that of the set */
} plk_reduction;

/* by_rank: the target is a count, else a share of the mass. */
FN void start_bins(plk_reduction *r, plk_walk *w, i32 by_rank) {
    w->range = range_over(w->boundary, w->highest, PLK_BINS);
    w->by_mass = !by_rank;
    if (!by_rank) r->target = 0; /* not known before the set's mass is */
    r->above = r->above_mass = 0;
    r->walk = WALK_BINS;
}

/* Raises the boundary to a key; the set is then counted. */
FN void cut_at(plk_reduction *r, plk_walk *w, u64 key) {
    w->boundary = larger(w->boundary, key);
    r->walk = WALK_COUNT;
}

/* The operation under way is over. */
FN void leave_op(plk_reduction *r, const plk_walk *w) {
    if (r->op >= 0) {
        if (PLK_OP_SUMS(r->chain->ops[r->op].kind)) r->tail = r->tail_other = 0;
        if (key_ordered(w->boundary) < ORDERED_POS_INF) r->deviation = deviation_unknown();
    }
}

/* Goes to the next operation that changes the set, or to what comes after the last. */
FN void next_op(plk_reduction *r, plk_walk *w) {
    GLOBAL const plk_op *op;
    leave_op(r, w);
    do {
        r->op++;
        op = r->chain->ops + r->op;
    } while (r->op < r->chain->n_ops && op->kind == PLK_OP_TOP_K && (u64)(u32)op->count >= r->n);
    r->before = w->boundary;
    if (r->op == r->chain->n_ops) {
        w->rate = r->chain->rate;
        w->by_mass = 1;
        r->walk = r->chain->give == PLK_GIVE_TOKEN ? WALK_TILES : WALK_NOTHING;
    } else if (op->kind == PLK_OP_TOP_K) {
        r->target = (u64)(u32)op->count;
        start_bins(r, w, 1);
    } else if (op->kind == PLK_OP_TOP_P) {
        w->rate = op->rate;
        start_bins(r, w, 0);
    } else if (op->kind == PLK_OP_MIN_P) {
        cut_at(r, w, key_at_least(w->maximum, op->value, FIELD_ONE));
    } else if (op->kind >= PLK_OP_TOP_A) {
        if (PLK_OP_KEEPS_TIES(op->kind))
            r->before = larger(r->before, FIRST_KEY(ORDERED_NEG_INF + 1u));
        w->rate = op->rate;
        w->kind = op->kind;
        r->walk = WALK_MASS;
    } else if (deviation_is_known(r->deviation)) {
        cut_at(r, w, key_within_deviations(w->maximum, op->value.hi, r->deviation));
    } else {
        r->walk = WALK_SUM;
    }
}

/* Few enough candidates are left. finish.cl goes on with r->op. */
FN void hand_over(plk_reduction *r, plk_walk *w) {
    r->walk = w->list ? WALK_NOTHING : WALK_COLLECT;
}

/* What finish.cl is to get: few, so that sorting them takes no time; or what it can hold, if sorted
 * candidates are asked for. */
FN u32 most_for_finish(const plk_reduction *r) {
    return r->chain->give == PLK_GIVE_TOKEN ? PLK_FEW : PLK_SMALL_MAX;
}

/* The set's size is known: the operation is over, unless it left too few. */
FN void end_op(plk_reduction *r, plk_walk *w) {
    if (r->op >= 0 && r->chain->ops[r->op].kind != PLK_OP_TOP_K &&
        r->n < (u64)(u32)r->chain->ops[r->op].count && w->boundary > r->before) {
        w->boundary = r->before;
        r->target = (u64)(u32)r->chain->ops[r->op].count;
        start_bins(r, w, 1);
    } else if (r->n <= most_for_finish(r)) {
        leave_op(r, w);
        r->op++;
        hand_over(r, w);
    } else {
        next_op(r, w);
    }
}

/* Goes on from the bin in which the target is reached: to the bins that divide it, to finish.cl, or
 * to the operation's end. finish.cl begins a top-a anew, from the sum of fewer candidates: that cuts
 * off more, so the count decides as it does here. */
FN void read_pick(plk_reduction *r, plk_walk *w, const plk_pick *pick, u64 mass_in_bin) {
    const u64 begin = range_begin(&w->range, pick->bin);
    const u64 end = begin + ((u64)1 << w->range.shift) - 1;
    const u64 n = r->above + pick->above_count + pick->in_bin;
    const u64 least = w->by_mass ? (u64)(u32)r->chain->ops[r->op].count : 0;
    const i32 ties = PLK_OP_KEEPS_TIES(r->chain->ops[r->op].kind); /* these are never by_mass */
    if (ties && key_ordered(begin) == key_ordered(end)) { /* all of this logit */
        cut_at(r, w, FIRST_KEY(key_ordered(begin)));
    } else if (!ties && n <= most_for_finish(r) && n >= least) {
        /* What is dropped counts in the operation's total. */
        if (w->by_mass) r->tail = r->whole - (r->above_mass + pick->above_mass + mass_in_bin);
        w->boundary = larger(w->boundary, begin);
        r->n = n;
        hand_over(r, w);
    } else if (ties || pick->in_bin > 1) {
        r->target -= w->by_mass ? pick->above_mass : pick->above_count;
        r->above += pick->above_count;
        r->above_mass += pick->above_mass;
        w->range = range_of_bin(&w->range, pick->bin, PLK_BINS);
    } else {
        w->boundary = larger(w->boundary, begin);
        r->n = n;
        end_op(r, w);
    }
}

KERNEL_LARGE void pluck_reduce(GLOBAL const uchar *logits, plk_call call, GLOBAL const uchar *params,
                         GLOBAL const uchar *masks, GLOBAL plk_state *states,
                         GLOBAL plk_tile *all_tiles, GLOBAL u64 *lists,
                         GLOBAL plk_result *results LOCAL_PARAM) {
    LOCAL_START
    const u32 row = group_y();
    GLOBAL const plk_chain *chain = chain_of(params, &call, row);
    GLOBAL plk_tile *tiles = all_tiles + (u64)row * (u32)call.n_tiles;
    GLOBAL u64 *list = lists + (u64)row * (u32)call.list_capacity;
    GLOBAL plk_result *result = results + row;
    const plk_state state = states[row];
    const i32 route = chain->route;
    const i32 surveyed = route == PLK_ROUTE_PLAIN || route == PLK_ROUTE_NUCLEUS;
    LOCAL u64 *keys = local_base;
    LOCAL u64 *room = keys + PLK_SMALL_MAX;
    LOCAL u64 *scratch = room + PLK_ROOM_WORDS(PLK_BINS);
    LOCAL u32 *length = (LOCAL u32 *)(scratch + PLK_SCRATCH_WORDS(PLK_WG));
    u64 max_key = state.max_key, n_list = state.n_list;
    u32 next = PLK_NEXT_FINISH;
    i32 status = PLK_OK;
    plk_source source;
    plk_reduction r;
    plk_walk w;
    if (route == PLK_ROUTE_GREEDY) return;
    if (route == PLK_ROUTE_TOP && !chain->needs_sigma && state.n_list <= PLK_SMALL_MAX &&
        state.n_list <= (u32)call.list_capacity) { /* finish.cl can hold the list as it is */
        if (lane_id() == 0) {
            states[row].next = PLK_NEXT_FINISH;
            states[row].threshold = 0;
            states[row].next_op = 0;
            states[row].max_key = 0;
            states[row].boundary = FIRST_KEY(state.threshold);
            states[row].tail = states[row].tail_other = 0;
            states[row].deviation = deviation_unknown();
        }
        return;
    }
    source = make_source(logits, &call, params, masks, row);
    w.source = &source;
    w.list = (route == PLK_ROUTE_TOP || route == PLK_ROUTE_NUCLEUS) &&
                     state.n_list <= (u32)call.list_capacity
                 ? list
                 : 0;
    w.n_list = state.n_list;
    w.n_tiles = (u32)call.n_tiles;
    w.boundary = 0;
    w.bins.count = (LOCAL u32 *)room;
    w.bins.mass_lo = w.bins.count + PLK_BINS;
    w.bins.mass_hi = w.bins.mass_lo + PLK_BINS;
    w.bins.n = PLK_BINS;
    w.range = range_over(0, 0, PLK_BINS);
    w.highest = 0;
    w.kind = 0;
    w.by_mass = 1;
    w.rate = chain->rate;
    w.mean = pair_of(0.0f);
    w.field = FIELD_MIN;
    w.maximum = 0.0f;
    w.to = keys;
    w.length = length;
    r.chain = chain;
    r.op = -1;
    r.walk = WALK_MAXIMUM;
    r.n = r.tail = r.tail_other = r.target = r.whole = r.above = r.above_mass = r.before = 0;
    r.deviation = state.deviation;
    if (route == PLK_ROUTE_NUCLEUS)
        for (u32 t = lane_id(); t < w.n_tiles; t += PLK_WG) {
            r.tail += tiles[t].mass;
            r.tail_other += tiles[t].other;
        }
    r.tail = group_sum(r.tail, scratch);
    r.tail_other = group_sum(r.tail_other, scratch);
    if (!group_may_skip(route != PLK_ROUTE_TOP || !chain->needs_sigma)) {
        const plk_deviation deviation = tiles_deviation(tiles, w.n_tiles, scratch);
        if (route == PLK_ROUTE_TOP) r.deviation = deviation;
    }
    if (!chain->needs_sigma) r.deviation = deviation_unknown();
    if (lane_id() == 0) *length = 0;

    while (r.walk != WALK_NOTHING) {
        const i32 what = surveyed && r.walk == WALK_MAXIMUM ? WALK_NOTHING : r.walk;
        const i32 in_bins = r.walk == WALK_BINS || r.walk == WALK_TILES;
        u64 number = 0, best = 0, other = 0, mass_in_bin = 0;
        plk_pair sum = pair_of(0.0f);
        u32 field = FIELD_MIN;
        plk_totals totals;
        plk_pick pick;
        totals.count = totals.mass = 0;
        pick.bin = pick.in_bin = 0;
        pick.above_count = pick.above_mass = 0;
        if (!group_may_skip(!in_bins)) bins_clear(&w.bins, 1);
        walk(what, &w);
        if (!group_may_skip(r.walk != WALK_MAXIMUM)) best = group_max(w.best, scratch);
        if (!group_may_skip(r.walk != WALK_MASS)) other = group_sum(w.other, scratch);
        if (!group_may_skip(in_bins)) {
            number = group_sum(w.number, scratch);
            field = (u32)group_max(w.field, scratch);
            sum = group_sum_pair(pair_rescaled(w.sum, w.field, field), scratch);
            w.field = field;
        }
        if (!group_may_skip(r.walk != WALK_BINS)) {
            totals = bins_total(&w.bins, w.by_mass, scratch);
            if (r.walk == WALK_BINS && w.by_mass && r.target == 0) {
                r.whole = totals.mass + r.tail;
                r.target = share_of(chain->ops[r.op].share, r.whole);
            }
            pick = bins_pick(&w.bins, &totals, r.target, w.by_mass, scratch);
            mass_in_bin = bin_mass(&w.bins, pick.bin % PLK_BINS);
        }

        if (r.walk == WALK_MAXIMUM) {
            const u32 top = key_ordered(surveyed ? max_key : best);
            if (!surveyed) max_key = best;
            w.maximum = key_logit(max_key);
            w.highest = max_key | ID_MASK;
            if (top == ORDERED_POS_INF) { /* all others have probability 0; those left are equal */
                w.boundary = FIRST_KEY(ORDERED_POS_INF);
                r.deviation = deviation_zero();
            } else if (chain->give == PLK_GIVE_TOKEN) {
                w.boundary = FIRST_KEY(ORDERED_NEG_INF + 1u);
            }
            if (route == PLK_ROUTE_NUCLEUS) w.boundary = larger(w.boundary, state.list_key);
            if (route == PLK_ROUTE_PLAIN) w.boundary = larger(w.boundary, state.low_key);
            if (route == PLK_ROUTE_TOP && w.list)
                w.boundary = larger(w.boundary, FIRST_KEY(state.threshold));
            r.walk = WALK_COUNT;
            if (route == PLK_ROUTE_NUCLEUS) { /* what gather counted, even if the list is full */
                r.n = n_list;
                end_op(&r, &w);
            }
            if (route == PLK_ROUTE_PLAIN) {
                next = PLK_NEXT_DRAW;
                r.walk = WALK_NOTHING;
            }
            if (top == ORDERED_NAN || top == ORDERED_NEG_INF) {
                status = top == ORDERED_NAN ? PLK_ERR_NAN : PLK_ERR_EMPTY;
                r.walk = WALK_NOTHING;
            }
        } else if (r.walk == WALK_SUM) {
            w.mean = pair_divide(sum, pair_of((float)(u32)number));
            r.walk = WALK_SPREAD;
        } else if (r.walk == WALK_SPREAD) {
            cut_at(&r, &w,
                   key_within_deviations(w.maximum, chain->ops[r.op].value.hi,
                                         deviation_of(sum, (u32)number, field)));
        } else if (r.walk == WALK_MASS) {
            cut_at(&r, &w,
                   key_of_cut(chain->ops + r.op, number + r.tail, other + r.tail_other, w.maximum));
        } else if (r.walk == WALK_COUNT) {
            r.n = number;
            end_op(&r, &w);
        } else if (r.walk == WALK_BINS) {
            if (r.target > (w.by_mass ? totals.mass : totals.count)) {
                r.n = totals.count; /* all, and more if there were */
                end_op(&r, &w);
            } else {
                read_pick(&r, &w, &pick, mass_in_bin);
            }
        } else if (r.walk == WALK_TILES) {
            for (u32 t = lane_id(); t < w.n_tiles; t += PLK_WG) {
                tiles[t].mass = bin_mass(&w.bins, t);
                tiles[t].n_mass = w.bins.count[t];
            }
            next = PLK_NEXT_DRAW;
            r.walk = WALK_NOTHING;
        } else { /* WALK_COLLECT */
            for (u32 i = lane_id(); i < (u32)r.n; i += PLK_WG) list[i] = keys[i];
            n_list = r.n;
            r.walk = WALK_NOTHING;
        }
        group_barrier(); /* what the round left in local memory has been read */
    }

    if (status == PLK_OK && next == PLK_NEXT_FINISH && r.n > PLK_SMALL_MAX)
        status = PLK_ERR_OVERFLOW;
    if (status != PLK_OK) {
        next = PLK_NEXT_NOTHING;
        fail_row(result, status);
    }
    if (lane_id() == 0) {
        states[row].next = next;
        states[row].n_list = next == PLK_NEXT_FINISH ? (u32)n_list : 0u;
        states[row].threshold = 0;
        states[row].next_op = r.op < 0 ? 0u : (u32)r.op;
        states[row].max_key = max_key;
        states[row].boundary = w.boundary;
        states[row].tail = r.tail;
        states[row].tail_other = r.tail_other;
        states[row].deviation = r.deviation;
    }
}
