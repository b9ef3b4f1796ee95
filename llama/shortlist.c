/* shortlist.c: see shortlist.h. */
#include "shortlist.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* The one loop here that reads the whole array is as fast as memory gives it, in AVX2. */
#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_AVX2_SCAN
#include <immintrin.h>
#endif

enum { GROUP = 64, BLOCK_GROUPS = 16 };

/* Maxima of groups of 64 candidates and of blocks of 16 groups. */
typedef struct maxima {
    float *group, *block;
    int32_t n_groups, n_blocks;
} maxima;

static float greater(float a, float b) {
    return a > b ? a : b;
}

/* The maximum of candidates first to end - 1; false where an id is not its index or a logit is NaN.
 */
static bool scan_few(const llama_token_data *data, int32_t first, int32_t end, float *max) {
    bool good = true;
    *max = -INFINITY;
    for (int32_t i = first; i < end; i++) {
        good = good && data[i].id == i && !isnan(data[i].logit);
        *max = greater(data[i].logit, *max);
    }
    return good;
}

static bool scan_plain(const llama_token_data *data, int32_t n_groups, float *max) {
    for (int32_t g = 0; g < n_groups; g++) {
        if (!scan_few(data, g * GROUP, (g + 1) * GROUP, &max[g])) return false;
    }
    return true;
}

#ifdef HAVE_AVX2_SCAN
#define AVX2        __attribute__((target("avx2")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2")))

/* Eight candidates are three vectors; two blends pick their logits, in some order, two their ids.
 */
typedef struct eight {
    __m256 a, b, c;
} eight;

/* A load that compilers do not repeat for each use: an array need not lie well, and a vector that
 * crosses a cache line counts twice. */
AVX2_INLINE __m256 load(const float *x) {
    return _mm256_castsi256_ps(_mm256_lddqu_si256((const __m256i *)(const void *)x));
}

AVX2_INLINE eight load_eight(const float *x) {
    return (eight){load(x), load(x + 8), load(x + 16)};
}

AVX2_INLINE __m256 logits_of(eight v) {
    return _mm256_blend_ps(_mm256_blend_ps(v.a, v.b, 0x24), v.c, 0x49);
}

AVX2_INLINE __m256i ids_of(eight v) {
    return _mm256_castps_si256(_mm256_blend_ps(_mm256_blend_ps(v.a, v.b, 0x92), v.c, 0x24));
}

/* As fast as the third-level cache gives the array, if with little to spare: two vectors of logits
 * share a comparison that finds NaN in either. */
AVX2 static bool scan_avx2(const llama_token_data *data, int32_t n_groups, float *max) {
    const float *x = (const float *)(const void *)data;
    __m256i expected = _mm256_setr_epi32(0, 3, 6, 1, 4, 7, 2, 5);
    __m256i wrong = _mm256_setzero_si256();
    __m256 nan = _mm256_setzero_ps();
    for (int32_t g = 0; g < n_groups; g++) {
        __m256 m = _mm256_set1_ps(-INFINITY);
        for (int32_t i = 0; i < GROUP; i += 16) {
            __m256 logits[2];
            for (int32_t j = 0; j < 2; j++, x += 24) {
                eight v = load_eight(x);
                logits[j] = logits_of(v);
                wrong = _mm256_or_si256(wrong, _mm256_xor_si256(ids_of(v), expected));
                expected = _mm256_add_epi32(expected, _mm256_set1_epi32(8));
            }
            nan = _mm256_or_ps(nan, _mm256_cmp_ps(logits[0], logits[1], _CMP_UNORD_Q));
            m = _mm256_max_ps(m, _mm256_max_ps(logits[0], logits[1]));
        }
        __m128 h = _mm_max_ps(_mm256_castps256_ps128(m), _mm256_extractf128_ps(m, 1));
        h = _mm_max_ps(h, _mm_movehl_ps(h, h));
        max[g] = _mm_cvtss_f32(_mm_max_ss(h, _mm_movehdup_ps(h)));
    }
    return _mm256_testz_si256(wrong, wrong) && _mm256_movemask_ps(nan) == 0;
}

AVX2 static uint64_t reaching_avx2(const llama_token_data *group, float bound) {
    const float *x = (const float *)(const void *)group;
    __m256i order = _mm256_setr_epi32(1, 4, 7, 2, 5, 0, 3, 6);
    uint64_t mask = 0;
    for (int32_t i = 0; i < GROUP; i += 8, x += 24) {
        __m256 logits = _mm256_permutevar8x32_ps(logits_of(load_eight(x)), order);
        __m256 reach = _mm256_cmp_ps(logits, _mm256_set1_ps(bound), _CMP_GE_OQ);
        mask |= (uint64_t)(uint32_t)_mm256_movemask_ps(reach) << i;
    }
    return mask;
}
#endif

static bool scan(const llama_token_data *data, int32_t n_groups, float *max) {
#ifdef HAVE_AVX2_SCAN
    if (__builtin_cpu_supports("avx2")) return scan_avx2(data, n_groups, max);
#endif
    return scan_plain(data, n_groups, max);
}

/* One bit for each candidate of a group, the last of which may be short, that reaches the bound. */
static uint64_t reaching(const llama_token_data *group, int32_t count, float bound) {
#ifdef HAVE_AVX2_SCAN
    if (count == GROUP && __builtin_cpu_supports("avx2")) return reaching_avx2(group, bound);
#endif
    uint64_t mask = 0;
    for (int32_t i = 0; i < count; i++) mask |= (uint64_t)(group[i].logit >= bound) << i;
    return mask;
}

