/*
 * group.h: what the lanes of a group compute together: sums, maxima, prefix sums, and the bin of a
 * histogram in which a running total is reached.
 *
 * All lanes call each function, because it has barriers. `scratch` is PLK_SCRATCH_WORDS of local
 * memory that the function may overwrite; it is free again when the function returns. If the vendor
 * has warps, a warp's part goes through registers.
 */
#ifndef PLK_GROUP_H
#define PLK_GROUP_H

FN u64 larger(u64 a, u64 b) {
    return a > b ? a : b;
}

#ifdef PLK_WARP

FN u64 warp_xor(u64 x, u32 distance) {
    const u32 lo = warp_xor_u32((u32)x, distance), hi = warp_xor_u32((u32)(x >> 32), distance);
    return ((u64)hi << 32) | lo;
}

FN u64 warp_up(u64 x, u32 distance) {
    const u32 lo = warp_up_u32((u32)x, distance), hi = warp_up_u32((u32)(x >> 32), distance);
    return ((u64)hi << 32) | lo;
}

FN u64 group_max(u64 x, LOCAL u64 *scratch) {
    for (u32 d = PLK_WARP / 2; d > 0; d >>= 1) x = larger(x, warp_xor(x, d));
    if (lane_id() % PLK_WARP == 0) scratch[lane_id() / PLK_WARP] = x;
    group_barrier();
    x = scratch[0];
    for (u32 w = 1; w < PLK_WG / PLK_WARP; w++) x = larger(x, scratch[w]);
    group_barrier();
    return x;
}

FN u64 group_sum(u64 x, LOCAL u64 *scratch) {
    for (u32 d = PLK_WARP / 2; d > 0; d >>= 1) x += warp_xor(x, d);
    if (lane_id() % PLK_WARP == 0) scratch[lane_id() / PLK_WARP] = x;
    group_barrier();
    x = scratch[0];
    for (u32 w = 1; w < PLK_WG / PLK_WARP; w++) x += scratch[w];
    group_barrier();
    return x;
}

FN plk_pair group_sum_pair(plk_pair x, LOCAL u64 *scratch) {
    for (u32 d = PLK_WARP / 2; d > 0; d >>= 1)
        x = pair_add(x, pair_from_bits(warp_xor(pair_bits(x), d)));
    if (lane_id() % PLK_WARP == 0) scratch[lane_id() / PLK_WARP] = pair_bits(x);
    group_barrier();
    x = pair_from_bits(scratch[0]);
    for (u32 w = 1; w < PLK_WG / PLK_WARP; w++) x = pair_add(x, pair_from_bits(scratch[w]));
    group_barrier();
    return x;
}

/* The sum over this lane and those before it; *total receives the sum over all. */
FN u64 group_scan(u64 x, u64 *total, LOCAL u64 *scratch) {
    const u32 lane = lane_id() % PLK_WARP, warp = lane_id() / PLK_WARP;
    u64 sum = 0, before = 0;
    for (u32 d = 1; d < PLK_WARP; d <<= 1) {
        const u64 left = warp_up(x, d);
        if (lane >= d) x += left;
    }
    if (lane == PLK_WARP - 1) scratch[warp] = x;
    group_barrier();
    for (u32 w = 0; w < PLK_WG / PLK_WARP; w++) {
        if (w == warp) before = sum;
        sum += scratch[w];
    }
    group_barrier();
    *total = sum;
    return before + x;
}

#else

/*
 * Without warps the first lane of each run of 16 combines the run, and then each lane all runs: three
 * barriers, while a tree needs two for each level. This is much faster on processors, which run
 * lanes one after another and whose compilers split a kernel at its barriers.
 */
#define PLK_RUN 16u

FN u64 group_max(u64 x, LOCAL u64 *scratch) {
    scratch[lane_id()] = x;
    group_barrier();
    if (lane_id() % PLK_RUN == 0) {
        for (u32 i = 1; i < PLK_RUN; i++) x = larger(x, scratch[lane_id() + i]);
        scratch[lane_id()] = x;
    }
    group_barrier();
    for (u32 i = 0; i < PLK_WG; i += PLK_RUN) x = larger(x, scratch[i]);
    group_barrier();
    return x;
}

FN u64 group_sum(u64 x, LOCAL u64 *scratch) {
    scratch[lane_id()] = x;
    group_barrier();
    if (lane_id() % PLK_RUN == 0) {
        for (u32 i = 1; i < PLK_RUN; i++) x += scratch[lane_id() + i];
        scratch[lane_id()] = x;
    }
    group_barrier();
    x = 0;
    for (u32 i = 0; i < PLK_WG; i += PLK_RUN) x += scratch[i];
    group_barrier();
    return x;
}

