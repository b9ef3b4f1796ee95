/* oracle_f32_cut.c: sorting, the softmax, and the stages that drop, mask or scale candidates. */
#include "oracle_f32_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Sorting: by radix, least significant digit first, which keeps equals in order ----------- */

static uint32_t ascending_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (bits == 0x80000000u) bits = 0; /* -0 equals 0 */
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/* Sorts keys[0] by its upper 32 bits. */
static void sort_keys(f32_view *v, int32_t n) {
    enum { BITS = 11, DIGITS = 1 << BITS };
    for (int shift = 32; shift < 64; shift += BITS) {
        int32_t start[DIGITS + 1] = {0};
        for (int32_t i = 0; i < n; i++) start[(v->keys[0][i] >> shift & (DIGITS - 1)) + 1]++;
        for (int d = 0; d < DIGITS; d++) start[d + 1] += start[d];
        for (int32_t i = 0; i < n; i++)
            v->keys[1][start[v->keys[0][i] >> shift & (DIGITS - 1)]++] = v->keys[0][i];
        uint64_t *swap = v->keys[0];
        v->keys[0] = v->keys[1];
        v->keys[1] = swap;
    }
}

/* Does a come before b, if both were in order of id before sorting? */
static bool comes_first(const f32_candidate *a, const f32_candidate *b) {
    return a->logit > b->logit || (a->logit == b->logit && a->id < b->id);
}

static int by_logit(const void *a, const void *b) {
    return comes_first(a, b) ? -1 : comes_first(b, a);
}

/* Sorts a whole vocabulary that is in order of id, using the expected order: candidates that are in
 * the right place stay, the others are sorted and merged in. False if no order is expected or it is
 * mostly wrong. */
static bool sort_as_expected(f32_view *v) {
    f32_candidate *right = v->spare, *wrong = v->spare_too;
    int32_t n_right = 0, n_wrong = 0;
    if (!v->expected || v->n != v->n_vocab) return false;
    for (int32_t i = 0; i < v->n; i++) {
        const f32_candidate *c = &v->c[v->expected[i]];
        if (c->id != v->expected[i] || n_wrong > v->n / 4) return false;
        if (n_right > 0 && comes_first(c, &right[n_right - 1])) {
            wrong[n_wrong++] = right[--n_right];
            wrong[n_wrong++] = *c;
        } else {
            right[n_right++] = *c;
        }
    }
    qsort(wrong, (size_t)n_wrong, sizeof *wrong, by_logit);
    for (int32_t i = v->n; i-- > 0;) {
        bool take_wrong =
            n_right == 0 || (n_wrong > 0 && comes_first(&right[n_right - 1], &wrong[n_wrong - 1]));
        v->c[i] = take_wrong ? wrong[--n_wrong] : right[--n_right];
    }
    return true;
}

void f32_sort(f32_view *v) {
    v->sorted = true;
    if (sort_as_expected(v)) return;
    for (int32_t i = 0; i < v->n; i++)
        v->keys[0][i] = (uint64_t)~ascending_bits(v->c[i].logit) << 32 | (uint32_t)i;
    sort_keys(v, v->n);
    for (int32_t i = 0; i < v->n; i++) v->spare[i] = v->c[v->keys[0][i] & 0xFFFFFFFFu];
    memcpy(v->c, v->spare, sizeof *v->c * (size_t)v->n);
}

void f32_sort_scores(f32_view *v, int32_t n) {
    for (int32_t i = 0; i < n; i++)
        v->keys[0][i] = (uint64_t)ascending_bits(v->scores[i]) << 32 | (uint32_t)i;
    sort_keys(v, n);
}

void f32_partial_sort(f32_view *v, int32_t k) {
    if (k > 256) {
        f32_sort(v);
        v->n = k;
        return;
    }
    /* The best k so far, in order. Most candidates are compared only with the last of them. */
    int32_t kept = 0;
    for (int32_t i = 0; i < v->n; i++) {
        if (kept == k && !(v->c[i].logit > v->spare[k - 1].logit)) continue;
        int32_t at = kept < k ? kept++ : k - 1;
        for (; at > 0 && v->c[i].logit > v->spare[at - 1].logit; at--)
            v->spare[at] = v->spare[at - 1];
        v->spare[at] = v->c[i];
    }
    memcpy(v->c, v->spare, sizeof *v->c * (size_t)k);
    v->n = k;
    v->sorted = true;
}

