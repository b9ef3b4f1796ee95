/*
 * row.h: reading a row, tile by tile, as its chain sees it: converted to float, masked tokens at
 * -inf, bias and penalties applied. The row itself is never written to.
 *
 * A lane reads 16 bytes at a time, neighbouring lanes neighbouring addresses. So lane l of a tile
 * holds the 16-byte loads number j * PLK_WG + l for j = 0, 1, ...; these are one segment of the
 * row. segment_id gives the id of an element. Ids ascend with the element's index.
 */
#ifndef PLK_ROW_H
#define PLK_ROW_H

typedef struct plk_source {
    GLOBAL const uchar *logits;
    GLOBAL const u32 *mask;       /* NULL: all tokens are allowed */
    GLOBAL const plk_edit *edits; /* ascending by id */
    GLOBAL const plk_chain *chain;
    i32 n_edits;
    u32 n_vocab;
    i32 dtype;
    u32 width_log2; /* of the elements of one 16-byte load */
    i32 aligned;    /* 16-byte loads are possible */
} plk_source;

FN GLOBAL const plk_row *row_of(GLOBAL const uchar *params, const plk_call *call, u32 row) {
    return (GLOBAL const plk_row *)(params + call->rows_at) + row;
}

FN GLOBAL const plk_chain *chain_of(GLOBAL const uchar *params, const plk_call *call, u32 row) {
    return (GLOBAL const plk_chain *)(params + call->chains_at) + row_of(params, call, row)->chain;
}

FN plk_source make_source(GLOBAL const uchar *logits, const plk_call *call,
                          GLOBAL const uchar *params, GLOBAL const uchar *masks, u32 row) {
    plk_source s;
    s.logits = logits + call->offset + (u64)row * call->stride;
    s.n_vocab = (u32)call->n_vocab;
    s.dtype = call->dtype;
    s.width_log2 = call->dtype == PLK_DTYPE_F32 ? 2u : 3u;
    s.aligned = ((u64)s.logits & 15u) == 0;
    s.mask = 0;
    s.edits = 0;
    s.chain = 0;
    s.n_edits = 0;
    if (!call->bare) {
        GLOBAL const plk_row *r = row_of(params, call, row);
        s.chain = chain_of(params, call, row);
        s.edits = (GLOBAL const plk_edit *)(params + call->edits_at) + r->edit_begin;
        s.n_edits = r->n_edits;
        if (r->mask_row >= 0)
            s.mask = (GLOBAL const u32 *)(masks + call->masks_at) +
                     (u64)(u32)r->mask_row * (u32)call->mask_stride;
    }
#ifdef PLK_USUAL_ROW /* for scripts/gpu-code, which counts the instructions that such a row takes */
    s.dtype = PLK_DTYPE_F32;
    s.width_log2 = 2u;
    s.mask = 0;
    s.n_edits = 0;
#endif
    return s;
}

FN u32 segment_id(const plk_source *s, u32 tile, u32 lane, u32 element) {
    const u32 load = element >> s->width_log2, rest = element & ((1u << s->width_log2) - 1u);
    return tile * PLK_TILE + ((load * PLK_WG + lane) << s->width_log2) + rest;
}

/* The id of an element of this lane's own segment. */
FN u32 tile_id(const plk_source *s, u32 tile, u32 element) {
    return segment_id(s, tile, lane_id(), element);
}

/* The lane that holds a token. */
FN u32 lane_of(const plk_source *s, u32 id) {
    return ((id % PLK_TILE) >> s->width_log2) % PLK_WG;
}

FN float float_from_bits16(u32 bits, i32 dtype) {
    return dtype == PLK_DTYPE_BF16 ? bits_float(bits << 16) : float_from_half(bits);
}

FN float load_logit(const plk_source *s, u32 id) {
    if (s->dtype == PLK_DTYPE_F32) return ((GLOBAL const float *)s->logits)[id];
    return float_from_bits16(((GLOBAL const ushort *)s->logits)[id], s->dtype);
}

