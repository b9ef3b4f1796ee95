/*
 * oracle_view.c: what several stages ask of the candidates: maximum, order, softmax, entropy, and
 * the record of candidates near a boundary.
 */
#include "oracle_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int32_t oracle_unmasked(const oracle_view *v) {
    int32_t n = 0;
    for (int32_t i = 0; i < v->n; ++i) n += v->c[i].logit != -INFINITY;
    return n;
}

bool oracle_evaluate(oracle_view *v) {
    double max = -INFINITY;
    for (int32_t i = 0; i < v->n; ++i) {
        if (v->c[i].logit > max) max = v->c[i].logit;
    }
    if (max == -INFINITY) return false;
    v->infinite = max == INFINITY;
    v->max = v->infinite ? 0.0 : max;
    if (v->infinite) {
        for (int32_t i = 0; i < v->n; ++i) {
            if (v->c[i].logit != INFINITY) v->c[i].logit = -INFINITY;
        }
    }
    return true;
}

double oracle_effective(const oracle_view *v, const oracle_candidate *c) {
    return v->infinite && c->logit == INFINITY ? 0.0 : c->logit;
}

/* Keys as unsigned numbers in the same order; -0 is 0. */
static uint64_t ordered_bits(double key) {
    const double plain = key == 0.0 ? 0.0 : key;
    uint64_t bits;
    memcpy(&bits, &plain, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

typedef struct sort_item {
    uint64_t key;
    uint32_t id, index;
} sort_item;

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, ID_PASSES = 3, KEY_PASSES = 6 };

static size_t digit_of(const sort_item *item, int pass) {
    const uint64_t number = pass < ID_PASSES ? item->id : item->key;
    return number >> (DIGIT_BITS * (pass < ID_PASSES ? pass : pass - ID_PASSES)) & (DIGITS - 1);
}

/* One pass of a stable sort, by one digit of the id or of the key. Returns false, and leaves `to`
 * alone, if all have the same digit. */
static bool sort_pass(const sort_item *from, sort_item *to, int32_t n, int pass) {
    int32_t start[DIGITS + 1] = {0};
    for (int32_t i = 0; i < n; ++i) ++start[digit_of(&from[i], pass) + 1];
    if (start[digit_of(&from[0], pass) + 1] == n) return false;
    for (int d = 0; d < DIGITS; ++d) start[d + 1] += start[d];
    for (int32_t i = 0; i < n; ++i) to[start[digit_of(&from[i], pass)]++] = from[i];
    return true;
}

/* By radix: the parity test sorts whole vocabularies hundreds of thousands of times. */
bool oracle_sort_by(oracle_candidate *c, int32_t n, bool by_logit) {
    sort_item *items = malloc((size_t)n * 2 * sizeof *items);
    oracle_candidate *sorted = malloc((size_t)n * sizeof *sorted);
    const bool enough = items && sorted;
    bool ids_ascend = true;
    for (int32_t i = 0; enough && i < n; ++i) {
        const uint64_t key = by_logit ? ~ordered_bits(c[i].logit) : ordered_bits(c[i].key);
        items[i] = (sort_item){key, (uint32_t)c[i].id, (uint32_t)i};
        ids_ascend = ids_ascend && (i == 0 || c[i - 1].id < c[i].id);
    }
    sort_item *from = items;
    sort_item *to = items + n;
    for (int pass = ids_ascend ? ID_PASSES : 0; enough && pass < ID_PASSES + KEY_PASSES; ++pass) {
        if (!sort_pass(from, to, n, pass)) continue;
        sort_item *swap = from;
        from = to;
        to = swap;
    }
    for (int32_t i = 0; enough && i < n; ++i) sorted[i] = c[from[i].index];
    if (enough) memcpy(c, sorted, (size_t)n * sizeof *c);
    free(items);
    free(sorted);
    return enough;
}

static int by_logit(const void *a, const void *b) {
    const oracle_candidate *x = a;
    const oracle_candidate *y = b;
    if (x->logit != y->logit) return x->logit > y->logit ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Sorts a whole vocabulary that is in order of id, starting from the expected order: candidates
 * that are in place there stay, the few others are sorted and merged in. False, with nothing
 * changed, if there is no expected order or it is far from right. */
static bool sort_as_expected(oracle_view *v) {
    const int32_t n = v->n;
    if (!v->expected || n != v->n_vocab) return false;
    oracle_candidate *right = malloc((size_t)n * 2 * sizeof *right);
    if (!right) return false;
    oracle_candidate *wrong = right + n;
    int32_t n_right = 0;
    int32_t n_wrong = 0;
    bool usable = true;
    for (int32_t i = 0; i < n && usable; ++i) {
        const oracle_candidate *c = &v->c[v->expected[i]];
        usable = c->id == v->expected[i] && n_wrong < n / 4;
        if (n_right > 0 && by_logit(&right[n_right - 1], c) > 0) {
            wrong[n_wrong++] = right[--n_right];
            wrong[n_wrong++] = *c;
        } else {
            right[n_right++] = *c;
        }
    }
    if (usable) qsort(wrong, (size_t)n_wrong, sizeof *wrong, by_logit);
    for (int32_t i = n; usable && i-- > 0;) {
        const bool take_wrong =
            n_right == 0 || (n_wrong > 0 && by_logit(&wrong[n_wrong - 1], &right[n_right - 1]) > 0);
        v->c[i] = take_wrong ? wrong[--n_wrong] : right[--n_right];
    }
    free(right);
    return usable;
}

void oracle_sort(oracle_view *v) {
    if (v->sorted) return;
    if (!sort_as_expected(v) && (v->n < 1000 || !oracle_sort_by(v->c, v->n, true))) {
        qsort(v->c, (size_t)v->n, sizeof *v->c, by_logit);
    }
    v->sorted = v->keyed = true;
    v->key_scale = 1.0;
    for (int32_t i = 0; i < v->n; ++i) {
        v->c[i].key = v->c[i].logit;
        const double size = fabs(v->c[i].logit);
        if (size > v->key_scale && size != INFINITY) v->key_scale = size;
    }
}

void oracle_softmax(oracle_view *v) {
    long double sum = 0.0L;
    for (int32_t i = 0; i < v->n; ++i) {
        oracle_candidate *c = &v->c[i];
        c->p = c->logit == -INFINITY ? 0.0 : exp(oracle_effective(v, c) - v->max);
        sum += (long double)c->p;
    }
    for (int32_t i = 0; i < v->n; ++i) v->c[i].p /= (double)sum;
    v->log_sum = (double)logl(sum);
}

double oracle_surprise(const oracle_view *v, const oracle_candidate *c) {
    /* From the distance to the maximum, since p itself may underflow. */
    return v->max - oracle_effective(v, c) + v->log_sum;
}

double oracle_entropy(const oracle_view *v) {
    long double h = 0.0L;
    for (int32_t i = 0; i < v->n; ++i) {
        if (v->c[i].p > 0.0) h -= (long double)v->c[i].p * (long double)log(v->c[i].p);
    }
    return (double)h;
}

void oracle_mark(oracle_view *v, const oracle_candidate *c) {
    if (v->near[c->id]) return;
    v->near[c->id] = 1;
    ++v->n_near;
    v->near_weight += exp(oracle_effective(v, c) - v->max);
}

bool oracle_close(const oracle_view *v, double a, double b) {
    const double larger = fabs(a) > fabs(b) ? fabs(a) : fabs(b);
    return fabs(a - b) <= v->band * (larger > 1.0 ? larger : 1.0);
}

void oracle_mark_logits(oracle_view *v, double edge) {
    for (int32_t i = 0; i < v->n; ++i) {
        if (v->c[i].logit != -INFINITY && (v->rough || v->c[i].logit != edge) &&
            oracle_close(v, v->c[i].logit, edge)) {
            oracle_mark(v, &v->c[i]);
        }
    }
}

/* May rounding exchange candidates across a cut of a sorted list? It may if two are near each other
 * but not equal, even if there is a run of equals between them. */
static bool may_be_torn(const oracle_view *v, int32_t n) {
    const double last = v->c[n - 1].logit;
    const double first = v->c[n].logit;
    if (v->rough && oracle_close(v, last, first)) return true;
    for (int32_t i = n; i-- > 0 && oracle_close(v, v->c[i].logit, first);)
        if (v->c[i].logit != first) return true;
    for (int32_t i = n; i < v->n && oracle_close(v, v->c[i].logit, last); ++i)
        if (v->c[i].logit != last) return true;
    return false;
}

void oracle_truncate(oracle_view *v, int32_t n) {
    if (n < v->n && v->c[n].logit != -INFINITY && may_be_torn(v, n)) {
        /* The last kept and the first dropped may change places in rounded arithmetic. */
        const double last = v->c[n - 1].logit;
        const double first = v->c[n].logit;
        for (int32_t i = 0; i < v->n; ++i) {
            if (oracle_close(v, v->c[i].logit, last) || oracle_close(v, v->c[i].logit, first)) {
                oracle_mark(v, &v->c[i]);
            }
        }
    }
    v->n = n;
}