/* ---- Stages ---------------------------------------------------------------------------------- */

static float maximum(const f32_view *v) {
    float max = v->c[0].logit;
    for (int32_t i = 1; i < v->n && !v->sorted; i++)
        max = v->c[i].logit > max ? v->c[i].logit : max;
    return max;
}

void f32_softmax(f32_view *v, bool sort) {
    if (sort && !v->sorted) f32_sort(v);
    float max = maximum(v), sum = 0.0f;
    for (int32_t i = 0; i < v->n; i++) {
        v->c[i].p = expf(v->c[i].logit - max);
        sum += v->c[i].p;
    }
    for (int32_t i = 0; i < v->n; i++) v->c[i].p /= sum;
}

void f32_top_k(f32_view *v, int32_t k) {
    if (k <= 0) return;
    k = k < v->n ? k : v->n;
    if (v->sorted)
        v->n = k;
    else
        f32_partial_sort(v, k);
}

void f32_top_p(f32_view *v, const pluck_stage_mass *p) {
    if (p->p >= 1.0f) return;
    f32_softmax(v, false);
    if (!v->sorted) f32_sort(v);
    float sum = 0.0f;
    for (int32_t i = 0; i < v->n; i++) {
        sum += v->c[i].p;
        if (sum >= p->p && i + 1 >= p->min_keep) {
            v->n = i + 1;
            return;
        }
    }
}

void f32_min_p(f32_view *v, const pluck_stage_mass *p) {
    if (p->p <= 0.0f || v->n == 0) return;
    float cut = maximum(v) + logf(p->p);
    if (!v->sorted) {
        int32_t kept = 0;
        for (int32_t i = 0; i < v->n; i++) kept += v->c[i].logit >= cut;
        if (kept > 0 && kept >= p->min_keep) {
            int32_t at = 0;
            for (int32_t i = 0; i < v->n; i++) {
                if (v->c[i].logit >= cut) v->c[at++] = v->c[i];
            }
            v->n = kept;
            return;
        }
        f32_sort(v);
    }
    int32_t i = 1;
    while (i < v->n && !(v->c[i].logit < cut && i >= p->min_keep)) i++;
    v->n = i;
}

void f32_typical(f32_view *v, const pluck_stage_mass *p) {
    if (p->p >= 1.0f) return;
    f32_softmax(v, true);
    float entropy = 0.0f;
    for (int32_t i = 0; i < v->n; i++) entropy += -v->c[i].p * logf(v->c[i].p);
    for (int32_t i = 0; i < v->n; i++) v->scores[i] = fabsf(-logf(v->c[i].p) - entropy);
    f32_sort_scores(v, v->n);
    float sum = 0.0f;
    int32_t kept = 0;
    while (kept < v->n) {
        v->spare[kept] = v->c[v->keys[0][kept] & 0xFFFFFFFFu];
        sum += v->spare[kept++].p;
        if (sum > p->p && kept >= p->min_keep) break;
    }
    memcpy(v->c, v->spare, sizeof *v->c * (size_t)kept);
    v->n = kept;
    v->sorted = false;
}

void f32_top_n_sigma(f32_view *v, float n) {
    if (n <= 0.0f || v->n <= 1) return;
    float max = v->c[0].logit, sum = 0.0f, squares = 0.0f;
    int32_t count = 0;
    for (int32_t i = 0; i < v->n; i++) {
        if (v->c[i].logit == -INFINITY) continue;
        max = v->c[i].logit > max ? v->c[i].logit : max;
        sum += v->c[i].logit;
        count++;
    }
    float mean = count > 0 ? sum / (float)count : 0.0f;
    for (int32_t i = 0; i < v->n; i++) {
        double d = (double)(v->c[i].logit - mean);
        if (v->c[i].logit != -INFINITY) squares = (float)((double)squares + d * d);
    }
    float deviation = count > 0 ? sqrtf(squares / (float)count) : 0.0f;
    for (int32_t i = 0; i < v->n; i++) {
        if (v->c[i].logit < max - n * deviation) v->c[i].logit = -INFINITY;
    }
}

