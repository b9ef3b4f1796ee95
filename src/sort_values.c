/*
 * sort_values.c: values alone, by the digits of their keys. With room for a second array from the lowest
 * digit on: if few keys are possible they are counted; else by two digits of the distance from the
 * greatest, or if many are nearly equal by three of the float's bits. Without room in place, by the
 * highest digit in which they differ, then within each. Linear whatever the values are: no part goes
 * through more than five digits.
 */
#include "arithmetic.h"

#include "order.h"

enum { DIGIT = 8, DIGITS = 1 << DIGIT, INSERTION = 24 };

/* A number that descends as x ascends. */
static uint32_t key_of(float x) {
    return (uint32_t)float_key(x) ^ 0x7fffffff;
}

static void insertion_sort(float *x, int32_t n) {
    for (int32_t i = 1; i < n; i++) {
        const float value = x[i];
        int32_t at = i;
        for (; at > 0 && x[at - 1] < value; at--) x[at] = x[at - 1];
        x[at] = value;
    }
}

/* The position of the lowest bit of the digit that holds the highest bit in which keys differ; -1 if
 * none does. */
static int shift_of(const float *x, int32_t n) {
    const uint32_t first = key_of(x[0]);
    uint32_t differ = 0;
    for (int32_t i = 1; i < n; i++) differ |= key_of(x[i]) ^ first;
    if (differ == 0) return -1;
    const int top = 31 - __builtin_clz(differ);
    return top < DIGIT ? 0 : top + 1 - DIGIT;
}

/* Moves every value to its digit's part: from[d] to before end[d]. */
static void distribute(float *x, int32_t *from, const int32_t *end, int shift) {
    for (int d = 0; d < DIGITS; d++) {
        while (from[d] < end[d]) {
            float value = x[from[d]];
            int digit = (int)(key_of(value) >> shift & (DIGITS - 1));
            while (digit != d) {
                const int32_t to = from[digit]++;
                const float next = x[to];
                x[to] = value;
                value = next;
                digit = (int)(key_of(value) >> shift & (DIGITS - 1));
            }
            x[from[d]++] = value;
        }
    }
}

static void sort_in_place(float *x, int32_t n) {
    if (n <= INSERTION) {
        insertion_sort(x, n);
        return;
    }
    const int shift = shift_of(x, n);
    if (shift < 0) return;
    int32_t from[DIGITS] = {0}, end[DIGITS];
    for (int32_t i = 0; i < n; i++) from[key_of(x[i]) >> shift & (DIGITS - 1)]++;
    int32_t sum = 0;
    for (int d = 0; d < DIGITS; d++) {
        const int32_t count = from[d];
        from[d] = sum;
        end[d] = sum += count;
    }
    distribute(x, from, end, shift);
    if (shift == 0) return;
    for (int d = 0, start = 0; d < DIGITS; start = end[d++])
        if (end[d] - start > 1) sort_in_place(x + start, end[d] - start);
}

/* ---- with room ---- */

enum { WIDE = 11, WIDES = 1 << WIDE, PASSES = 3, BATCH = 256, NARROW = 16, FEW = 512 };

/*
 * What values are sorted by: `width` bits of their keys, from `shift` on; the lower bits say nothing,
 * the higher ones are the same in all keys. Or their distance from the greatest as a whole number of
 * two digits, which takes one pass less and may leave neighbours in a wrong order.
 */
typedef struct sort_key {
    int shift, width;
    bool rounded;
    float max, per_unit;
} sort_key;

static bool is_descending(const float *x, int32_t n) {
    uint32_t disorder = 0;
    for (int32_t i = 1; i < n; i++) disorder |= x[i - 1] < x[i];
    return disorder == 0;
}

/* What can be said of values: the greatest, the least, and the bits that any of them has. */
typedef struct extent {
    float max, min;
    uint32_t bits;
} extent;

/* In lanes, since a chain of comparisons would take longer than reading. */
static extent extent_of(const float *x, int32_t n) {
    enum { LANES = 8 };
    float max[LANES], min[LANES];
    uint32_t used[LANES] = {0};
    for (int j = 0; j < LANES; j++) max[j] = min[j] = x[0];
    /* The last ones may be looked at twice. */
    for (int32_t i = 0; i < n; i += LANES) {
        const float *from = x + (i + LANES <= n ? i : n - LANES);
        for (int j = 0; j < LANES; j++) {
            uint32_t bits;
            memcpy(&bits, &from[j], sizeof bits);
            used[j] |= bits;
            max[j] = from[j] > max[j] ? from[j] : max[j];
            min[j] = from[j] < min[j] ? from[j] : min[j];
        }
    }
    extent e = {max[0], min[0], used[0]};
    for (int j = 1; j < LANES; j++) {
        e.max = max[j] > e.max ? max[j] : e.max;
        e.min = min[j] < e.min ? min[j] : e.min;
        e.bits |= used[j];
    }
    return e;
}

