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
/* Eight candidates are three vectors; two blends pick their logits, in some order, two their ids.
 */
__attribute__((target("avx2"))) static bool scan_avx2(const llama_token_data *data,
                                                      int32_t n_groups, float *max) {
    const float *x = (const float *)(const void *)data;
    __m256i expected = _mm256_setr_epi32(0, 3, 6, 1, 4, 7, 2, 5);
    __m256i wrong = _mm256_setzero_si256();
    __m256 nan = _mm256_setzero_ps();
    for (int32_t g = 0; g < n_groups; g++) {
        __m256 m = _mm256_set1_ps(-INFINITY);
        for (int32_t i = 0; i < GROUP; i += 8, x += 24) {
            __m256 a = _mm256_loadu_ps(x), b = _mm256_loadu_ps(x + 8), c = _mm256_loadu_ps(x + 16);
            __m256 logit = _mm256_blend_ps(_mm256_blend_ps(a, b, 0x24), c, 0x49);
            __m256 id = _mm256_blend_ps(_mm256_blend_ps(a, b, 0x92), c, 0x24);
            wrong = _mm256_or_si256(wrong, _mm256_xor_si256(_mm256_castps_si256(id), expected));
            expected = _mm256_add_epi32(expected, _mm256_set1_epi32(8));
            nan = _mm256_or_ps(nan, _mm256_cmp_ps(logit, logit, _CMP_UNORD_Q));
            m = _mm256_max_ps(m, logit);
        }
        __m128 h = _mm_max_ps(_mm256_castps256_ps128(m), _mm256_extractf128_ps(m, 1));
        h = _mm_max_ps(h, _mm_movehl_ps(h, h));
        max[g] = _mm_cvtss_f32(_mm_max_ss(h, _mm_movehdup_ps(h)));
    }
    return _mm256_testz_si256(wrong, wrong) && _mm256_movemask_ps(nan) == 0;
}
#endif

static bool scan(const llama_token_data *data, int32_t n_groups, float *max) {
#ifdef HAVE_AVX2_SCAN
    if (__builtin_cpu_supports("avx2")) return scan_avx2(data, n_groups, max);
#endif
    return scan_plain(data, n_groups, max);
}

/* The k-th greatest of n numbers by Hoare's selection; reorders them. */
static float kth_greatest(float *x, int32_t n, int32_t k) {
    int32_t low = 0, high = n - 1;
    while (low < high) {
        float pivot = x[low + (high - low) / 2];
        int32_t i = low, j = high;
        while (i <= j) {
            while (x[i] > pivot) i++;
            while (x[j] < pivot) j--;
            if (i > j) break;
            float held = x[i];
            x[i++] = x[j];
            x[j--] = held;
        }
        if (k - 1 <= j)
            high = j;
        else if (k - 1 >= i)
            low = i;
        else
            break;
    }
    return x[k - 1];
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

/* A value that at least k logits reach: the k-th greatest maximum, of blocks where they are enough.
 * `few` has room for as many as there are groups. */
static float bound_of(const maxima *m, int32_t k, float *few) {
    bool by_blocks = k <= m->n_blocks * 3 / 4;
    int32_t n = by_blocks ? m->n_blocks : m->n_groups;
    memcpy(few, by_blocks ? m->block : m->group, (size_t)n * sizeof *few);
    return kth_greatest(few, n, k);
}

static void prefetch(const llama_token_data *group) {
#ifdef __GNUC__
    for (int32_t i = 0; i < GROUP; i += 5) __builtin_prefetch(group + i); /* 60 of 64 bytes */
#else
    (void)group;
#endif
}

/* Lists the groups that reach the bound, and asks for all of them before any is looked at. */
static int32_t list_groups(const llama_token_data *data, const maxima *m, float bound,
                           int32_t *reach) {
    int32_t n = 0;
    for (int32_t b = 0; b < m->n_blocks; b++) {
        if (!(m->block[b] >= bound)) continue;
        int32_t end = (b + 1) * BLOCK_GROUPS < m->n_groups ? (b + 1) * BLOCK_GROUPS : m->n_groups;
        for (int32_t g = b * BLOCK_GROUPS; g < end; g++) {
            if (!(m->group[g] >= bound)) continue;
            prefetch(data + g * GROUP);
            reach[n++] = g;
        }
    }
    return n;
}

int32_t plk_shortlist(const llama_token_data *data, int32_t n, int32_t k, int32_t *ids,
                      float *logits, float *spare) { // NOLINT(readability-non-const-parameter)
    int32_t n_groups = (n + GROUP - 1) / GROUP, kept = 0;
    maxima m = {spare, spare + n_groups, n_groups, (n_groups + BLOCK_GROUPS - 1) / BLOCK_GROUPS};
    if (k < 1 || k > n_groups / 2) return 0;
    if (!find_maxima(data, n, &m)) return 0;
    float bound = bound_of(&m, k, m.block + m.n_blocks);
    if (bound == -INFINITY) return 0;
    int32_t *reach = ids + n - n_groups;
    int32_t n_reach = list_groups(data, &m, bound, reach);
    for (int32_t r = 0; r < n_reach; r++) {
        int32_t first = reach[r] * GROUP, end = first + GROUP < n ? first + GROUP : n;
        /* The list of groups stands behind the ids; what would overtake it is no short list. */
        if (kept + GROUP >= n - n_groups) return 0;
        for (int32_t i = first; i < end; i++) {
            ids[kept] = i;
            logits[kept] = data[i].logit;
            kept += data[i].logit >= bound;
        }
    }
    return kept;
}
