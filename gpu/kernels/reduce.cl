/*
 * reduce.cl: reduces what the first kernels left of a row to at most PLK_SMALL_MAX candidates, or
 * to the masses of tiles that draw.cl needs.
 *
 * One group for each row. The set of candidates is described by its boundary: every key at or above
 * it is in. The boundary starts at what the kernels before found (a list, a threshold, cuts) and
 * rises with each operation of the chain. A round walks the set once: for its size, for a sum, or
 * for a histogram over 11, 11, 10, 10 and 10 bits of the key, from the top, that shows where a rank
 * or a mass is reached. Two or three histograms are usually enough, since a bin with a single key
 * ends the search. As soon as few enough candidates are left, finish.cl takes over. With a list
 * that takes a few rounds over the list; without one (a flat nucleus, a chain in an unusual order)
 * each round reads the row.
 */

/* How far the reduction is. The same in all lanes. */
typedef struct plk_reduction {
    GLOBAL const plk_chain *chain;
    i32 op;      /* the operation under way, -1: none yet */
    i32 walk;    /* what the next round does */
    i32 by_rank; /* WALK_BINS: the target is a count, since the operation left too few */
    u64 before;  /* the boundary before the operation */
    u64 n;       /* keys in the set, once known */
    u64 tail;    /* mass that counts but is not on the list */
    u64 target;  /* WALK_BINS */
    u64 above;   /* WALK_BINS: keys in the bins above those of the prefix */
    double deviation; /* of the row; < 0: not known, or no longer that of the set */
} plk_reduction;

FN void start_bins(plk_reduction *r, plk_walk *w, i32 by_rank) {
    w->prefix = 0;
    w->prefix_shift = 64;
    w->shift = 32 + PLK_ID_BITS - 11;
    w->mask = PLK_BINS - 1;
    w->by_mass = !by_rank;
    r->by_rank = by_rank;
    r->above = 0;
    r->walk = WALK_BINS;
}

/* Raises the boundary to a logit; the set is then counted. */
FN void cut_at(plk_reduction *r, plk_walk *w, double logit) {
    w->boundary = larger(w->boundary, key_at_least(logit));
    r->walk = WALK_COUNT;
}

/* Goes to the next operation that changes the set, or to what comes after the last. */
FN void next_op(plk_reduction *r, plk_walk *w) {
    GLOBAL const plk_op *op;
    if (r->op >= 0) {
        if (r->chain->ops[r->op].kind == PLK_OP_TOP_P) r->tail = 0;
        if (key_ordered(w->boundary) < ORDERED_POS_INF) r->deviation = -1.0;
    }
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
        cut_at(r, w, (double)w->maximum + op->value);
    } else if (r->deviation >= 0.0) {
        cut_at(r, w, (double)w->maximum - op->value * r->deviation);
    } else {
        r->walk = WALK_SUM;
    }
}

/* The set's size is known: the operation is over, unless it left too few. */
FN void end_op(plk_reduction *r, plk_walk *w) {
    if (r->op >= 0 && r->chain->ops[r->op].kind != PLK_OP_TOP_K &&
        r->n < (u64)(u32)r->chain->ops[r->op].count && w->boundary > r->before) {
        w->boundary = r->before;
        r->target = (u64)(u32)r->chain->ops[r->op].count;
        start_bins(r, w, 1);
    } else if (r->n <= PLK_SMALL_MAX) {
        r->op++;
        r->walk = w->list ? WALK_NOTHING : WALK_COLLECT;
    } else {
        next_op(r, w);
    }
}

/* Goes on from the bin in which the target is reached: to the next level, or to
 * the operation's end. */
FN void read_pick(plk_reduction *r, plk_walk *w, const plk_pick *pick) {
    r->target -= w->by_mass ? pick->above_mass : pick->above_count;
    r->above += pick->above_count;
    w->prefix = (w->prefix << (w->prefix_shift == 64 ? 0 : w->prefix_shift - w->shift)) | pick->bin;
    w->prefix_shift = w->shift;
    if (pick->in_bin > 1 && w->shift > 0) {
        const u32 bits = w->shift > 30 ? 11u : 10u;
        w->shift -= bits;
        w->mask = (1u << bits) - 1u;
        return;
    }
    w->boundary = larger(w->boundary, w->prefix << w->prefix_shift);
    r->n = r->above + 1;
    end_op(r, w);
}