/* Between a float's bits and an integer of the same order, either way. */
static int32_t turned(int32_t bits) {
    return bits ^ (bits < 0 ? INT32_MAX : 0);
}

static int32_t key_of(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return turned(bits);
}

static float of_key(int32_t key) {
    int32_t bits = turned(key);
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* A value that at least k of the n numbers reach, and more than k only where they tie. By halving:
 * counting takes no branch on a number, which a selection mispredicts every other time. */
static float reached_by(const float *x, int32_t n, int32_t k) {
    float least = x[0], most = x[0];
    for (int32_t i = 1; i < n; i++) {
        least = x[i] < least ? x[i] : least;
        most = greater(x[i], most);
    }
    int64_t low = key_of(least), high = (int64_t)key_of(most) + 1;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        float value = of_key((int32_t)middle);
        int32_t count = 0;
        for (int32_t i = 0; i < n; i++) count += x[i] >= value;
        if (count >= k)
            low = middle;
        else
            high = middle;
        if (count == k) break;
    }
    return of_key((int32_t)low);
}

/* Reads the array; false where it is not one for this. */
static bool find_maxima(const llama_token_data *data, int32_t n, maxima *m) {
    int32_t n_whole = n / GROUP;
    if (!scan(data, n_whole, m->group)) return false;
    if (n_whole < m->n_groups && !scan_few(data, n_whole * GROUP, n, &m->group[n_whole]))
        return false;
    for (int32_t b = 0; b < m->n_blocks; b++) {
        const float *x = m->group + b * BLOCK_GROUPS;
        int32_t rest = m->n_groups - b * BLOCK_GROUPS;
        if (rest >= BLOCK_GROUPS) {
            float four[4] = {x[0], x[1], x[2], x[3]};
            for (int32_t i = 4; i < BLOCK_GROUPS; i += 4) {
                for (int32_t j = 0; j < 4; j++) four[j] = greater(x[i + j], four[j]);
            }
            m->block[b] = greater(greater(four[0], four[1]), greater(four[2], four[3]));
        } else {
            m->block[b] = x[0];
            for (int32_t i = 1; i < rest; i++) m->block[b] = greater(x[i], m->block[b]);
        }
        if (m->block[b] == INFINITY) return false;
    }
    return true;
}

static void prefetch(const llama_token_data *group) {
#ifdef __GNUC__
    for (int32_t i = 0; i < GROUP; i += 5) __builtin_prefetch(group + i); /* 60 of 64 bytes */
#else
    (void)group;
#endif
}

/*
 * Finds a bound that at least k logits reach, and lists the groups that do. The k-th greatest
 * maximum of a block is one, and soon found; that of the groups that reach it is a better one where
 * great logits stand side by side. `few` has room for as many as there are groups, `reach` for
 * those and the blocks.
 */
static int32_t list_groups(const maxima *m, int32_t k, float *few, int32_t *reach, float *bound) {
    float first = k <= m->n_blocks * 3 / 4 ? reached_by(m->block, m->n_blocks, k) : -INFINITY;
    int32_t n_blocks = 0, n = 0, n_reach = 0;
    for (int32_t b = 0; b < m->n_blocks; b++) {
        reach[n_blocks] = b;
        n_blocks += m->block[b] >= first;
    }
    int32_t *groups = reach + n_blocks;
    for (int32_t i = 0; i < n_blocks; i++) {
        int32_t g = reach[i] * BLOCK_GROUPS;
        int32_t end = g + BLOCK_GROUPS < m->n_groups ? g + BLOCK_GROUPS : m->n_groups;
        for (; g < end; g++) {
            groups[n] = g;
            few[n] = m->group[g];
            n += m->group[g] >= first;
        }
    }
    *bound = reached_by(few, n, k);
    for (int32_t i = 0; i < n; i++) {
        reach[n_reach] = groups[i];
        n_reach += few[i] >= *bound;
    }
    return n_reach;
}

int32_t plk_shortlist(const llama_token_data *data, int32_t n, int32_t k, int32_t *ids,
                      float *logits, float *spare) { // NOLINT(readability-non-const-parameter)
    int32_t n_groups = (n + GROUP - 1) / GROUP, kept = 0;
    maxima m = {spare, spare + n_groups, n_groups, (n_groups + BLOCK_GROUPS - 1) / BLOCK_GROUPS};
    if (k < 1 || k > n_groups / 2) return 0;
    if (!find_maxima(data, n, &m)) return 0;
    int32_t room = n - n_groups - m.n_blocks; /* the list of groups stands behind the ids */
    int32_t *reach = ids + room;
    float bound;
    int32_t n_reach = list_groups(&m, k, m.block + m.n_blocks, reach, &bound);
    if (bound == -INFINITY) return 0;
    /* All of them are asked for before any is looked at. */
    for (int32_t r = 0; r < n_reach; r++) prefetch(data + reach[r] * GROUP);
    for (int32_t r = 0; r < n_reach; r++) {
        int32_t first = reach[r] * GROUP, count = n - first < GROUP ? n - first : GROUP;
        if (kept + GROUP >= room) return 0; /* what would overtake the groups is no short list */
        uint64_t mask = reaching(data + first, count, bound);
        for (; mask; mask &= mask - 1) {
            int32_t id = first + __builtin_ctzll(mask);
            ids[kept] = id;
            logits[kept++] = data[id].logit;
        }
    }
    return kept;
}
