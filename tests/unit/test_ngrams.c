/*
 * test_ngrams.c: the n-grams of a history against a search of the whole window: random texts, texts
 * that repeat and texts that do not, windows of all sizes, tokens taken back at both ends; and texts
 * made so that everything hashes alike if only the end of a context were hashed.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "ngrams.h"

enum { MOST = 700, TOKENS = 5000 };

static int32_t text[TOKENS];

static int ascending(const void *a, const void *b) {
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* What followed the last size - 1 tokens of a window of n before, ascending, each once. */
static int32_t reference(const int32_t *window, int32_t n, int32_t size, int32_t *tokens) {
    int32_t found = 0;
    for (int32_t from = 0; from + size <= n; from++) {
        const int32_t *end = window + n - (size - 1);
        if (memcmp(window + from, end, (size_t)(size - 1) * sizeof *window) != 0) continue;
        const int32_t token = window[from + size - 1];
        int32_t i = 0;
        while (i < found && tokens[i] != token) i++;
        if (i == found) tokens[found++] = token;
    }
    qsort(tokens, (size_t)found, sizeof *tokens, ascending);
    return found;
}

static int32_t distinct(const int32_t *window, int32_t n, int32_t size) {
    int32_t found = 0;
    for (int32_t from = 0; from + size <= n; from++) {
        int32_t earlier = 0;
        while (earlier < from &&
               memcmp(window + earlier, window + from, (size_t)size * sizeof *window) != 0)
            earlier++;
        found += earlier == from;
    }
    return found;
}

static void check_window(const history *h, int32_t n, int32_t size, bool count) {
    static int32_t got[MOST], want[MOST];
    const int32_t held = n < h->capacity ? n : h->capacity;
    const int32_t *window = text + n - held;
    assert_int_equal(h->size, held);
    const int32_t n_got = pk_ngrams_following(h, got);
    qsort(got, (size_t)n_got, sizeof *got, ascending);
    assert_int_equal(n_got, reference(window, held, size, want));
    assert_memory_equal(got, want, (size_t)n_got * sizeof *got);
    if (count) assert_int_equal(h->n_distinct, distinct(window, held, size));
}

/* Pushes tokens, takes back up to `most` now and then. */
static void run_history(int32_t capacity, int32_t size, int32_t n_tokens, int32_t most,
                        int32_t (*token)(rows_random *r, int32_t i), uint64_t seed) {
    rows_random r = {seed};
    const size_t bytes = pk_history_size(capacity, HISTORY_NGRAMS, 0);
    guard memory = guard_open(bytes, true);
    history *h = memory.data;
    memset(h, 0xa5, bytes);
    pk_history_init(h, capacity, HISTORY_NGRAMS, 0);
    pk_history_set_ngram(h, size);
    int32_t n = 0, room = 0;
    for (int32_t step = 0; step < n_tokens; step++) {
        if (most > 0 && rows_below(&r, 6) == 0) {
            const int32_t back = (int32_t)rows_below(&r, (uint32_t)(room < most ? room : most) + 1);
            for (int32_t k = 0; k < back; k++, n--)
                pk_history_pop(h, n > capacity ? text[n - 1 - capacity] : -1);
            room -= back;
        } else {
            text[n] = token(&r, n);
            n++;
            pk_history_push(h, text[n - 1]);
            room++;
        }
        check_window(h, n, size, capacity <= 64 && step % 4 == 0);
        if (step == n_tokens / 2 && seed % 3 == 0) {
            pk_history_clear(h);
            n = room = 0;
        }
    }
    guard_close(&memory);
}

static int32_t few(rows_random *r, int32_t i) {
    (void)i;
    return (int32_t)rows_below(r, 3);
}

static int32_t many(rows_random *r, int32_t i) {
    (void)i;
    return (int32_t)rows_below(r, 40) * 4096;
}

static int32_t one(rows_random *r, int32_t i) {
    (void)r;
    (void)i;
    return 7;
}

static int32_t all_different(rows_random *r, int32_t i) {
    (void)r;
    return i;
}

/* Mostly zeros: contexts differ far from their ends. */
static int32_t sparse(rows_random *r, int32_t i) {
    (void)i;
    return rows_below(r, 90) == 0;
}

/* Thue-Morse, for which polynomials in any factor agree once the powers of two run out. */
static int32_t thue_morse(rows_random *r, int32_t i) {
    (void)r;
    int32_t ones = 0;
    for (; i > 0; i /= 2) ones ^= i & 1;
    return ones;
}

static int32_t (*const texts[])(rows_random *r, int32_t i) = {few,           many,   one,
                                                              all_different, sparse, thue_morse};

static void small_windows(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        rows_random r = {seed * 77};
        const int32_t capacity = 1 + (int32_t)rows_below(&r, 40);
        run_history(capacity, 1 + (int32_t)rows_below(&r, 6), 300, 50, texts[seed % 6], seed);
    }
}

static void long_ngrams(void **state) {
    (void)state;
    for (int kind = 0; kind < 6; kind++) {
        run_history(600, 100, 1400, 90, texts[kind], 5);
        run_history(MOST, 260, 1200, 20, texts[kind], 6);
        run_history(90, 90, 300, 90, texts[kind], 7);
        run_history(50, 51, 200, 20, texts[kind], 8);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_windows),
        cmocka_unit_test(long_ngrams),
    };
    return cmocka_run_group_tests_name("ngrams", tests, NULL, NULL);
}
