/*
 * history.cpp: repetition penalties and DRY, with a lookup in a hash map for every candidate.
 */
#include "textbook.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <unordered_map>
#include <vector>

/* The last n tokens in a ring, which finds its places with a division. */
struct ring {
    std::vector<int32_t> data;
    size_t first = 0;
    size_t size = 0;

    explicit ring(size_t capacity) : data(capacity) {
    }
    void push(int32_t token) {
        const size_t capacity = data.size();
        data[(first + size) % capacity] = token;
        if (size == capacity) {
            first = (first + 1) % capacity;
        } else {
            size++;
        }
    }
    int32_t oldest() const {
        return data[first];
    }
    /* The token i places before the newest one. */
    int32_t back(size_t i) const {
        return data[(first + size - i - 1) % data.size()];
    }
    void clear() {
        first = size = 0;
    }
};

struct tb_ring {
    ring tokens;
};

extern "C" tb_ring *tb_ring_create(int32_t capacity) {
    return new (std::nothrow) tb_ring{ring(size_t(capacity))};
}

extern "C" void tb_ring_free(tb_ring *r) {
    delete r;
}

extern "C" void tb_ring_push(tb_ring *r, int32_t token) {
    r->tokens.push(token);
}

extern "C" int32_t tb_ring_read(const tb_ring *r, int32_t *tokens) {
    const size_t n = r->tokens.size;
    for (size_t i = 0; i < n; i++) tokens[i] = r->tokens.back(n - 1 - i);
    return int32_t(n);
}

extern "C" void tb_ring_reset(tb_ring *r) {
    r->tokens.clear();
}

struct tb_penalties {
    size_t last_n;
    float repeat, freq, present;
    ring history;
    std::unordered_map<int32_t, int> count;
};

extern "C" tb_penalties *tb_penalties_create(int32_t last_n, float repeat, float freq,
                                             float present) {
    return new (std::nothrow)
        tb_penalties{size_t(last_n), repeat, freq, present, ring(size_t(last_n)), {}};
}

extern "C" void tb_penalties_free(tb_penalties *p) {
    delete p;
}

extern "C" void tb_penalties_accept(tb_penalties *p, int32_t token) {
    p->count[token]++;
    if (p->history.size >= p->last_n) {
        const int32_t old = p->history.oldest();
        if (--p->count[old] == 0) p->count.erase(old);
    }
    p->history.push(token);
}

extern "C" void tb_penalties_reset(tb_penalties *p) {
    p->history.clear();
    p->count.clear();
}

extern "C" void tb_penalties_apply(tb_penalties *p, tb_array *a) {
    for (size_t i = 0; i < a->size; i++) {
        const auto found = p->count.find(a->data[i].id);
        if (found == p->count.end()) continue;
        float &logit = a->data[i].logit;
        if (logit <= 0) {
            logit *= p->repeat;
        } else {
            logit /= p->repeat;
        }
        logit -= float(found->second) * p->freq + p->present;
    }
    a->sorted = false;
}

struct tb_dry {
    float multiplier, base;
    int allowed_length, last_n;
    ring history;
    std::unordered_multimap<int32_t, std::vector<int32_t>> breakers; /* head: tail */
    std::vector<int> repeats;                                        /* by place, oldest first */
    std::unordered_map<int32_t, int> longest; /* by the token that would extend the repeat */
};

extern "C" tb_dry *tb_dry_create(float multiplier, float base, int32_t allowed_length,
                                 int32_t last_n, const tb_breaker *breakers, int32_t n_breakers) {
    auto *d = new (std::nothrow)
        tb_dry{multiplier, base, allowed_length, last_n, ring(size_t(last_n)), {}, {}, {}};
    for (int32_t i = 0; d != nullptr && i < n_breakers; i++) {
        const int32_t *t = breakers[i].tokens;
        d->breakers.emplace(t[0], std::vector<int32_t>(t + 1, t + breakers[i].n_tokens));
    }
    return d;
}

extern "C" void tb_dry_free(tb_dry *d) {
    delete d;
}

extern "C" void tb_dry_accept(tb_dry *d, int32_t token) {
    d->history.push(token);
}

/* How far back a repeat may reach: to the nearest breaker. */
static int breaker_limit(const tb_dry *d, int n) {
    for (int i = 0; i < n; i++) {
        const auto range = d->breakers.equal_range(d->history.back(i));
        int longest = -1;
        for (auto it = range.first; it != range.second; ++it) {
            const auto &tail = it->second;
            const int length = int(tail.size());
            if (length <= longest || length > i) continue;
            bool match = true;
            for (int t = 0; t < length && match; t++) {
                match = tail[t] == d->history.back(i - t - 1);
            }
            if (match) longest = length;
        }
        if (longest >= 0) return i - longest;
    }
    return n;
}

/* The Z-algorithm from the newest token backwards. */
static void find_repeats(tb_dry *d, int n, int limit) {
    const int last = n - 1;
    int left = 0;
    int right = 0;
    for (int k = 1; k < n; k++) {
        if (k > right) {
            int length = 0;
            while (length + k < n && d->history.back(length) == d->history.back(length + k)) {
                length++;
            }
            d->repeats[last - k] = std::min(length, limit);
            if (length > 0) {
                left = k;
                right = k + length - 1;
            }
            continue;
        }
        const int mirror = d->repeats[last - (k - left)];
        if (mirror < right - k + 1) {
            d->repeats[last - k] = std::min(mirror, limit);
            continue;
        }
        int i = right + 1;
        while (i < n && d->history.back(i) == d->history.back(i - k)) i++;
        d->repeats[last - k] = std::min(i - k, limit);
        left = k;
        right = i - 1;
    }
}

static bool breaks_alone(const tb_dry *d, int32_t token) {
    const auto range = d->breakers.equal_range(token);
    return std::any_of(range.first, range.second, [](const auto &b) { return b.second.empty(); });
}

extern "C" void tb_dry_apply(tb_dry *d, tb_array *a) {
    const int n = std::min(int(d->history.size), d->last_n);
    if (n <= d->allowed_length) return;
    d->repeats.assign(n, 0);
    d->longest.clear();
    const int limit = breaker_limit(d, n);
    if (limit < d->allowed_length) return;
    find_repeats(d, n, limit);
    for (int i = 0; i < n - 1; i++) {
        if (d->repeats[i] < d->allowed_length) continue;
        const int32_t token = d->history.back(n - 2 - i);
        const auto found = d->longest.find(token);
        if (found == d->longest.end() || found->second < d->repeats[i]) {
            d->longest[token] = d->repeats[i];
        }
    }

    const int max_exponent = d->base > 1.000001f ? int(88.7228391f / std::log(d->base)) : 0;
    for (size_t i = 0; i < a->size; i++) {
        const auto found = d->longest.find(a->data[i].id);
        if (found == d->longest.end() || breaks_alone(d, a->data[i].id)) continue;
        int exponent = found->second - d->allowed_length;
        if (max_exponent > 0) exponent = std::min(exponent, max_exponent);
        a->data[i].logit -= float(d->multiplier * std::pow(d->base, exponent));
    }
    a->sorted = false;
}
