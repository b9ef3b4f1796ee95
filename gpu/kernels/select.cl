/*
 * select.cl: the k best of each row in one read.
 *
 * A group keeps the key of the highest logit of each segment (what one lane reads of one tile), and
 * looks for the k-th highest of these keys. At least k logits of the row are that high, so nothing
 * below can be among the k best; and everything above lies in segments whose own highest logit is.
 * So only k segments, or a few more, are read again, and what is high enough in them goes to the
 * row's list. That reads a row at the speed of its maximum, whatever order its logits are in. The
 * row's threshold rises to the highest that its groups found; reduce.cl and finish.cl take the k
 * best of the list.
 *
 * The keys of PLK_SELECT_TILES tiles are kept at a time; of later ones only what lies above the
 * boundary so far is looked at.
 */

/*
 * A key that at least k of the n keys reach, and k + PLK_SELECT_SLACK at most, found by histograms.
 * `low` if fewer than k reach it. All keys are different, except those that are 0.
 */
FN u64 kth_boundary(LOCAL const u64 *keys, u32 n, u32 k, u64 low, const plk_bins *bins,
                    LOCAL u64 *scratch) {
    u64 boundary = low, high = 0, target = k, above = 0;
    plk_range range;
    for (u32 i = lane_id(); i < n; i += PLK_WG) high = larger(high, keys[i]);
    high = group_max(high, scratch);
    range = range_over(low, larger(high, low), bins->n);
    for (u32 more = 1; more;) {
        plk_totals totals;
        plk_pick pick;
        bins_clear(bins, 0);
        for (u32 i = lane_id(); i < n; i += PLK_WG)
            if (range_holds(&range, keys[i]))
                local_add(bins->count + range_bin(&range, keys[i]), 1);
        group_barrier();
        totals = bins_total(bins, 0, scratch);
        pick = bins_pick(bins, &totals, target, 0, scratch);
        more = 0;
        if (totals.count < target) continue;
        above += pick.above_count;
        target -= pick.above_count;
        boundary = range_begin(&range, pick.bin);
        more = above + pick.in_bin > k + PLK_SELECT_SLACK;
        range = range_of_bin(&range, pick.bin, bins->n);
    }
    return boundary;
}

KERNEL void pluck_select(GLOBAL const uchar *logits, plk_call call, GLOBAL const uchar *params, GLOBAL const uchar *masks, GLOBAL plk_state *states,
                         GLOBAL u64 *lists LOCAL_PARAM) {
    LOCAL_START
    LOCAL u64 *keys = local_base; /* of segments */
    LOCAL u64 *scratch = keys + PLK_SELECT_TILES * PLK_WG + PLK_SELECT_BINS / 2;
    LOCAL u32 *n = (LOCAL u32 *)(scratch + PLK_SCRATCH_WORDS(PLK_WG)); /* a counter */
    LOCAL u32 *chosen = n + 2; /* ids of segments that are read again */
    const u32 row = group_y();
    GLOBAL const plk_chain *chain = chain_of(params, &call, row);
    GLOBAL u64 *list = lists + (u64)row * (u32)call.list_capacity;
    const u32 k = (u32)chain->k;
    u64 boundary = 1; /* every key of a logit is higher */
    plk_source source;
    plk_bins bins;
    if (chain->route != PLK_ROUTE_TOP) return;
    source = make_source(logits, &call, params, masks, row);
    bins.count = (LOCAL u32 *)(keys + PLK_SELECT_TILES * PLK_WG);
    bins.mass_lo = bins.mass_hi = 0;
    bins.n = PLK_SELECT_BINS;
    for (u32 t = group_x(); t < (u32)call.n_tiles;) {
        u32 held = 0, n_chosen;
        for (; held < PLK_SELECT_TILES && t < (u32)call.n_tiles; held++, t += groups_x()) {
            float v[PLK_VPT];
            read_tile(&source, t, v);
            keys[held * PLK_WG + lane_id()] = highest_key(&source, t, v);
        }
        if (lane_id() == 0) n[0] = 0;
        group_barrier();
        boundary = kth_boundary(keys, held * PLK_WG, k, boundary, &bins, scratch);
        for (u32 i = lane_id(); i < held * PLK_WG; i += PLK_WG)
            if (keys[i] >= boundary) chosen[local_add(n, 1)] = key_id(keys[i]);
        group_barrier();
        n_chosen = n[0];
        group_barrier();
        for (u32 i = lane_id(); i < n_chosen; i += PLK_WG) {
            const u32 tile = chosen[i] / PLK_TILE, lane = lane_of(&source, chosen[i]);
            float v[PLK_VPT];
            read_segment(&source, tile, lane, v);
            UNROLL
            for (u32 e = 0; e < PLK_VPT; e++) {
                const u32 id = segment_id(&source, tile, lane, e);
                const u64 key = make_key(ordered_from_float(v[e]), id & ID_MASK);
                u32 place;
                if (key < boundary || id >= source.n_vocab) continue;
                place = global_add(&states[row].n_list, 1);
                if (place < (u32)call.list_capacity) list[place] = key;
            }
        }
    }
    if (lane_id() == 0 && boundary > 1)
        global_max(&states[row].threshold, key_ordered(boundary));
}
