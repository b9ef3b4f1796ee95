/*
 * test_history.c: the last n tokens against a plain array of all tokens pushed, with histories of
 * all kinds: few distinct tokens, many, one, all different, and changes between them.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "common.h"
#include "history.h"
#include "radix.h"

enum { PUSHES = 1500, MOST = 512 };

/* Token number i of a kind of history. */
static int32_t token_of(int kind, int32_t i, rows_random *r) {
    switch (kind) {
    case 0:
        return (int32_t)rows_below(r, 3) * 70001;
    case 1:
        return 7; /* one token */
    case 2:
        return i; /* all different */
    case 3:
        return (int32_t)rows_below(r, 151936);
    case 4:
        return i / 200 % 2 ? i : 11; /* all different, then one token, then all different */
    case 5:
        return (int32_t)(i * 4096); /* equal low bits */
    default:
        return INT32_MAX - (int32_t)rows_below(r, 1 + (uint32_t)i / 4);
    }
}

enum { KINDS = 7 };

static int ascending(const void *a, const void *b) {
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* The distinct tokens of a window, ascending, and their counts; returns how many. */
static int32_t reference(const int32_t *window, int32_t n, int32_t *tokens, int32_t *counts) {
    static int32_t sorted[MOST];
    memcpy(sorted, window, (size_t)n * sizeof *window);
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
    int32_t n_distinct = 0;
    for (int32_t i = 0; i < n; i++) {
        if (i == 0 || sorted[i] != sorted[i - 1]) {
            tokens[n_distinct] = sorted[i];
            counts[n_distinct++] = 0;
        }
        counts[n_distinct - 1]++;
    }
    return n_distinct;
}

static void check_window(const history *h, const int32_t *window, int32_t n) {
    static int32_t got[MOST], tokens[MOST], counts[MOST], got_counts[MOST];
    assert_int_equal(h->size, n);
    for (int32_t asked = 0; asked <= n; asked += 1 + asked) {
        pk_history_recent(h, asked, got);
        assert_memory_equal(got, window + n - asked, (size_t)asked * sizeof *got);
        pk_history_reversed(h, asked, got);
        for (int32_t i = 0; i < asked; i++) {
            assert_int_equal(got[i], window[n - 1 - i]);
            assert_int_equal(pk_history_back(h, i), window[n - 1 - i]);
        }
    }
    const int32_t n_distinct = reference(window, n, tokens, counts);
    assert_int_equal(h->n_distinct, n_distinct);
    for (int32_t i = 0; i < n_distinct; i++) {
        assert_int_equal(pk_history_count(h, tokens[i]), counts[i]);
        if (i == 0 || tokens[i - 1] != tokens[i] - 1)
            assert_int_equal(pk_history_count(h, tokens[i] ? tokens[i] - 1 : INT32_MAX - 1), 0);
    }
    if (h->kind == HISTORY_REPEATS) {
        for (int32_t after = 0; after < n; after++) {
            const int32_t place = history_places(h)[history_index(h, after)];
            assert_in_range(place, 0, h->capacity - 1);
            assert_int_equal(history_tokens(h)[place], window[after]);
            assert_int_equal(history_longest(h)[place], -1);
        }
        return;
    }
    for (int32_t i = 0; i < n_distinct; i++)
        assert_int_equal(history_counts(h)[i], pk_history_count(h, history_tokens(h)[i]));
    memcpy(got, history_tokens(h), (size_t)n_distinct * sizeof *got);
    qsort(got, (size_t)n_distinct, sizeof *got, ascending);
    assert_memory_equal(got, tokens, (size_t)n_distinct * sizeof *got);
    pk_history_ascending(h, got, got_counts);
    assert_memory_equal(got, tokens, (size_t)n_distinct * sizeof *got);
    assert_memory_equal(got_counts, counts, (size_t)n_distinct * sizeof *got);
}

/* Pushes token number i since the history was empty; now and then others first, which are taken back
 * again. */
static void push(history *h, int32_t token, int32_t i) {
    enum { MOST_BACK = 12 };
    int32_t dropped[MOST_BACK];
    for (int32_t n = 0; n < i % (MOST_BACK + 1); n++) {
        dropped[n] = h->size == h->capacity ? pk_history_back(h, h->size - 1) : -1;
        pk_history_push(h, n % 3 == 0 ? token : n * 5000 + i % 7);
    }
    for (int32_t n = i % (MOST_BACK + 1); n-- > 0;) pk_history_pop(h, dropped[n]);
    pk_history_push(h, token);
}

static void run_history(int32_t capacity, int kind, history_kind what) {
    const size_t size = pk_history_size(capacity, what, 0);
    guard memory = guard_open(size, true), copy = guard_open(size, true);
    memset(memory.data, 0xa5, size); /* memory need not be zeroed */
    history *h = memory.data;
    pk_history_init(h, capacity, what, 0);
    static int32_t pushed[PUSHES];
    rows_random r = {(uint64_t)(capacity * 10 + kind)};
    int32_t begin = 0;
    for (int32_t i = 0; i < PUSHES; i++) {
        if (rows_below(&r, 700) == 0) {
            pk_history_clear(h);
            begin = i;
        }
        pushed[i] = token_of(kind, i, &r);
        push(h, pushed[i], i - begin);
        if (rows_below(&r, 400) == 0) { /* a history may be moved */
            memcpy(copy.data, h, size);
            memset(h, 0x5a, size);
            const guard held = memory;
            memory = copy;
            copy = held;
            h = memory.data;
        }
        if (i > 40 && rows_below(&r, 20) > 0) continue;
        const int32_t n = i + 1 - begin < capacity ? i + 1 - begin : capacity;
        check_window(h, pushed + i + 1 - n, n);
    }
    guard_close(&memory);
    guard_close(&copy);
}

static void windows(void **state) {
    (void)state;
    const int32_t capacities[] = {1, 2, 3, 7, 8, 9, 64, 100, MOST};
    for (int c = 0; c < 9; c++)
        for (int kind = 0; kind < KINDS; kind++) {
            run_history(capacities[c], kind, HISTORY_COUNTS);
            run_history(capacities[c], kind, HISTORY_REPEATS);
        }
}

/* Counts are also kept by token if the ring has room for a tenth of the vocabulary. */
static void by_token(void **state) {
    (void)state;
    enum { N_VOCAB = 1999 };
    static int32_t pushed[PUSHES], counts[N_VOCAB];
    for (int32_t capacity = N_VOCAB / 10 - 1; capacity <= MOST; capacity += 157) {
        const size_t size = pk_history_size(capacity, HISTORY_COUNTS, N_VOCAB);
        guard memory = guard_open(size, true);
        memset(memory.data, 0xa5, size);
        history *h = memory.data;
        pk_history_init(h, capacity, HISTORY_COUNTS, N_VOCAB);
        assert_int_equal(history_by_token(h) != NULL, capacity >= N_VOCAB / 10);
        rows_random r = {(uint64_t)capacity};
        for (int32_t i = 0, begin = 0; i < PUSHES && history_by_token(h); i++) {
            pushed[i] = (int32_t)rows_below(&r, i % 700 < 350 ? N_VOCAB : 40);
            const int32_t dropped = h->size == capacity ? pk_history_back(h, capacity - 1) : -1;
            pk_history_push(h, (pushed[i] + 1) % N_VOCAB);
            pk_history_pop(h, dropped);
            pk_history_push(h, pushed[i]);
            const int32_t n = i + 1 - begin < capacity ? i + 1 - begin : capacity;
            memset(counts, 0, sizeof counts);
            for (int32_t k = i + 1 - n; k <= i; k++) counts[pushed[k]]++;
            assert_memory_equal(history_by_token(h), counts, sizeof counts);
            assert_int_equal(pk_history_is_dense(h), h->n_distinct > N_VOCAB / 10);
            for (int32_t k = 0; k < GROUP; k++)
                assert_int_equal(history_by_token(h)[N_VOCAB + k], 0);
            if (i % 600 != 599) continue;
            pk_history_clear(h);
            begin = i + 1;
        }
        guard_close(&memory);
    }
}

/* A window of a million tokens uses only as much of its table as it holds tokens; no more is read
 * or cleared. */
static void long_and_empty(void **state) {
    (void)state;
    const int32_t capacity = 1048576;
    history *h = malloc(pk_history_size(capacity, HISTORY_COUNTS, 0));
    assert_non_null(h);
    pk_history_init(h, capacity, HISTORY_COUNTS, 0);
    for (int32_t i = 0; i < 10; i++) pk_history_push(h, i * 1000);
    assert_int_equal(h->n_distinct, 10);
    assert_true(h->slot_bits <= 6);
    for (int32_t i = 0; i < 100000; i++) pk_history_push(h, i);
    assert_in_range(1 << h->slot_bits, 4 * h->n_distinct, 8 * h->n_distinct);
    pk_history_clear(h);
    assert_true(h->slot_bits <= 6);
    assert_int_equal(pk_history_count(h, 1000), 0);
    free(h);
}

typedef struct keyed {
    int32_t key, value;
} keyed;

static int by_key(const void *a, const void *b) {
    const keyed *x = a, *y = b;
    const int order = (x->key > y->key) - (x->key < y->key);
    return order ? order : (x->value > y->value) - (x->value < y->value);
}

/* Against qsort; equal keys keep their order. */
static void radix(void **state) {
    (void)state;
    enum { N = 5000 };
    static int32_t keys[N], values[N], scratch[2 * N];
    static keyed want[N];
    rows_random r = {5};
    const uint32_t ranges[] = {1, 2, 100, 4096, 151936, 16777216, INT32_MAX, UINT32_MAX};
    const int32_t counts[] = {0, 1, 2, 24, 25, 64, 1000, 1023, 1024, N};
    for (int range = 0; range < 8; range++)
        for (int c = 0; c < 10; c++)
            for (int shape = 0; shape < 3; shape++) {
                const int32_t n = counts[c];
                for (int32_t i = 0; i < n; i++) {
                    const uint32_t x = rows_below(&r, ranges[range]);
                    keys[i] = shape == 0 ? (int32_t)x : shape == 1 ? i / 3 : n - i;
                    values[i] = i;
                    want[i] = (keyed){keys[i], i};
                }
                qsort(want, (size_t)n, sizeof *want, by_key);
                static int32_t alone[N], distinct[N];
                memcpy(alone, keys, sizeof keys);
                memcpy(distinct, keys, sizeof keys);
                const int32_t n_distinct = pk_radix_sort_distinct(distinct, n, scratch);
                pk_radix_sort(alone, NULL, n, scratch);
                pk_radix_sort(keys, values, n, scratch);
                for (int32_t i = 0; i < n; i++) {
                    assert_int_equal(alone[i], want[i].key);
                    assert_int_equal(keys[i], want[i].key);
                    assert_int_equal(values[i], want[i].value);
                }
                int32_t at = 0;
                for (int32_t i = 0; i < n; i++)
                    if (i == 0 || want[i].key != want[i - 1].key)
                        assert_int_equal(distinct[at++], want[i].key);
                assert_int_equal(n_distinct, at);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows),
        cmocka_unit_test(by_token),
        cmocka_unit_test(long_and_empty),
        cmocka_unit_test(radix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
