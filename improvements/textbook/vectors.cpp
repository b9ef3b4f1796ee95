/*
 * vectors.cpp: the stages whose cost is std::vector and the standard library's sorts.
 */
#include "textbook.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <new>
#include <numeric>
#include <vector>

struct tb_buffer {
    std::vector<tb_token> tokens;
};

extern "C" tb_buffer *tb_buffer_create(void) {
    return new (std::nothrow) tb_buffer;
}

extern "C" void tb_buffer_free(tb_buffer *buffer) {
    delete buffer;
}

extern "C" const tb_token *tb_buffer_data(const tb_buffer *buffer) {
    return buffer->tokens.data();
}

extern "C" void tb_fill_new_vector(tb_buffer *into, const float *logits, size_t n) {
    std::vector<tb_token>().swap(into->tokens); /* frees the vector of the last call */
    std::vector<tb_token> fresh;
    fresh.reserve(n);
    for (size_t i = 0; i < n; i++) fresh.push_back({int32_t(i), logits[i], 0.0f});
    into->tokens.swap(fresh);
}

static bool descending(const tb_token &a, const tb_token &b) {
    return a.logit > b.logit;
}

/* The k greatest of a in descending order: into buckets first, then sorts the buckets that
 * count. */
static void bucket_sort(const tb_array &a, size_t k, std::vector<tb_token> &out) {
    constexpr int n_buckets = 128;
    constexpr float low = -10.0f;
    constexpr float high = 10.0f;
    constexpr float scale = n_buckets / (high - low);

    std::vector<int> bucket_of;
    std::vector<int> count(n_buckets, 0);
    std::vector<tb_token *> end;
    bucket_of.reserve(a.size);
    for (size_t i = 0; i < a.size; i++) {
        const int b = std::clamp(int(scale * a.data[i].logit - low * scale), 0, n_buckets - 1);
        bucket_of.push_back(b);
        count[b]++;
    }
    size_t have = 0;
    int lowest = n_buckets - 1;
    for (;; lowest--) {
        have += count[lowest];
        if (have >= k || lowest == 0) break;
    }

    out.resize(have);
    tb_token *at = out.data();
    end.reserve(n_buckets - lowest);
    for (int b = n_buckets - 1; b >= lowest; b--) {
        end.push_back(at);
        at += count[b];
    }
    for (size_t i = 0; i < a.size; i++) {
        if (bucket_of[i] >= lowest) *end[n_buckets - 1 - bucket_of[i]]++ = a.data[i];
    }

    at = out.data();
    size_t done = 0;
    for (int b = n_buckets - 1; b > lowest; b--) {
        std::sort(at, at + count[b], descending);
        at += count[b];
        done += count[b];
    }
    std::partial_sort(at, at + (k - done), at + count[lowest], descending);
}

extern "C" void tb_partial_sort(tb_array *a, size_t k) {
    if (k <= 128) {
        std::partial_sort(a->data, a->data + k, a->data + a->size, descending);
    } else {
        std::vector<tb_token> sorted;
        bucket_sort(*a, k, sorted);
        std::copy(sorted.begin(), sorted.begin() + k, a->data);
    }
    a->size = k;
    a->sorted = true;
}

extern "C" void tb_top_k(tb_array *a, int32_t k) {
    if (k <= 0) return;
    const size_t keep = std::min(size_t(k), a->size);
    if (!a->sorted) tb_partial_sort(a, keep);
    a->size = keep;
}

extern "C" void tb_top_p(tb_array *a, float p, size_t min_keep, tb_buffer *buffer) {
    if (p >= 1.0f) return;
    tb_softmax(a, false);
    size_t k = a->size;
    const tb_token *from = a->data;
    if (!a->sorted && a->size > 1024) {
        /* Most nuclei are small, so it sorts 256 first, and all only if these are not enough. */
        k = 256;
        bucket_sort(*a, k, buffer->tokens);
        from = buffer->tokens.data();
    } else if (!a->sorted) {
        tb_partial_sort(a, k);
    }

    float sum = 0.0f;
    size_t keep = a->size;
    for (size_t i = 0; i < a->size; i++) {
        sum += from[i].p;
        if (sum >= p && i + 1 >= min_keep) {
            keep = i + 1;
            break;
        }
        if (!a->sorted && i + 1 == k) {
            k = a->size;
            bucket_sort(*a, k, buffer->tokens);
            from = buffer->tokens.data();
        }
    }
    if (!a->sorted) {
        std::copy(from, from + keep, a->data);
        a->sorted = true;
    }
    a->size = keep;
}

/* For sorted candidates: keeps the first ones, down to the cut. */
static void min_p_sorted(tb_array *a, float p, size_t min_keep) {
    if (!a->sorted) tb_partial_sort(a, a->size);
    const float cut = a->data[0].logit + logf(p);
    size_t keep = 1;
    while (keep < a->size && (a->data[keep].logit >= cut || keep < min_keep)) keep++;
    a->size = keep;
}

extern "C" void tb_min_p(tb_array *a, float p, size_t min_keep) {
    if (p <= 0.0f || a->size == 0) return;
    if (a->sorted) {
        min_p_sorted(a, p, min_keep);
        return;
    }
    std::vector<tb_token> filtered;
    float max = -FLT_MAX;
    for (size_t i = 0; i < a->size; i++) max = std::max(max, a->data[i].logit);
    const float cut = max + logf(p);
    for (size_t i = 0; i < a->size; i++) {
        if (a->data[i].logit >= cut) filtered.push_back(a->data[i]);
    }
    if (filtered.empty() || filtered.size() < min_keep) {
        min_p_sorted(a, p, min_keep);
        return;
    }
    std::copy(filtered.begin(), filtered.end(), a->data);
    a->size = filtered.size();
}

extern "C" void tb_typical(tb_array *a, float p, size_t min_keep) {
    if (p >= 1.0f) return;
    tb_softmax(a, true);
    const float entropy = tb_entropy(a);

    std::vector<float> scores;
    for (size_t i = 0; i < a->size; i++) {
        scores.push_back(fabsf(-logf(a->data[i].p) - entropy));
    }
    std::vector<size_t> order(a->size);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(),
              [&](size_t x, size_t y) { return scores[x] < scores[y]; });

    float sum = 0.0f;
    size_t keep = order.size();
    for (size_t i = 0; i < order.size(); i++) {
        sum += a->data[order[i]].p;
        if (sum > p && i + 1 >= min_keep) {
            keep = i + 1;
            break;
        }
    }
    std::vector<tb_token> kept;
    for (size_t i = 0; i < keep; i++) kept.push_back(a->data[order[i]]);
    std::copy(kept.begin(), kept.end(), a->data);
    a->size = kept.size();
    a->sorted = false;
}
