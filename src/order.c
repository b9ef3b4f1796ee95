/* order.c: see order.h. */
#include "arithmetic.h"

#include "order.h"

enum { RADIX_LEAST = 64, RADIX_MOST = 1024 }; /* numbers of positions that are sorted by digits */

double pk_order_key(const ordering *o, int32_t i) {
    PLUCK_ASSERT(i >= 0 && o->order != ORDER_AS_IT_LIES);
    if (o->order == ORDER_DESCENDING) return -(double)o->x[i];
    if (o->order == ORDER_NEAR) return fabs((double)o->x[i] - o->centre);
    return 0.0;
}

bool pk_order_before(const ordering *o, int32_t a, int32_t b) {
    const double ka = pk_order_key(o, a), kb = pk_order_key(o, b);
    if (ka != kb) return ka < kb;
    return o->ids ? o->ids[a] < o->ids[b] : a < b;
}

static void sift_down(const ordering *o, int32_t *index, int32_t root, int32_t n) {
    for (int32_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && pk_order_before(o, index[child], index[child + 1])) child++;
        if (!pk_order_before(o, index[root], index[child])) return;
        const int32_t swap = index[root];
        index[root] = index[child];
        index[child] = swap;
    }
}

/* A candidate's key, rounded to float, as an unsigned number with the same order. */
static uint32_t rounded_key(const ordering *o, int32_t i) {
    if (o->order == ORDER_ID) return (uint32_t)o->ids[i];
    const float key = (float)pk_order_key(o, i) + 0.0f; /* both zeros are equal */
    uint32_t bits;
    memcpy(&bits, &key, sizeof bits);
    return bits & 0x80000000 ? ~bits : bits | 0x80000000;
}

static void sort(const ordering *o, int32_t *index, int32_t n, bool digits);

/* Sorts up to RADIX_MOST positions by the bytes of their rounded keys, then those with equal bytes
 * by comparisons. Not inlined, because the recursive caller would need more stack. */
