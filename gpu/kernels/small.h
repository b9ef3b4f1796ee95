/*
 * small.h: what the last kernel does once no more than PLK_SMALL_MAX candidates are left: they lie
 * in local memory, best first, so every truncation is a shorter n and needs one prefix sum at most.
 */
#ifndef PLK_SMALL_H
#define PLK_SMALL_H

typedef struct plk_small {
    LOCAL u64 *keys; /* n of them, descending */
    LOCAL u64 *room; /* PLK_ROOM_WORDS(PLK_BINS): prefix sums, a histogram, or masses of tiles */
    LOCAL u64 *scratch;
    u32 n;
} plk_small;

/* room[i] = weight of keys 0 to i, in the order they lie in; the return value is the sum of all.
 * `by_id` says that the keys are those of small_order_by_id. */
FN u64 small_prefix(const plk_small *s, float maximum, plk_rate rate, i32 by_id) {
    const u32 run = (s->n + PLK_WG - 1) / PLK_WG, begin = lane_id() * run;
    const u32 end = begin + run < s->n ? begin + run : s->n;
    u64 sum = 0, total;
    for (u32 i = begin; i < end; i++) {
        const u32 order = by_id ? (u32)s->keys[i] : key_ordered(s->keys[i]);
        sum += weight(float_from_ordered(order), maximum, rate);
        s->room[i] = sum;
    }
    sum = group_scan(sum, &total, s->scratch) - sum;
    for (u32 i = begin; i < end; i++) s->room[i] += sum;
    group_barrier();
    return total;
}

/* The first index whose prefix sum reaches mass; n if none does. */
FN u32 small_reach(const plk_small *s, u64 mass) {
    u64 below = 0;
    for (u32 i = lane_id(); i < s->n; i += PLK_WG) below += s->room[i] < mass ? 1 : 0;
    return (u32)group_sum(below, s->scratch);
}

FN u32 small_count(const plk_small *s, u64 boundary) {
    u64 count = 0;
    for (u32 i = lane_id(); i < s->n; i += PLK_WG) count += s->keys[i] >= boundary ? 1 : 0;
    return (u32)group_sum(count, s->scratch);
}

/* The keys are sorted, so the first or the last has the largest magnitude. */
FN plk_deviation small_deviation(const plk_small *s) {
    plk_pair sum = pair_of(0.0f), spread = pair_of(0.0f), mean;
    const u32 n = small_count(s, FIRST_KEY(ORDERED_NEG_INF + 1u));
    const u32 first = field_of(key_logit(s->keys[0]));
    const u32 last = field_of(key_logit(s->keys[n > 0 ? n - 1 : 0]));
    const u32 field = first > last ? first : last;
    for (u32 i = lane_id(); i < n; i += PLK_WG)
        sum = pair_add_float(sum, key_logit(s->keys[i]) * scale_down(field));
    mean = pair_divide(group_sum_pair(sum, s->scratch), pair_of((float)n));
    for (u32 i = lane_id(); i < n; i += PLK_WG)
        spread = pair_add_square(spread, key_logit(s->keys[i]) * scale_down(field), mean);
    return deviation_of(group_sum_pair(spread, s->scratch), n, field);
}

/* At least `count` candidates (and one), as far as there are any. */
FN void small_keep(plk_small *s, u32 wanted, i32 count) {
    const u32 least = count > 1 ? (u32)count : 1u;
    const u32 keep = wanted > least ? wanted : least;
    if (keep < s->n) s->n = keep;
}

/* Reorders for the draw: ascending by id, the ordered logit in the low half of a key. */
FN void small_order_by_id(plk_small *s) {
    for (u32 i = lane_id(); i < s->n; i += PLK_WG) {
        const u64 key = s->keys[i];
        s->keys[i] = ((u64)(ID_MASK - key_id(key)) << 32) | key_ordered(key);
    }
    group_barrier();
    sort_descending(s->keys, s->room, s->n);
}

#endif /* PLK_SMALL_H */