FN plk_pair group_sum_pair(plk_pair x, LOCAL u64 *scratch) {
    scratch[lane_id()] = pair_bits(x);
    group_barrier();
    if (lane_id() % PLK_RUN == 0) {
        for (u32 i = 1; i < PLK_RUN; i++) x = pair_add(x, pair_from_bits(scratch[lane_id() + i]));
        scratch[lane_id()] = pair_bits(x);
    }
    group_barrier();
    x = pair_from_bits(scratch[0]);
    for (u32 i = PLK_RUN; i < PLK_WG; i += PLK_RUN) x = pair_add(x, pair_from_bits(scratch[i]));
    group_barrier();
    return x;
}

/* The sum over this lane and those before it; *total receives the sum over all. */
FN u64 group_scan(u64 x, u64 *total, LOCAL u64 *scratch) {
    u64 sum = 0;
    scratch[lane_id()] = x;
    group_barrier();
    if (lane_id() % PLK_RUN == 0)
        for (u32 i = 1; i < PLK_RUN; i++) scratch[lane_id() + i] += scratch[lane_id() + i - 1u];
    group_barrier();
    x = scratch[lane_id()];
    for (u32 i = PLK_RUN - 1u; i < PLK_WG; i += PLK_RUN) {
        if (i < lane_id()) x += scratch[i];
        sum += scratch[i];
    }
    group_barrier();
    *total = sum;
    return x;
}

#endif

/*
 * A 64-bit sum in local memory as two 32-bit halves: two native atomics instead of a
 * compare-and-swap loop. No carry is lost: the lane whose addition wraps the low half adds it.
 */
FN void local_add_u64(LOCAL u32 *lo, LOCAL u32 *hi, u64 x) {
    const u32 x_lo = (u32)x;
    const u32 old = local_add(lo, x_lo);
    const u32 up = (u32)(x >> 32) + ((u32)(old + x_lo) < old ? 1u : 0u);
    if (up != 0u) local_add(hi, up);
}

/* A histogram over the keys: how many, and (if mass_lo is not NULL) their weights. */
typedef struct plk_bins {
    LOCAL u32 *count;
    LOCAL u32 *mass_lo;
    LOCAL u32 *mass_hi;
    u32 n; /* a multiple of PLK_WG, or a power of two below it */
} plk_bins;

FN u64 bin_mass(const plk_bins *bins, u32 bin) {
    return ((u64)bins->mass_hi[bin] << 32) | bins->mass_lo[bin];
}

FN void bins_clear(const plk_bins *bins, i32 by_mass) {
    for (u32 i = lane_id(); i < bins->n; i += PLK_WG) {
        bins->count[i] = 0;
        if (by_mass) {
            bins->mass_lo[i] = 0;
            bins->mass_hi[i] = 0;
        }
    }
    group_barrier();
}

/* The keys from base to base + width - 1, spread over a histogram's bins in order of size. */
typedef struct plk_range {
    u64 base;
    u64 width;
    u32 shift; /* a bin is 2^shift keys wide */
} plk_range;

/* The keys from low to high, over n_bins bins as narrow as they can be. */
FN plk_range range_over(u64 low, u64 high, u32 n_bins) {
    plk_range range;
    range.base = low;
    range.width = high - low + 1;
    range.shift = 0;
    for (u32 step = 32; step > 0; step >>= 1)
        if ((high - low) >> (range.shift + step - 1) >= n_bins) range.shift += step;
    return range;
}

FN i32 range_holds(const plk_range *range, u64 key) {
    return key - range->base < range->width; /* a key below base wraps around */
}

FN u32 range_bin(const plk_range *range, u64 key) {
    return (u32)((key - range->base) >> range->shift);
}

FN u64 range_begin(const plk_range *range, u32 bin) {
    return range->base + ((u64)bin << range->shift);
}

/* The keys of one bin, over n_bins bins. */
FN plk_range range_of_bin(const plk_range *range, u32 bin, u32 n_bins) {
    const u64 low = range_begin(range, bin);
    return range_over(low, low + (((u64)1 << range->shift) - 1), n_bins);
}

/* The sums over all bins, and over the run of neighbouring bins that a lane looks after; lane 0 has
 * the highest bins. Masses are 0 if they are not wanted. */
typedef struct plk_totals {
    u64 count, mass;
    u64 lane_count, lane_mass;
    u64 count_end, mass_end; /* of this lane's run and all above it */
} plk_totals;

FN u32 bins_run(const plk_bins *bins) {
    return bins->n > PLK_WG ? bins->n / PLK_WG : 1u;
}