__attribute__((noinline)) static void sort_by_digits(const ordering *o, int32_t *index, int32_t n) {
    uint64_t buffer[2][RADIX_MOST];
    int32_t start[4][256] = {{0}};
    for (int32_t i = 0; i < n; i++) {
        const uint32_t key = rounded_key(o, index[i]);
        buffer[0][i] = (uint64_t)key << 32 | (uint32_t)index[i];
        for (int d = 0; d < 4; d++) start[d][key >> 8 * d & 255]++;
    }
    uint64_t *from = buffer[0], *to = buffer[1];
    for (int d = 0; d < 4; d++) {
        const int shift = 32 + 8 * d;
        if (start[d][from[0] >> shift & 255] == n) continue; /* all have the same byte */
        for (int32_t k = 0, before = 0; k < 256; k++) {
            const int32_t count = start[d][k];
            start[d][k] = before;
            before += count;
        }
        for (int32_t i = 0; i < n; i++) to[start[d][from[i] >> shift & 255]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    for (int32_t i = 0, first = 0; i < n; i++) {
        index[i] = (int32_t)(uint32_t)from[i];
        if (i + 1 < n && from[i + 1] >> 32 == from[i] >> 32) continue;
        /* Equals have kept their order, which usually is already that of their ids. */
        if (i > first && !pk_is_sorted(o, index + first, i + 1 - first))
            sort(o, index + first, i + 1 - first, false);
        first = i + 1;
    }
}

/* Quicksort. Small parts are sorted by digits, if `digits` allows it, or by insertion; a part with
 * bad pivots by heapsort. */
static void sort(const ordering *o, int32_t *index, int32_t n, bool digits) {
    int32_t depth = 2;
    for (int32_t i = n; i > 0; i /= 2) depth += 2;
    while (n > 16) {
        if (digits && n >= RADIX_LEAST && n <= RADIX_MOST) {
            sort_by_digits(o, index, n);
            return;
        }
        if (depth-- == 0) {
            for (int32_t i = n / 2; i-- > 0;) sift_down(o, index, i, n);
            for (int32_t end = n - 1; end > 0; end--) {
                const int32_t swap = index[0];
                index[0] = index[end];
                index[end] = swap;
                sift_down(o, index, 0, end);
            }
            return;
        }
        int32_t a = index[0], b = index[n / 2], d = index[n - 1];
        if (pk_order_before(o, b, a)) {
            const int32_t swap = a;
            a = b;
            b = swap;
        }
        const int32_t pivot = pk_order_before(o, d, a) ? a : pk_order_before(o, d, b) ? d : b;
        int32_t i = 0, j = n - 1;
        while (i <= j) {
            while (pk_order_before(o, index[i], pivot)) i++;
            while (pk_order_before(o, pivot, index[j])) j--;
            if (i <= j) {
                const int32_t swap = index[i];
                index[i++] = index[j];
                index[j--] = swap;
            }
        }
        /* Recursion for the shorter side, another round of the loop for the longer one. */
        if (j + 1 < n - i) {
            sort(o, index, j + 1, digits);
            index += i;
            n -= i;
        } else {
            sort(o, index + i, n - i, digits);
            n = j + 1;
        }
    }
    for (int32_t i = 1; i < n; i++) {
        const int32_t moved = index[i];
        int32_t at = i;
        for (; at > 0 && pk_order_before(o, moved, index[at - 1]); at--) index[at] = index[at - 1];
        index[at] = moved;
    }
}

void pk_sort_index(const ordering *o, int32_t *index, int32_t n) {
    PLUCK_ASSERT(n >= 0 && o->order != ORDER_AS_IT_LIES);
    sort(o, index, n, true);
    for (int32_t i = 1; CHECKS && i < n; i++)
        PLUCK_ASSERT(!pk_order_before(o, index[i], index[i - 1]));
}

/* ---- long lists ---- */

enum { WIDE = 11, WIDES = 1 << WIDE, PASSES = 3 };

/* One pass: moves n candidates to where their digit at `shift` says; start[d] is the first place of
 * digit d. */
static void move(const ordering *from, int32_t *ids, float *x, int32_t n, int32_t *start,
                 int shift) {
    for (int32_t i = 0; i < n; i++) {
        const int32_t to = start[rounded_key(from, i) >> shift & (WIDES - 1)]++;
        ids[to] = from->ids[i];
        x[to] = from->x[i];
    }
}

/* Sorts each run of equal rounded keys, which lies as it did before. */
static void sort_runs(const ordering *o, int32_t *ids, float *x, int32_t n, int32_t *index) {
    for (int32_t first = 0, end; first < n; first = end) {
        const uint32_t key = rounded_key(o, first);
        bool sorted = true;
        for (end = first + 1; end < n && rounded_key(o, end) == key; end++)
            sorted &= pk_order_before(o, end - 1, end);
        if (sorted) continue;
        const ordering run = {o->ids + first, o->x + first, o->order, o->centre};
        for (int32_t i = 0; i < end - first; i++) index[i] = i;
        sort(&run, index, end - first, true);
        pk_permute(ids + first, x + first, index, end - first);
    }
}

void pk_sort_candidates(candidate_order order, double centre, int32_t *ids, float *x, int32_t n,
                        int32_t *room_ids, float *room_x) {
    PLUCK_ASSERT(order != ORDER_AS_IT_LIES);
    const ordering given = {ids, x, order, centre}, room = {room_ids, room_x, order, centre};
    int32_t start[PASSES][WIDES] = {{0}};
    for (int32_t i = 0; i < n; i++) {
        const uint32_t key = rounded_key(&given, i);
        for (int p = 0; p < PASSES; p++) start[p][key >> WIDE * p & (WIDES - 1)]++;
    }
    bool away = false; /* they are in the room */
    for (int p = 0; p < PASSES; p++) {
        const ordering *from = away ? &room : &given;
        if (n == 0 || start[p][rounded_key(from, 0) >> WIDE * p & (WIDES - 1)] == n) continue;
        for (int32_t d = 0, before = 0; d < WIDES; d++) {
            const int32_t count = start[p][d];
            start[p][d] = before;
            before += count;
        }
        move(from, away ? ids : room_ids, away ? x : room_x, n, start[p], WIDE * p);
        away = !away;
    }
    if (away) {
        memcpy(ids, room_ids, (size_t)n * sizeof *ids);
        memcpy(x, room_x, (size_t)n * sizeof *x);
    }
    sort_runs(&given, ids, x, n, room_ids);
}

/* Moves n candidates to where a digit of their id, below `digits`, says; start[d] is the first place of
 * digit d. */
static void move_by_id(const ordering *from, int32_t *ids, float *x, int32_t n, int32_t *start,
                       int shift, int32_t digits) {
    for (int32_t i = 0; i < n; i++) {
        const int32_t to = start[from->ids[i] >> shift & (digits - 1)]++;
        ids[to] = from->ids[i];
        x[to] = from->x[i];
    }
}

/* Makes n numbers of entries places where the first of them goes. */
static void make_places(int32_t *count, int32_t n) {
    for (int32_t d = 0, before = 0; d < n; d++) {
        const int32_t here = count[d];
        count[d] = before;
        before += here;
    }
}

void pk_sort_by_id(int32_t *ids, float *x, int32_t n, int32_t n_vocab, int32_t *room_ids,
                   float *room_x) {
    enum { MOST_DIGITS = 1 << 12 }; /* two of them are a token */
    const ordering given = {.ids = ids, .x = x}, room = {.ids = room_ids, .x = room_x};
    int32_t low[MOST_DIGITS], high[MOST_DIGITS];
    int shift = 1;
    while ((int64_t)1 << 2 * shift < n_vocab) shift++;
    const int32_t digits = 1 << shift;
    PLUCK_ASSERT(digits <= MOST_DIGITS);
    memset(low, 0, (size_t)digits * sizeof *low);
    memset(high, 0, (size_t)digits * sizeof *high);
    for (int32_t i = 0; i < n; i++) {
        PLUCK_ASSERT(ids[i] >= 0 && ids[i] < n_vocab);
        low[ids[i] & (digits - 1)]++;
        high[ids[i] >> shift]++;
    }
    make_places(low, digits);
    make_places(high, digits);
    move_by_id(&given, room_ids, room_x, n, low, 0, digits);
    move_by_id(&room, ids, x, n, high, shift, digits);
}

bool pk_is_sorted(const ordering *o, const int32_t *index, int32_t n) {
    for (int32_t i = 1; i < n; i++)
        if (!pk_order_before(o, index[i - 1], index[i])) return false;
    return true;
}

int32_t pk_count_through(const ordering *o, int32_t n, double key, int32_t id) {
    int32_t count = 0;
    for (int32_t i = 0; i < n; i++) {
        const double k = pk_order_key(o, i);
        count += k < key || (k == key && o->ids[i] <= id);
    }
    return count;
}

void pk_permute(int32_t *ids, float *x, int32_t *index, int32_t n) {
    for (int32_t start = 0; start < n; start++) {
        if (index[start] < 0) continue;
        const int32_t id = ids[start];
        const float value = x[start];
        int32_t at = start;
        for (;;) {
            const int32_t from = index[at];
            PLUCK_ASSERT(from >= 0 && from < n); /* each position once */
            index[at] = -1;
            if (from == start) break;
            ids[at] = ids[from];
            x[at] = x[from];
            at = from;
        }
        ids[at] = id;
        x[at] = value;
    }
}

/* Where the k-th greatest is, as keys: `reach_low` values, at least k, are at or above `low`;
 * `reach_high`, fewer than k, at or above `high`. */
typedef struct bracket {
    int64_t low, high;
    int32_t reach_low, reach_high;
} bracket;

static bracket bracket_all(const float *x, int32_t n) {
    float least = x[0], most = x[0];
    for (int32_t i = 1; i < n; i++) {
        least = x[i] < least ? x[i] : least;
        most = x[i] > most ? x[i] : most;
    }
    return (bracket){float_key(least), (int64_t)float_key(most) + 1, n, 0};
}

static bool is_settled(const bracket *b, int32_t k) {
    return b->high - b->low <= 1 || b->reach_low == k;
}

static void narrow_at(bracket *b, const float *x, int32_t n, int32_t k, int64_t key) {
    const float value = key_float((int32_t)key);
    int32_t reach = 0;
    for (int32_t i = 0; i < n; i++) reach += x[i] >= value;
    if (reach >= k) {
        b->low = key;
        b->reach_low = reach;
    } else {
        b->high = key;
        b->reach_high = reach;
    }
}

/* Halves the interval of values, not of keys: a few turns settle values that are spread at all
 * evenly. Gives up if some turns in a row separate nothing: there may be many equals. */
static void narrow_by_values(bracket *b, const float *x, int32_t n, int32_t k) {
    enum { TURNS = 16, IDLE_TURNS = 3 };
    for (int turn = 0, idle = 0; turn < TURNS && idle < IDLE_TURNS && !is_settled(b, k); turn++) {
        const double low = (double)key_float((int32_t)b->low);
        const double high = (double)key_float((int32_t)(b->high - 1));
        const double middle = 0.5 * (low + high);
        if (!isfinite(middle)) return;
        const int64_t key = float_key((float)middle);
        const int32_t between = b->reach_low - b->reach_high;
        narrow_at(b, x, n, k, key > b->low ? key : b->low + 1);
        idle = b->reach_low - b->reach_high < between ? 0 : idle + 1;
    }
}

/* The least of those that reach b->low. */
static float settle(const bracket *b, const float *x, int32_t n) {
    const float bound = key_float((int32_t)b->low);
    float kth = INFINITY;
    for (int32_t i = 0; i < n; i++) kth = x[i] >= bound && x[i] < kth ? x[i] : kth;
    return kth;
}

float pk_kth_of_few(const float *x, int32_t n, int32_t k) {
    PLUCK_ASSERT(k >= 1 && k <= n);
    bracket b = bracket_all(x, n);
    narrow_by_values(&b, x, n, k);
    while (!is_settled(&b, k)) narrow_at(&b, x, n, k, b.low + (b.high - b.low) / 2);
    return settle(&b, x, n);
}

float pk_kth_greatest(float *x, int32_t n, int32_t k) {
    enum { FEW = 512, SOME = 1536, DIGIT = 11, BUCKETS = 1 << DIGIT };
    PLUCK_ASSERT(k >= 1 && k <= n);
    if (n <= FEW) return pk_kth_of_few(x, n, k); /* faster than clearing the counts */
    if (n <= SOME) {
        bracket b = bracket_all(x, n);
        narrow_by_values(&b, x, n, k);
        if (is_settled(&b, k)) return settle(&b, x, n);
    }
    /* Digits: bits 31 to 21, 20 to 10 and 9 to 0 of the keys, made unsigned. */
    static const int shifts[] = {21, 10, 0};
    uint32_t found = 0;
    for (int d = 0; d < 3; d++) {
        int32_t count[BUCKETS] = {0};
        const uint32_t mask = d < 2 ? BUCKETS - 1 : (1u << 10) - 1;
        for (int32_t i = 0; i < n; i++)
            count[((uint32_t)float_key(x[i]) ^ 0x80000000u) >> shifts[d] & mask]++;
        uint32_t bucket = mask;
        while (count[bucket] < k) k -= count[bucket--];
        found |= bucket << shifts[d];
        int32_t left = 0;
        for (int32_t i = 0; i < n; i++) {
            const float value = x[i];
            x[left] = value;
            left += (((uint32_t)float_key(value) ^ 0x80000000u) >> shifts[d] & mask) == bucket;
        }
        n = left;
    }
    return key_float((int32_t)(found ^ 0x80000000u));
}

int32_t pk_kth_lowest_id(const int32_t *ids, int32_t *index, int32_t n, int32_t k) {
    PLUCK_ASSERT(k >= 1 && k <= n);
    int32_t low = 0, high = n - 1;
    while (low < high) {
        const int32_t pivot = ids[index[low + (high - low) / 2]];
        int32_t i = low, j = high;
        while (i <= j) {
            while (ids[index[i]] < pivot) i++;
            while (ids[index[j]] > pivot) j--;
            if (i <= j) {
                const int32_t swap = index[i];
                index[i++] = index[j];
                index[j--] = swap;
            }
        }
        if (k - 1 <= j)
            high = j;
        else if (k - 1 >= i)
            low = i;
        else
            break;
    }
    return index[k - 1];
}
