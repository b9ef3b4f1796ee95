/*
 * large.h: walking a row (or the row's list) while more candidates are left than local memory
 * holds.
 */
#ifndef PLK_LARGE_H
#define PLK_LARGE_H

/* What a walk does with each key in the set. */
#define WALK_MAXIMUM 1 /* acc->best */
#define WALK_COUNT   2 /* acc->number */
#define WALK_SUM     3 /* acc->sum, acc->number: of unmasked logits */
#define WALK_SPREAD  4 /* acc->sum, acc->number: of squared distances from acc->mean */
#define WALK_BINS    5 /* keys of acc->range into acc->bins */
#define WALK_TILES   6 /* weights into the bins' masses, by tile */
#define WALK_COLLECT 7 /* keys to acc->to, acc->length counts them */
#define WALK_MASS    8 /* acc->number, acc->other: weights, and the second sum of `kind` */
#define WALK_NOTHING 9

/* Keys of a list that a lane loads before it looks at the first. */
#define WALK_AHEAD 4

/* The set, and what a walk finds out about it. Each lane has its own sums. */
typedef struct plk_walk {
    const plk_source *source;
    GLOBAL const u64 *list; /* NULL: the row itself */
    u32 n_list;
    u32 n_tiles;
    u64 boundary; /* keys at or above it are in the set */
    u64 highest;  /* no key is higher */
    float maximum;

    u64 best;
    u64 number;
    u64 other;
    i32 kind;     /* WALK_MASS: of the operation */
    plk_pair sum; /* scaled by `field` */
    plk_pair mean;
    u32 field;
    plk_bins bins;
    plk_range range;
    i32 by_mass;
    plk_rate rate;
    LOCAL u64 *to;
    LOCAL u32 *length;
} plk_walk;

/* Adds to the sum, at a larger scale if x needs one. */
FN void add_scaled(plk_walk *acc, float x) {
    const u32 field = field_of(x);
    if (field > acc->field) {
        acc->sum = pair_rescaled(acc->sum, acc->field, field);
        acc->field = field;
    }
    acc->sum = pair_add_float(acc->sum, x * scale_down(acc->field));
}

FN void visit(i32 what, plk_walk *acc, u64 key) {
    u32 bin;
    switch (what) {
    case WALK_MAXIMUM:
        acc->best = larger(acc->best, key);
        return;
    case WALK_COUNT:
        acc->number += 1;
        return;
    case WALK_SUM:
    case WALK_SPREAD:
        if (key_ordered(key) == ORDERED_NEG_INF) return;
        acc->number += 1;
        if (what == WALK_SUM)
            add_scaled(acc, key_logit(key));
        else
            acc->sum =
                pair_add_square(acc->sum, key_logit(key) * scale_down(acc->field), acc->mean);
        return;
    case WALK_MASS:
        acc->number += weight(key_logit(key), acc->maximum, acc->rate);
        if (PLK_OP_SUMS_OTHER(acc->kind))
            acc->other += other_weight(acc->kind, key_logit(key), acc->maximum, acc->rate);
        return;
    case WALK_COLLECT:
        acc->to[local_add(acc->length, 1)] = key;
        return;
    case WALK_BINS:
        if (!range_holds(&acc->range, key)) return;
        bin = range_bin(&acc->range, key);
        break;
    default:
        bin = key_id(key) / PLK_TILE;
        break;
    }
    local_add(acc->bins.count + bin, 1);
    if (acc->by_mass)
        local_add_u64(acc->bins.mass_lo + bin, acc->bins.mass_hi + bin,
                      weight(key_logit(key), acc->maximum, acc->rate));
}

/* The keys i, i + PLK_WG, ... of a list of n that are at or above a boundary; 0 in place of others. */
FN void load_ahead(GLOBAL const u64 *list, u32 n, u32 i, u64 boundary, u64 key[WALK_AHEAD]) {
    UNROLL
    for (u32 j = 0; j < WALK_AHEAD; j++) key[j] = i + j * PLK_WG < n ? list[i + j * PLK_WG] : 0;
    UNROLL
    for (u32 j = 0; j < WALK_AHEAD; j++)
        if (key[j] < boundary) key[j] = 0;
}

/* `what` is a constant, so that each walk is a loop of its own. */
FN void walk_for(i32 what, plk_walk *acc) {
    if (acc->list) {
        for (u32 i = lane_id(); i < acc->n_list; i += WALK_AHEAD * PLK_WG) {
            u64 key[WALK_AHEAD];
            load_ahead(acc->list, acc->n_list, i, acc->boundary, key);
            UNROLL
            for (u32 j = 0; j < WALK_AHEAD; j++)
                if (key[j] != 0) visit(what, acc, key[j]);
        }
    } else {
        for (u32 t = 0; t < acc->n_tiles; t++) {
            float v[PLK_VPT];
            read_tile(acc->source, t, v);
            UNROLL
            for (u32 i = 0; i < PLK_VPT; i++) {
                const u32 id = tile_id(acc->source, t, i);
                const u64 key = make_key(ordered_from_float(v[i]), id & ID_MASK);
                if (id < acc->source->n_vocab && key >= acc->boundary) visit(what, acc, key);
            }
        }
    }
}

FN void walk(i32 what, plk_walk *acc) {
    acc->best = 0;
    acc->number = 0;
    acc->other = 0;
    acc->sum = pair_of(0.0f);
    if (what == WALK_SUM) acc->field = FIELD_MIN;
    switch (what) {
    case WALK_MAXIMUM:
        walk_for(WALK_MAXIMUM, acc);
        break;
    case WALK_COUNT:
        walk_for(WALK_COUNT, acc);
        break;
    case WALK_SUM:
        walk_for(WALK_SUM, acc);
        break;
    case WALK_SPREAD:
        walk_for(WALK_SPREAD, acc);
        break;
    case WALK_BINS:
        walk_for(WALK_BINS, acc);
        break;
    case WALK_TILES:
        walk_for(WALK_TILES, acc);
        break;
    case WALK_MASS:
        walk_for(WALK_MASS, acc);
        break;
    case WALK_COLLECT:
        walk_for(WALK_COLLECT, acc);
        break;
    default: /* WALK_NOTHING */
        break;
    }
    group_barrier();
}

#endif /* PLK_LARGE_H */