FN plk_totals bins_total(const plk_bins *bins, i32 by_mass, LOCAL u64 *scratch) {
    const u32 run = bins_run(bins), first = lane_id() * run;
    plk_totals t;
    t.lane_count = t.lane_mass = t.mass = t.mass_end = 0;
    for (u32 i = 0; first < bins->n && i < run; i++) {
        const u32 bin = bins->n - 1u - (first + i);
        t.lane_count += bins->count[bin];
        if (by_mass) t.lane_mass += bin_mass(bins, bin);
    }
    t.count_end = group_scan(t.lane_count, &t.count, scratch);
    if (by_mass) t.mass_end = group_scan(t.lane_mass, &t.mass, scratch);
    return t;
}

/* The bin, counted from the highest, in which the running total reaches a target. */
typedef struct plk_pick {
    u32 bin;
    u32 in_bin;      /* keys in it */
    u64 above_count; /* keys in the bins above */
    u64 above_mass;
} plk_pick;

/* by_mass: target is a mass, else a count. 1 <= target <= the total of all bins. The lane whose run
 * holds the target goes through it. */
FN plk_pick bins_pick(const plk_bins *bins, const plk_totals *t, u64 target, i32 by_mass,
                      LOCAL u64 *scratch) {
    const u32 run = bins_run(bins), first = lane_id() * run;
    const u64 end = by_mass ? t->mass_end : t->count_end;
    const u64 begin = end - (by_mass ? t->lane_mass : t->lane_count);
    plk_pick pick;
    if (first < bins->n && begin < target && target <= end) {
        u64 above_count = t->count_end - t->lane_count, above_mass = t->mass_end - t->lane_mass;
        for (u32 i = 0; i < run; i++) {
            const u32 bin = bins->n - 1u - (first + i);
            const u64 m = by_mass ? bin_mass(bins, bin) : 0;
            if ((by_mass ? above_mass + m : above_count + bins->count[bin]) >= target) {
                scratch[0] = ((u64)bin << 32) | bins->count[bin];
                scratch[1] = above_count;
                scratch[2] = above_mass;
                break;
            }
            above_count += bins->count[bin];
            above_mass += m;
        }
    }
    group_barrier();
    pick.bin = (u32)(scratch[0] >> 32);
    pick.in_bin = (u32)scratch[0];
    pick.above_count = scratch[1];
    pick.above_mass = scratch[2];
    group_barrier();
    return pick;
}

/*
 * Sorts n <= PLK_SMALL_MAX distinct keys, largest first. If there are few, each is put in place by
 * counting the larger ones, which needs two barriers; otherwise they are sorted by bitonic merging.
 * `keys` and `room` must each hold the power of two at or above n.
 */
#ifndef PLK_COUNT_SORT_MAX
#define PLK_COUNT_SORT_MAX PLK_FEW
#endif

FN void sort_by_counting(LOCAL u64 *keys, LOCAL u64 *room, u32 n) {
    for (u32 i = lane_id(); i < n; i += PLK_WG) {
        const u64 key = keys[i];
        u32 rank = 0;
        for (u32 j = 0; j < n; j++) rank += keys[j] > key ? 1u : 0u;
        room[rank] = key;
    }
    group_barrier();
    for (u32 i = lane_id(); i < n; i += PLK_WG) keys[i] = room[i];
    group_barrier();
}

#if PLK_COUNT_SORT_MAX < PLK_SMALL_MAX
FN void sort_by_merging(LOCAL u64 *keys, u32 n) {
    u32 padded = 2;
    while (padded < n) padded <<= 1;
    for (u32 i = n + lane_id(); i < padded; i += PLK_WG) keys[i] = 0;
    group_barrier();
    for (u32 size = 2; size <= padded; size <<= 1) {
        for (u32 stride = size >> 1; stride > 0; stride >>= 1) {
            for (u32 i = lane_id(); i < padded / 2; i += PLK_WG) {
                const u32 low = 2 * i - (i & (stride - 1)), high = low + stride;
                const u64 a = keys[low], b = keys[high];
                if ((a < b) == ((low & size) == 0)) {
                    keys[low] = b;
                    keys[high] = a;
                }
            }
            group_barrier();
        }
    }
}
#endif

FN void sort_descending(LOCAL u64 *keys, LOCAL u64 *room, u32 n) {
#if PLK_COUNT_SORT_MAX < PLK_SMALL_MAX
    if (n > PLK_COUNT_SORT_MAX) {
        sort_by_merging(keys, n);
        return;
    }
#endif
    sort_by_counting(keys, room, n);
}

#endif /* PLK_GROUP_H */