FN float penalised(GLOBAL const plk_chain *c, GLOBAL const plk_edit *e, float x) {
    if (e->count == 0) return x;
    x = x <= 0.0f ? x * c->repeat : x / c->repeat;
    return x - ((float)e->count * c->freq + c->present);
}

FN float biased(GLOBAL const plk_edit *e, float x) {
    if (!e->has_bias) return x;
    return e->bias == NEG_INF ? NEG_INF : x + e->bias;
}

FN float edited(GLOBAL const plk_chain *c, GLOBAL const plk_edit *e, float x) {
    return c->penalties_first ? biased(e, penalised(c, e, x)) : penalised(c, e, biased(e, x));
}

/* The first of the row's edits whose id is at least `id`. */
FN i32 first_edit(const plk_source *s, u32 id) {
    i32 low = 0, high = s->n_edits;
    while (low < high) {
        const i32 middle = (low + high) / 2;
        if ((u32)s->edits[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Can all lanes load whole quads of this tile? One branch decides for all loads of a lane, so that
 * they are in flight together. */
FN i32 tile_is_whole(const plk_source *s, u32 tile) {
#ifdef PLK_USUAL_ROW
    return 1;
#endif
    return s->aligned && (tile + 1u) * PLK_TILE <= s->n_vocab;
}

FN void four_floats(quad q, float v[4]) {
    v[0] = bits_float(q.x);
    v[1] = bits_float(q.y);
    v[2] = bits_float(q.z);
    v[3] = bits_float(q.w);
}

FN void read_f32(const plk_source *s, u32 tile, u32 lane, float v[PLK_VPT]) {
    GLOBAL const float *from = (GLOBAL const float *)s->logits;
    if (tile_is_whole(s, tile)) {
        from += tile * PLK_TILE + lane * 4u;
        UNROLL
        for (u32 j = 0; j < PLK_VPT / 4; j++)
            four_floats(load_quad(from + j * PLK_WG * 4u), v + 4 * j);
        return;
    }
    UNROLL
    for (u32 j = 0; j < PLK_VPT / 4; j++) {
        const u32 id = tile * PLK_TILE + (j * PLK_WG + lane) * 4;
        if (s->aligned && id + 4 <= s->n_vocab) {
            four_floats(load_quad(from + id), v + 4 * j);
        } else {
            UNROLL
            for (u32 e = 0; e < 4; e++) v[4 * j + e] = id + e < s->n_vocab ? from[id + e] : NEG_INF;
        }
    }
}

FN void eight_floats(quad q, i32 dtype, float v[8]) {
    UNROLL
    for (u32 w = 0; w < 4; w++) {
        v[2 * w] = float_from_bits16(quad_word(q, w) & 0xFFFFu, dtype);
        v[2 * w + 1] = float_from_bits16(quad_word(q, w) >> 16, dtype);
    }
}

FN void read_16(const plk_source *s, u32 tile, u32 lane, float v[PLK_VPT]) {
    GLOBAL const ushort *from = (GLOBAL const ushort *)s->logits;
    if (tile_is_whole(s, tile)) {
        quad q[PLK_VPT / 8];
        from += tile * PLK_TILE + lane * 8u;
        UNROLL
        for (u32 j = 0; j < PLK_VPT / 8; j++) q[j] = load_quad(from + j * PLK_WG * 8u);
        UNROLL
        for (u32 j = 0; j < PLK_VPT / 8; j++) eight_floats(q[j], s->dtype, v + 8 * j);
        return;
    }
    UNROLL
    for (u32 j = 0; j < PLK_VPT / 8; j++) {
        const u32 id = tile * PLK_TILE + (j * PLK_WG + lane) * 8;
        if (s->aligned && id + 8 <= s->n_vocab) {
            eight_floats(load_quad(from + id), s->dtype, v + 8 * j);
        } else {
            UNROLL
            for (u32 e = 0; e < 8; e++)
                v[8 * j + e] =
                    id + e < s->n_vocab ? float_from_bits16(from[id + e], s->dtype) : NEG_INF;
        }
    }
}

FN void forbid(const plk_source *s, u32 tile, u32 lane, float v[PLK_VPT]) {
    u32 word = 0;
    UNROLL
    for (u32 i = 0; i < PLK_VPT; i++) {
        const u32 id = segment_id(s, tile, lane, i);
        if (i % 4 == 0) word = id < s->n_vocab ? s->mask[id / 32] >> (id % 32) : 0u;
        if (!((word >> (i % 4)) & 1u)) v[i] = NEG_INF;
    }
}

/* Edits are few: each lane looks at all edits of this tile and applies its own. A masked token
 * stays at -inf. */
FN void edit(const plk_source *s, u32 tile, u32 lane, float v[PLK_VPT]) {
    const u32 begin = tile * PLK_TILE;
    for (i32 e = first_edit(s, begin); e < s->n_edits; e++) {
        const u32 offset = (u32)s->edits[e].id - begin, load = offset >> s->width_log2;
        const u32 element = ((load / PLK_WG) << s->width_log2) + offset - (load << s->width_log2);
        float x = 0.0f;
        if (offset >= PLK_TILE) break;
        if (load % PLK_WG != lane) continue;
        UNROLL
        for (u32 i = 0; i < PLK_VPT; i++) /* v[element] would take v out of registers */
            if (i == element) x = v[i];
        if (x == NEG_INF) continue;
        x = edited(s->chain, s->edits + e, x);
        UNROLL
        for (u32 i = 0; i < PLK_VPT; i++)
            if (i == element) v[i] = x;
    }
}

/* v[i] becomes the logit of segment_id(s, tile, lane, i), -inf past the end of the row. */
FN void read_segment(const plk_source *s, u32 tile, u32 lane, float v[PLK_VPT]) {
    if (s->dtype == PLK_DTYPE_F32)
        read_f32(s, tile, lane, v);
    else
        read_16(s, tile, lane, v);
    if (s->mask) forbid(s, tile, lane, v);
    if (s->n_edits > 0) edit(s, tile, lane, v);
}

/* This lane's own segment of a tile. */
FN void read_tile(const plk_source *s, u32 tile, float v[PLK_VPT]) {
    read_segment(s, tile, lane_id(), v);
}

/* The highest of a lane's logits; NaN if one is. */
FN float highest(const float v[PLK_VPT]) {
    float x = v[0];
    UNROLL
    for (u32 i = 1; i < PLK_VPT; i++) x = max_nan(x, v[i]);
    return x;
}

/* The key of the highest logit of this lane's segment, of equal ones the lowest id; 0 if the segment
 * lies past the end of the row. If a logit is NaN, so is the key's. */
FN u64 highest_key(const plk_source *s, u32 tile, const float v[PLK_VPT]) {
    const float high = highest(v);
    u32 at = 0, id;
    UNROLL
    for (u32 i = PLK_VPT; i > 0; i--)
        if (v[i - 1] == high) at = i - 1;
    id = tile_id(s, tile, at);
    return id < s->n_vocab ? make_key(ordered_from_float(high), id) : 0;
}

/*
 * True for the group of a row that finishes last; it may read what the others wrote. All lanes call
 * it once, at the end of a kernel.
 */
FN i32 arrives_last(GLOBAL plk_state *state, LOCAL u64 *scratch) {
    i32 last;
    device_fence();
    group_barrier();
    if (lane_id() == 0) scratch[0] = global_add(&state->arrived, 1) + 1u == groups_x();
    group_barrier();
    last = scratch[0] != 0;
    group_barrier();
    if (last && lane_id() == 0) state->arrived = 0;
    device_fence();
    return last;
}

#endif /* PLK_ROW_H */
