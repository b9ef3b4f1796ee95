/*
 * select.cl: the k best of each row in one read.
 *
 * Each group compares its tiles with a threshold that at least k logits are known to reach, and
 * keeps the logits at or above it in local memory. The threshold starts at the k-th largest of the
 * lanes' own maxima in the first tile (k different logits are that high), and rises whenever the
 * list is full: then a histogram finds a boundary with k, or a few more, at or above it. On rows in
 * random order nearly nothing passes after the first tiles; on a row in ascending order everything
 * does, and the result is the same. At the end a group appends its survivors to the row's list and
 * raises the row's threshold; the last kernel (finish.cl) takes the k best of that list and sorts
 * them.
 *
 * The group's list has room for k, the slack and one tile, so a tile always fits after narrowing.
 */

/*
 * Drops keys from the list until at most k + PLK_SELECT_SLACK are left, the k best among them, and
 * returns the ordered logit that they all reach. *n is the list's length.
 */
FN u32 narrow(LOCAL u64 *keys, LOCAL u32 *n, u32 k, LOCAL u64 *room_bins, LOCAL u64 *scratch) {
    plk_bins bins;
    u64 prefix = 0, total;
    u64 kept = 0;
    u32 target = k, shift = 32 + PLK_ID_BITS, length = *n, above = 0;
    bins.count = (LOCAL u32 *)room_bins;
    bins.mass_lo = 0;
    bins.mass_hi = 0;
    bins.n = PLK_SELECT_BINS;
    while (shift > 0) {
        const u32 step = shift >= 8 ? 8u : shift, before = shift;
        plk_pick pick;
        shift -= step;
        bins_clear(&bins, 0);
        for (u32 i = lane_id(); i < length; i += PLK_WG)
            if (before == 32 + PLK_ID_BITS || keys[i] >> before == prefix)
                local_add(bins.count + ((keys[i] >> shift) & ((1u << step) - 1u)), 1);
        group_barrier();
        pick = bins_pick(&bins, target, 0, scratch);
        prefix = (prefix << step) | pick.bin;
        above += (u32)pick.above_count;
        target -= (u32)pick.above_count;
        if (above + pick.in_bin <= k + PLK_SELECT_SLACK) break;
    }
    prefix <<= shift;
    /* Compacts in place, PLK_WG keys a round; a round only overwrites keys that have been read. */
    for (u32 base = 0; base < length; base += PLK_WG) {
        const u64 key = base + lane_id() < length ? keys[base + lane_id()] : 0;
        const u64 keep = base + lane_id() < length && key >= prefix ? 1 : 0;
        const u64 end = group_scan(keep, &total, scratch);
        if (keep) keys[kept + end - 1] = key;
        kept += total;
    }
    group_barrier();
    if (lane_id() == 0) *n = (u32)kept;
    group_barrier();
    return (u32)(prefix >> PLK_ID_BITS);
}

/* The k-th largest of the lanes' values, equal ones counted each: k lanes reach it. k <= PLK_WG. */
FN u32 kth_of_lanes(u32 mine, u32 k, LOCAL u64 *scratch) {
    LOCAL u32 *all = (LOCAL u32 *)scratch;
    u32 rank = 0, kth;
    all[lane_id()] = mine;
    group_barrier();
    for (u32 i = 0; i < PLK_WG; i++)
        rank += all[i] > mine || (all[i] == mine && i < lane_id()) ? 1u : 0u;
    group_barrier();
    if (rank == k - 1) all[0] = mine;
    group_barrier();
    kth = all[0];
    group_barrier();
    return kth;
}

KERNEL void pluck_select(GLOBAL const uchar *logits, plk_call call, GLOBAL const uchar *params, GLOBAL const uchar *masks, GLOBAL plk_state *states,
                         GLOBAL plk_tile *all_tiles, GLOBAL u64 *lists LOCAL_PARAM) {
    LOCAL_START
    LOCAL u64 *keys = local_base;
    LOCAL u64 *bins = keys + call.select_capacity;
    LOCAL u64 *scratch = bins + PLK_SELECT_BINS / 2;
    LOCAL u32 *n = (LOCAL u32 *)(scratch + PLK_SCRATCH_WORDS(PLK_WG)); /* its length, the next */
    const u32 row = group_y();
    GLOBAL const plk_chain *chain = chain_of(params, &call, row);
    GLOBAL plk_tile *tiles = all_tiles + (u64)row * (u32)call.n_tiles;
    GLOBAL u64 *list = lists + (u64)row * (u32)call.list_capacity;
    const u32 k = (u32)chain->k, capacity = (u32)call.select_capacity;
    u32 threshold = 0, place;
    plk_source source;
    if (chain->route != PLK_ROUTE_TOP) return;
    source = make_source(logits, &call, params, masks, row);
    if (lane_id() == 0) n[0] = n[1] = 0;
    group_barrier();
    for (u32 t = group_x(), first = 1, narrowed = 0, more = 1; more;) {
        const i32 reading = t < (u32)call.n_tiles; /* the last round only narrows */
        float v[PLK_VPT];
        u32 best = 0, passing = 0, wanted;
        if (reading) {
            read_tile(&source, t, v);
            best = ordered_from_float(highest(v));
            if (chain->needs_sigma && !narrowed) measure_tile(v, tiles + t, scratch);
            if (first && k <= PLK_WG && (t + 1) * PLK_TILE <= source.n_vocab)
                threshold = kth_of_lanes(best, k, scratch);
        }
        first = 0;
        if (reading && best >= threshold) {
            UNROLL
            for (u32 i = 0; i < PLK_VPT; i++)
                if (ordered_from_float(v[i]) >= threshold &&
                    tile_id(&source, t, i) < source.n_vocab)
                    passing++;
        }
        place = passing ? local_add(n + 1, passing) : 0u;
        group_barrier();
        wanted = n[1];
        group_barrier();
        if (reading ? wanted > capacity : wanted > k + PLK_SELECT_SLACK) {
            const u32 reached = narrow(keys, n, k, bins, scratch);
            threshold = reached > threshold ? reached : threshold;
            narrowed = 1; /* the tile is read again; now it fits */
            if (lane_id() == 0) n[1] = n[0];
        } else {
            if (passing) {
                UNROLL
                for (u32 i = 0; i < PLK_VPT; i++) {
                    const u32 order = ordered_from_float(v[i]), id = tile_id(&source, t, i);
                    if (order >= threshold && id < source.n_vocab) keys[place++] = make_key(order, id);
                }
            }
            if (lane_id() == 0) n[0] = wanted;
            narrowed = 0;
            more = reading ? 1u : 0u;
            t += groups_x();
        }
        group_barrier();
    }
    if (lane_id() == 0) {
        n[1] = n[0] ? global_add(&states[row].n_list, n[0]) : 0u;
        if (n[0] >= k) global_max(&states[row].threshold, threshold);
    }
    group_barrier();
    for (u32 i = lane_id(); i < n[0]; i += PLK_WG)
        if (n[1] + i < (u32)call.list_capacity) list[n[1] + i] = keys[i];
}
