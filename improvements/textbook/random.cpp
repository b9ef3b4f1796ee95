/*
 * random.cpp: the standard library's generator and its discrete distribution.
 */
#include "textbook.h"

#include <new>
#include <random>

struct tb_random {
    std::mt19937 engine;
};

extern "C" tb_random *tb_random_create(uint32_t seed) {
    return new (std::nothrow) tb_random{std::mt19937(seed)};
}

extern "C" void tb_random_seed(tb_random *r, uint32_t seed) {
    r->engine.seed(seed);
}

extern "C" void tb_random_free(tb_random *r) {
    delete r;
}

extern "C" double tb_random_uniform(tb_random *r) {
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    return uniform(r->engine);
}

/* An iterator over the probabilities of an array, as the distribution needs it. */
struct p_iterator {
    using iterator_category = std::input_iterator_tag;
    using value_type = float;
    using pointer = const float *;
    using reference = const float &;
    using difference_type = ptrdiff_t;

    const tb_token *at;

    bool operator==(const p_iterator &other) const {
        return at == other.at;
    }
    bool operator!=(const p_iterator &other) const {
        return at != other.at;
    }
    const float &operator*() const {
        return at->p;
    }
    p_iterator &operator++() {
        ++at;
        return *this;
    }
};

extern "C" int64_t tb_random_discrete(tb_random *r, const tb_array *a) {
    std::discrete_distribution<int> draw(p_iterator{a->data}, p_iterator{a->data + a->size});
    return draw(r->engine);
}
