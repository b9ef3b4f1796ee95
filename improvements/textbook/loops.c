/*
 * loops.c: the stages that are loops over 12-byte candidates.
 */
#include "textbook.h"

#include <math.h>

void tb_fill(tb_array *a, const float *logits, size_t n) {
    for (size_t i = 0; i < n; i++) a->data[i] = (tb_token){(int32_t)i, logits[i], 0.0f};
    a->size = n;
    a->selected = -1;
    a->sorted = false;
}

void tb_temperature(tb_array *a, float t) {
    for (size_t i = 0; i < a->size; i++) a->data[i].logit /= t;
}

/* The greatest logit: the first if they are sorted. */
static float greatest(const tb_array *a) {
    float max = a->data[0].logit;
    for (size_t i = 1; i < a->size && !a->sorted; i++) {
        if (a->data[i].logit > max) max = a->data[i].logit;
    }
    return max;
}

void tb_softmax(tb_array *a, bool sort) {
    if (sort && !a->sorted) tb_partial_sort(a, a->size);
    const float max = greatest(a);
    float sum = 0.0f;
    for (size_t i = 0; i < a->size; i++) {
        const float p = expf(a->data[i].logit - max);
        a->data[i].p = p;
        sum += p;
    }
    for (size_t i = 0; i < a->size; i++) a->data[i].p /= sum;
}

float tb_entropy(const tb_array *a) {
    float entropy = 0.0f;
    for (size_t i = 0; i < a->size; i++) entropy += -a->data[i].p * logf(a->data[i].p);
    return entropy;
}

void tb_greedy(tb_array *a) {
    a->selected = 0;
    for (size_t i = 1; i < a->size; i++) {
        if (a->data[i].logit > a->data[a->selected].logit) a->selected = (int64_t)i;
    }
}

void tb_dist(tb_array *a, tb_random *r) {
    a->selected = 0;
    if (a->size == 1) {
        tb_random_uniform(r);
        a->data[0].p = 1.0f;
        return;
    }
    const float max = greatest(a);
    double sum = 0.0;
    for (size_t i = 0; i < a->size; i++) {
        const float p = expf(a->data[i].logit - max);
        a->data[i].p = p;
        sum += (double)p;
    }
    const double target = sum * tb_random_uniform(r);
    double running = 0.0;
    bool found = false;
    for (size_t i = 0; i < a->size; i++) {
        if (!found) {
            running += (double)a->data[i].p;
            if (running >= target) {
                a->selected = (int64_t)i;
                found = true;
            }
        }
        a->data[i].p = (float)((double)a->data[i].p / sum);
    }
    if (!found) a->selected = (int64_t)a->size - 1;
}

void tb_mirostat(tb_array *a, tb_mirostat_state *s) {
    tb_softmax(a, true);
    float sum_tb = 0.0f;
    float sum_tt = 0.0f;
    for (size_t i = 0; i + 1 < (size_t)s->m && i + 1 < a->size; i++) {
        const float t = logf((float)(i + 2) / (float)(i + 1));
        const float b = logf(a->data[i].p / a->data[i + 1].p);
        sum_tb += t * b;
        sum_tt += t * t;
    }
    const float s_hat = sum_tb / sum_tt;
    const float epsilon = s_hat - 1.0f;
    const float k = powf((epsilon * powf(2.0f, s->mu)) / (1.0f - powf((float)s->n_vocab, -epsilon)),
                         1.0f / s_hat);
    /* NaN keeps one candidate, a value larger than an int keeps all. */
    int32_t keep = 1;
    if (k >= 1.0f) keep = k < (float)a->size ? (int32_t)k : (int32_t)a->size;
    tb_top_k(a, keep);
    tb_softmax(a, true);
    a->selected = tb_random_discrete(s->random, a);
    const float surprise = -log2f(a->data[a->selected].p);
    s->mu -= s->eta * (surprise - s->tau);
}
