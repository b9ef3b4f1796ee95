/* shortlist.c: see shortlist.h. */
#include "shortlist.h"

#include "pluck_blocks.h"

#include <math.h>
#include <stdbool.h>

/* With AVX2, the one loop that reads the whole array is as fast as memory. */
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

/* The maximum of candidates first to end - 1; false if an id is not its index or a logit is NaN. */
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

/* Eight candidates fill three vectors. Two blends pick out their logits and two their ids, each in
 * a permuted order. */
typedef struct eight {
    __m256 a, b, c;
} eight;

/* lddqu, since compilers fold plain loads into every instruction that uses them: the array need not
 * be aligned, and a load that crosses a cache line costs two. */
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

/* Only just as fast as the L3 cache, so one comparison checks two vectors of logits for NaN. */
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

/* A mask with a bit for each candidate of a group that reaches the bound. `count`: how many
 * candidates the group has; the last group may be short. */
static uint64_t reaching(const llama_token_data *group, int32_t count, float bound) {
#ifdef HAVE_AVX2_SCAN
    if (count == GROUP && __builtin_cpu_supports("avx2")) return reaching_avx2(group, bound);
#endif
    uint64_t mask = 0;
    for (int32_t i = 0; i < count; i++) mask |= (uint64_t)(group[i].logit >= bound) << i;
    return mask;
}

/* Computes all maxima. False if the array is not one that plk_shortlist takes. */
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
    /* five candidates are 60 bytes, almost a cache line */
    for (int32_t i = 0; i < GROUP; i += 5) __builtin_prefetch(group + i);
#else
    (void)group;
#endif
}

/*
 * Finds a bound that at least k logits reach, lists the groups that reach it, and returns how many.
 * The k-th greatest maximum of a block is such a bound and is found quickly. If great logits are
 * side by side, the k-th greatest maximum of the groups that reach it is a better one. `few` has
 * room for n_groups values, `reach` for n_groups + n_blocks indices.
 */
static int32_t list_groups(const maxima *m, int32_t k, float *few, int32_t *reach, float *bound) {
    float first = -INFINITY;
    if (k <= m->n_blocks * 3 / 4) first = pluck_kth_greatest(m->block, m->n_blocks, k);
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
    *bound = pluck_kth_greatest(few, n, k);
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
    int32_t room = n - n_groups - m.n_blocks; /* the list of groups is stored behind the ids */
    int32_t *reach = ids + room;
    float bound;
    int32_t n_reach = list_groups(&m, k, m.block + m.n_blocks, reach, &bound);
    if (bound == -INFINITY) return 0;
    /* All groups are prefetched before the first is read. */
    for (int32_t r = 0; r < n_reach; r++) prefetch(data + reach[r] * GROUP);
    for (int32_t r = 0; r < n_reach; r++) {
        int32_t first = reach[r] * GROUP, count = n - first < GROUP ? n - first : GROUP;
        if (kept + GROUP >= room) return 0; /* too many: ids would overwrite groups */
        uint64_t mask = reaching(data + first, count, bound);
        for (; mask; mask &= mask - 1) {
            int32_t id = first + __builtin_ctzll(mask);
            ids[kept] = id;
            logits[kept++] = data[id].logit;
        }
    }
    return kept;
}
