/*
 * draw.cl: the draw if many candidates are left. gather and reduce have left the mass of each tile,
 * so only one tile is read: the one that the uniform number falls into.
 */
KERNEL_LARGE void pluck_draw_large(GLOBAL const uchar *logits, plk_call call, GLOBAL const uchar *params,
                       GLOBAL const uchar *masks, GLOBAL plk_state *states,
                       GLOBAL const plk_tile *all_tiles, GLOBAL plk_result *results LOCAL_PARAM) {
    LOCAL_START
    LOCAL u64 *scratch = local_base;
    const u32 row = group_y(), n_tiles = (u32)call.n_tiles;
    GLOBAL const plk_row *r = row_of(params, &call, row);
    GLOBAL const plk_chain *chain = chain_of(params, &call, row);
    GLOBAL const plk_tile *tiles = all_tiles + (u64)row * n_tiles;
    const u32 run = (n_tiles + PLK_WG - 1) / PLK_WG, first = lane_id() * run;
    const u32 end = first + run < n_tiles ? first + run : n_tiles;
    const u64 u = philox_uniform(r->seed, r->stream, r->position_lo, r->position_hi);
    const u64 boundary = states[row].boundary;
    const float maximum = key_logit(states[row].max_key);
    u64 mass = 0, count = 0, total, target, passed;
    u32 tile;
    float v[PLK_VPT];
    plk_source source;
    if (chain->route == PLK_ROUTE_GREEDY || states[row].next != PLK_NEXT_DRAW) return;
    source = make_source(logits, &call, params, masks, row);
    for (u32 t = first; t < end; t++) {
        mass += tiles[t].mass;
        count += tiles[t].n_mass;
    }
    count = group_sum(count, scratch);
    passed = group_scan(mass, &total, scratch) - mass;
    target = share_of(u, total);
    if (passed < target && target <= passed + mass) { /* one lane's run holds it */
        u32 t = first;
        while (passed + tiles[t].mass < target) passed += tiles[t++].mass;
        scratch[0] = t;
        scratch[1] = passed;
    }
    group_barrier();
    tile = (u32)scratch[0];
    passed = scratch[1];
    group_barrier();
    read_tile(&source, tile, v);
    for (u32 load = 0; load < ((u32)PLK_VPT >> source.width_log2); load++) {
        u64 part = 0, sum, before;
        UNROLL
        for (u32 i = 0; i < PLK_VPT; i++) { /* a constant range, so that v stays in registers */
            if (i >> source.width_log2 != load) continue;
            if (make_key(ordered_from_float(v[i]), tile_id(&source, tile, i)) >= boundary)
                part += weight(v[i], maximum, chain->rate);
        }
        before = passed + group_scan(part, &sum, scratch) - part;
        if (before < target && target <= before + part) {
            UNROLL
            for (u32 i = 0; i < PLK_VPT; i++) {
                const u32 id = tile_id(&source, tile, i);
                if (i >> source.width_log2 != load || before >= target) continue;
                if (make_key(ordered_from_float(v[i]), id) < boundary) continue;
                before += weight(v[i], maximum, chain->rate);
                if (before >= target)
                    give_token(results + row, chain, id, v[i], maximum, total, (u32)count);
            }
        }
        passed += sum;
    }
}