/* The key of values that are not all equal. */
static sort_key find_key(const float *x, int32_t n) {
    extent e = extent_of(x, n);
    /* The keys of both zeros differ, and either may be among the values. */
    if (e.max == 0.0f) e.max = 0.0f;
    if (e.min == 0.0f) e.min = -0.0f;
    const int shift = __builtin_ctz(e.bits),
              top = 31 - __builtin_clz(key_of(e.max) ^ key_of(e.min));
    const float range = e.max - e.min;
    return (sort_key){.shift = shift,
                      .width = top + 1 - shift,
                      .rounded = top + 1 - shift > 2 * WIDE && range > 1e-30f && range < 1e30f,
                      .max = e.max,
                      .per_unit = ((float)(WIDES * WIDES) - 4.0f) / range};
}

/* Writes the keys of n values; those that are not rounded have bits above their width. */
static void keys_of(const sort_key *k, const float *x, int32_t n, uint32_t *key) {
    const int shift = k->shift;
    const float max = k->max, per_unit = k->per_unit;
    if (k->rounded)
        for (int32_t i = 0; i < n; i++) key[i] = (uint32_t)(int32_t)((max - x[i]) * per_unit);
    else
        for (int32_t i = 0; i < n; i++) key[i] = key_of(x[i]) >> shift;
}

/* Counts how often each key occurs, and writes the values anew. `room` has place for the counts. */
static void count_and_fill(const sort_key *k, float *x, int32_t n, float *room) {
    const uint32_t keys = (uint32_t)1 << k->width, low = ((uint32_t)1 << k->shift) - 1;
    const uint32_t common = key_of(x[0]) & ~(((keys - 1) << k->shift) | low);
    int32_t *count = (int32_t *)(void *)room;
    memset(count, 0, keys * sizeof *count);
    for (int32_t i = 0; i < n; i++) count[key_of(x[i]) >> k->shift & (keys - 1)]++;
    int32_t at = 0;
    for (uint32_t i = 0; i < keys; i++) {
        const uint32_t key = common | i << k->shift;
        const uint32_t bits = (key & 0x80000000 ? key : key ^ 0x7fffffff) & ~low;
        float value;
        memcpy(&value, &bits, sizeof value);
        for (const int32_t end = at + count[i]; at < end; at++) x[at] = value;
    }
}

/* Moves n values to where their digit says; start[d] is the first place of digit d. The places of a
 * batch are found before anything is moved to them: a load cannot pass a store whose address is not
 * known yet, so that otherwise each value would wait for the one before. */
static void move(const sort_key *k, int pass, const float *from, float *to, int32_t n,
                 int32_t *start) {
    for (int32_t first = 0; first < n; first += BATCH) {
        const int32_t count = n - first < BATCH ? n - first : BATCH;
        uint32_t key[BATCH];
        int32_t place[BATCH];
        keys_of(k, from + first, count, key);
        for (int32_t i = 0; i < count; i++) place[i] = start[key[i] >> WIDE * pass & (WIDES - 1)]++;
        for (int32_t i = 0; i < count; i++) to[place[i]] = from[first + i];
    }
}

/* Puts neighbours in order. False if that would be much work; then some are not. */
static bool put_right(float *x, int32_t n) {
    int64_t left = 2 * (int64_t)n;
    for (int32_t i = 1; i < n && left > 0; i++) {
        const float value = x[i];
        if (x[i - 1] >= value) continue;
        int32_t at = i;
        for (; at > 0 && x[at - 1] < value; at--) x[at] = x[at - 1];
        x[at] = value;
        left -= i - at;
    }
    return left > 0;
}

/* Sorts by a key. False if many values have the same rounded key; then they are in any order. */
static bool sort_by(const sort_key *k, float *x, int32_t n, float *room) {
    const int passes = k->rounded ? 2 : (k->width + WIDE - 1) / WIDE;
    int32_t start[PASSES][WIDES] = {{0}};
    for (int32_t first = 0; first < n; first += BATCH) {
        const int32_t count = n - first < BATCH ? n - first : BATCH;
        uint32_t key[BATCH];
        keys_of(k, x + first, count, key);
        for (int p = 0; p < passes; p++)
            for (int32_t i = 0; i < count; i++) start[p][key[i] >> WIDE * p & (WIDES - 1)]++;
    }
    float *from = x, *to = room;
    for (int p = 0; p < passes; p++) {
        int32_t sum = 0, most = 0;
        for (int d = 0; d < WIDES; d++) {
            const int32_t count = start[p][d];
            start[p][d] = sum;
            sum += count;
            most = count > most ? count : most;
        }
        if (k->rounded && most > n / 16) return false; /* asked first of the lowest digit */
        move(k, p, from, to, n, start[p]);
        float *swap = from;
        from = to;
        to = swap;
    }
    if (from != x) memcpy(x, from, (size_t)n * sizeof *x);
    return !k->rounded || put_right(x, n);
}

static void sort_with_room(float *x, int32_t n, float *room) {
    if (is_descending(x, n)) return;
    sort_key k = find_key(x, n);
    if (k.width <= NARROW && n >> k.width > 0) {
        count_and_fill(&k, x, n, room);
        return;
    }
    if (sort_by(&k, x, n, room)) return;
    k.rounded = false;
    (void)sort_by(&k, x, n, room);
}

void pk_sort_values(float *x, int32_t n, float *room) {
    if (room && n >= FEW)
        sort_with_room(x, n, room);
    else
        sort_in_place(x, n);
}