static void scale(f32_view *v, float t) {
    if (t > 0.0f) {
        for (int32_t i = 0; i < v->n; i++) v->c[i].logit /= t;
        return;
    }
    int32_t best = 0;
    for (int32_t i = 1; i < v->n; i++) {
        if (v->c[i].logit > v->c[best].logit) {
            v->c[best].logit = -INFINITY;
            best = i;
        } else {
            v->c[i].logit = -INFINITY;
        }
    }
}

void f32_temperature(f32_view *v, const pluck_stage_temperature *p) {
    if (!(p->range > 0.0f)) {
        if (p->t != 1.0f) scale(v, p->t);
        return;
    }
    if (v->n <= 1) return;
    float low = p->t - p->range > 0.0f ? p->t - p->range : 0.0f, high = p->t + p->range;
    float max_entropy = -logf(1.0f / (float)v->n), entropy = 0.0f;
    f32_softmax(v, true);
    for (int32_t i = 0; i < v->n; i++) {
        if (v->c[i].p > 0.0f) entropy -= v->c[i].p * logf(v->c[i].p);
    }
    scale(v, low + (high - low) * powf(entropy / max_entropy, p->exponent));
}

void f32_xtc(f32_view *v, const pluck_stage_xtc *p, f32_memory *m) {
    if (p->probability <= 0.0f || p->threshold > 0.5f || v->n < 2) return;
    if (oracle_mt_float(&m->mt) > p->probability) return;
    f32_softmax(v, true);
    int32_t last = 0;
    for (int32_t i = 0; i < v->n && v->c[i].p >= p->threshold; i++) last = i;
    if (last > 0 && v->n - last >= p->min_keep) {
        v->c += last;
        v->n -= last;
    }
}

/* ---- Infill ---------------------------------------------------------------------------------- */

/* Keeps end-of-generation tokens and candidates whose p is at least `threshold`, and normalises p.
 * Returns how many of those kept do not end the generation. */
static int32_t keep_likely(f32_view *v, const pluck_stage_infill *p, float threshold) {
    int32_t kept = 0, n_text = 0;
    float sum = 0.0f;
    for (int32_t i = 0; i < v->n; i++) {
        bool eog = p->is_eog(p->ctx, v->c[i].id);
        if (v->c[i].p < threshold && !eog) continue;
        n_text += !eog;
        sum += v->c[i].p;
        v->c[kept++] = v->c[i];
    }
    v->n = kept;
    for (int32_t i = 0; i < kept; i++) v->c[i].p /= sum;
    return n_text;
}

static void merge_prefixes(f32_view *v, const pluck_stage_infill *p) {
    char a[512], b[512];
    for (int32_t i = 0; i < v->n; i++) {
        for (int32_t k = 0; k < v->n && v->c[i].logit != -INFINITY; k++) {
            if (i == k || v->c[k].logit == -INFINITY) continue;
            int32_t n_a = p->piece(p->ctx, v->c[i].id, a, sizeof a);
            int32_t n_b = p->piece(p->ctx, v->c[k].id, b, sizeof b);
            if (n_a <= 0 || n_a > n_b || memcmp(a, b, (size_t)n_a) != 0) continue;
            int32_t to = v->c[k].p > v->c[i].p ? k : i, from = to == k ? i : k;
            v->c[to].p += v->c[from].p;
            v->c[from].p = 0.0f;
            v->c[from].logit = -INFINITY;
        }
    }
}

void f32_infill(f32_view *v, const pluck_stage_infill *p) {
    f32_softmax(v, true);
    float text = 0.0f, eog = 0.0f;
    for (int32_t i = 0; i < v->n; i++) {
        if (p->is_eog(p->ctx, v->c[i].id))
            eog += v->c[i].p;
        else
            text += v->c[i].p;
    }
    if (3 * eog * (float)v->n > text) {
        keep_likely(v, p, INFINITY);
        return;
    }
    merge_prefixes(v, p);
    int32_t n_text = keep_likely(v, p, 0.2f);
    if (n_text == 0) {
        v->n = 1;
        v->c[0].id = p->eot;
        v->c[0].logit = 1.0f;
        return;
    }
    keep_likely(v, p, (float)(1.0 / (n_text + 1)));
}