KERNEL void pluck_reduce(GLOBAL const uchar *logits, plk_call call, GLOBAL const uchar *params,
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
    LOCAL u64 *scratch = room + PLK_ROOM_WORDS;
    LOCAL u32 *length = (LOCAL u32 *)(scratch + PLK_SCRATCH_WORDS(PLK_WG));
    u64 max_key = state.max_key, n_list = state.n_list;
    u32 next = PLK_NEXT_FINISH;
    i32 status = PLK_OK;
    plk_source source;
    plk_reduction r;
    plk_walk w;
    if (route == PLK_ROUTE_GREEDY) return;
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
    w.prefix = 0;
    w.prefix_shift = 64;
    w.shift = w.mask = 0;
    w.by_mass = 1;
    w.rate = chain->rate;
    w.mean = 0.0;
    w.maximum = 0.0f;
    w.to = keys;
    w.length = length;
    r.chain = chain;
    r.op = -1;
    r.walk = WALK_MAXIMUM;
    r.by_rank = 0;
    r.n = r.tail = r.target = r.above = r.before = 0;
    r.deviation = state.deviation;
    if (surveyed && w.list)
        for (u32 t = lane_id(); t < w.n_tiles; t += PLK_WG) r.tail += tiles[t].mass;
    r.tail = group_sum(r.tail, scratch);
    if (!group_may_skip(route != PLK_ROUTE_TOP || !chain->needs_sigma)) {
        const double deviation = tiles_deviation(tiles, w.n_tiles, scratch);
        if (route == PLK_ROUTE_TOP) r.deviation = deviation;
    }
    if (!chain->needs_sigma) r.deviation = -1.0;
    if (lane_id() == 0) *length = 0;

    while (r.walk != WALK_NOTHING) {
        const i32 what = surveyed && r.walk == WALK_MAXIMUM ? WALK_NOTHING : r.walk;
        const i32 levels = r.walk == WALK_BINS;
        u64 number, best, keys_in_bins = 0, mass = 0;
        double sum;
        plk_pick pick;
        bins_clear(&w.bins, 1);
        walk(what, &w);
        best = group_max(w.best, scratch);
        number = group_sum(w.number, scratch);
        sum = group_sum_f64(w.sum, scratch);
        for (u32 i = lane_id(); i < PLK_BINS; i += PLK_WG) {
            keys_in_bins += w.bins.count[i];
            mass += bin_mass(&w.bins, i);
        }
        keys_in_bins = group_sum(keys_in_bins, scratch);
        mass = group_sum(mass, scratch);
        if (levels && w.prefix_shift == 64 && w.by_mass)
            r.target = share_of(chain->ops[r.op].value, mass + r.tail);
        pick = bins_pick(&w.bins, r.target, w.by_mass, scratch);

        if (r.walk == WALK_MAXIMUM) {
            const u32 top = key_ordered(surveyed ? max_key : best);
            if (!surveyed) max_key = best;
            w.maximum = key_logit(max_key);
            if (top == ORDERED_POS_INF) { /* all others have probability 0; those left are equal */
                w.boundary = FIRST_KEY(ORDERED_POS_INF);
                r.deviation = 0.0;
            } else if (chain->give == PLK_GIVE_TOKEN) {
                w.boundary = FIRST_KEY(ORDERED_NEG_INF + 1u);
            }
            if (surveyed) w.boundary = larger(w.boundary, state.low_key);
            if (route == PLK_ROUTE_TOP && w.list)
                w.boundary = larger(w.boundary, FIRST_KEY(state.threshold));
            r.walk = WALK_COUNT;
            if (route == PLK_ROUTE_PLAIN) {
                next = PLK_NEXT_DRAW;
                r.walk = WALK_NOTHING;
            }
            if (top == ORDERED_NAN || top == ORDERED_NEG_INF) {
                status = top == ORDERED_NAN ? PLK_ERR_NAN : PLK_ERR_EMPTY;
                r.walk = WALK_NOTHING;
            }
        } else if (r.walk == WALK_SUM) {
            w.mean = sum / (double)number;
            r.walk = WALK_SPREAD;
        } else if (r.walk == WALK_SPREAD) {
            cut_at(&r, &w,
                   (double)w.maximum - chain->ops[r.op].value * sqrt_f64(sum / (double)number));
        } else if (r.walk == WALK_COUNT) {
            r.n = number;
            end_op(&r, &w);
        } else if (r.walk == WALK_BINS) {
            if (r.target > (w.by_mass ? mass : keys_in_bins)) { /* all, and more if there were */
                r.n = keys_in_bins;
                end_op(&r, &w);
            } else {
                read_pick(&r, &w, &pick);
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
        group_barrier(); /* the bins have been read */
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
        states[row].deviation = r.deviation;
    }
}
