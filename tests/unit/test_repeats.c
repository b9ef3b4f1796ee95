/*
 * test_repeats.c: what DRY would penalise, kept up to date or computed at once, against the
 * oracle's quadratic search; and the index of breakers, against a comparison at each position.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "dry_repeats.h"
#include "oracle/oracle_history.h"
#include "pluck_blocks.h"
#include "radix.h"
#include "suffixes.h"

enum { VOCAB = 400, LONGEST = 130, MOST_BREAKERS = 12 };

typedef struct breaker_set {
    pluck_token_sequence sequences[MOST_BREAKERS];
    int32_t tokens[MOST_BREAKERS][PLUCK_MAX_BREAKER];
    int32_t n;
} breaker_set;

/* Breakers over `letters` tokens, some of which begin, end or contain others. */
static void draw_breakers(breaker_set *b, rows_random *r, uint32_t letters, uint32_t most) {
    b->n = (int32_t)rows_below(r, most + 1);
    for (int32_t i = 0; i < b->n; i++) {
        int32_t n = 1 + (int32_t)rows_below(r, rows_below(r, 20) ? 4 : PLUCK_MAX_BREAKER);
        const bool repeat = rows_below(r, 3) == 0; /* a a a .. b: it overlaps itself often */
        for (int32_t k = 0; k < n; k++)
            b->tokens[i][k] =
                repeat && k > 0 && k + 1 < n ? b->tokens[i][0] : (int32_t)rows_below(r, letters);
        if (i > 0 && rows_below(r, 3) == 0) { /* the end of another */
            const pluck_token_sequence *other = &b->sequences[i - 1];
            n = 1 + (int32_t)rows_below(r, (uint32_t)other->n_tokens);
            memcpy(b->tokens[i], other->tokens + other->n_tokens - n, (size_t)n * sizeof(int32_t));
        }
        b->sequences[i] = (pluck_token_sequence){b->tokens[i], n};
    }
}

static breakers *make_index(const breaker_set *b, guard *memory) {
    *memory = guard_open(pk_breakers_size(b->sequences, b->n), true);
    memset(memory->data, 0xa5, pk_breakers_size(b->sequences, b->n));
    return pk_breakers_make(memory->data, b->sequences, b->n);
}

/* ---- breakers ---- */

/* The number of tokens after the last breaker, by comparing each breaker at each position. */
static int32_t reach(const breaker_set *b, const int32_t *reversed, int32_t n) {
    for (int32_t back = 0; back < n; back++) {
        int32_t longest = 0;
        for (int32_t i = 0; i < b->n; i++) {
            const pluck_token_sequence *s = &b->sequences[i];
            bool same = s->n_tokens <= back + 1;
            for (int32_t k = 0; same && k < s->n_tokens; k++)
                same = s->tokens[k] == reversed[back - k];
            if (same && s->n_tokens > longest) longest = s->n_tokens;
        }
        if (longest > 0) return back + 1 - longest;
    }
    return n;
}

static void last_breaker(void **state) {
    (void)state;
    static breaker_set b;
    int32_t found = 0;
    for (uint64_t seed = 0; seed < 4000; seed++) {
        rows_random r = {seed};
        const uint32_t letters = 2 + rows_below(&r, 6);
        draw_breakers(&b, &r, letters, MOST_BREAKERS);
        int32_t newest_last[LONGEST], reversed[LONGEST], places[LONGEST], links[LONGEST];
        const int32_t n = 1 + (int32_t)rows_below(&r, LONGEST);
        for (int32_t i = 0; i < n; i++) reversed[i] = (int32_t)rows_below(&r, letters + 4);
        for (int32_t i = 0; i < n; i++) newest_last[n - 1 - i] = reversed[i];
        const int32_t want = reach(&b, reversed, n);
        found += want < n;
        guard memory;
        const breakers *index = make_index(&b, &memory);
        breaker_search search = {0, 0};
        bool done = false;
        for (int32_t i = 0; i < n && !done;) { /* in pieces */
            const int32_t part = 1 + (int32_t)rows_below(&r, (uint32_t)(n - i));
            done = pk_breakers_find(index, &search, newest_last + n - 1 - i, part);
            i += part;
        }
        assert_int_equal(done, want < n);
        assert_int_equal(search.limit, want);
        assert_int_equal(pk_breakers_limit_once(b.sequences, b.n, reversed, n, places, links),
                         want);
        for (int32_t token = 0; token < (int32_t)letters + 4; token++) {
            bool single = false;
            for (int32_t i = 0; i < b.n; i++)
                single |= b.sequences[i].n_tokens == 1 && b.tokens[i][0] == token;
            assert_int_equal(pk_breakers_single(index, token), single);
        }
        guard_close(&memory);
    }
    assert_true(found > 1000);
}

/* As many breakers as llama.cpp's defaults make, with tails of every length. */
static void many_breakers(void **state) {
    (void)state;
    enum { N = 6000 };
    static pluck_token_sequence sequences[N];
    static int32_t tokens[N][3];
    for (int32_t i = 0; i < N; i++) {
        for (int k = 0; k < 3; k++) tokens[i][k] = 2 * (i + 7 * k);
        sequences[i] = (pluck_token_sequence){tokens[i], 1 + i % 3};
    }
    void *memory = malloc(pk_breakers_size(sequences, N));
    assert_non_null(memory);
    const breakers *index = pk_breakers_make(memory, sequences, N);
    for (int32_t token = 0; token < 2 * N + 100; token++)
        assert_int_equal(pk_breakers_single(index, token),
                         token % 2 == 0 && token / 2 < N && token / 2 % 3 == 0);
    for (int32_t i = 0; i < N; i++) {
        const int32_t n = sequences[i].n_tokens;
        if (n == 1) continue;
        int32_t window[8] = {1, 1, 1};
        memcpy(window + 3, tokens[i], sizeof tokens[i]);
        window[3 + n] = 3;
        breaker_search search = {0, 0};
        const bool found = pk_breakers_find(index, &search, window + 3 + n, 4 + n);
        /* One of its tokens may be a breaker by itself. */
        int32_t want = 4 + n;
        for (int32_t k = 0; k < n; k++)
            if (tokens[i][k] / 2 < N && tokens[i][k] / 2 % 3 == 0 && n - k < want) want = n - k;
        if (want == 4 + n) want = 1;
        assert_true(found);
        assert_int_equal(search.limit, want);
    }
    free(memory);
}

/* ---- lengths of suffixes ---- */

static void suffixes(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        rows_random r = {seed};
        const int32_t n = 1 + (int32_t)rows_below(&r, LONGEST);
        const uint32_t letters = 1 + rows_below(&r, 4), period = 1 + rows_below(&r, 9);
        guard s = guard_open((size_t)n * sizeof(int32_t), true);
        guard z = guard_open((size_t)n * sizeof(int32_t), true);
        int32_t *tokens = s.data, *lengths = z.data;
        for (int32_t i = 0; i < n; i++)
            tokens[i] = seed % 2 && i >= (int32_t)period && rows_below(&r, 30)
                            ? tokens[i - (int32_t)period]
                            : (int32_t)rows_below(&r, letters);
        lengths[0] = 12345;
        pk_suffix_lengths(tokens, n, lengths);
        assert_int_equal(lengths[0], 12345);
        for (int32_t i = 1; i < n; i++) {
            int32_t length = 0;
            while (i + length < n && tokens[length] == tokens[i + length]) length++;
            assert_int_equal(lengths[i], length);
        }
        guard_close(&s);
        guard_close(&z);
    }
}

/* ---- repeats ---- */

/* Tokens and lengths must equal the oracle's; tokens ascend. */
static void check_repeats(const int32_t *want, bool any, const int32_t *tokens,
                          const int32_t *lengths, int32_t n) {
    int32_t at = 0;
    for (int32_t t = 0; any && t < VOCAB; t++) {
        if (want[t] < 0) continue;
        assert_true(at < n);
        assert_int_equal(tokens[at], t);
        assert_int_equal(lengths[at], want[t]);
        at++;
    }
    assert_int_equal(at, n);
}

/* The next letter of a history that often repeats itself. */
static int32_t next_token(const oracle_history *h, rows_random *r, uint32_t letters) {
    if (h->n > 10 && rows_below(r, 4) > 0) {
        const int32_t back = 1 + (int32_t)rows_below(r, 9);
        if (rows_below(r, 6) > 0) return h->tokens[h->n - 1 - (h->n + back) % 7];
        return h->tokens[h->n - back];
    }
    return (int32_t)rows_below(r, letters);
}

static void run_repeats(uint64_t seed, int64_t *n_found) {
    static breaker_set b;
    rows_random r = {seed};
    const uint32_t letters = rows_below(&r, 4) == 0 ? VOCAB : 1 + rows_below(&r, 12);
    draw_breakers(&b, &r, rows_below(&r, 2) ? VOCAB : letters, rows_below(&r, 3) ? 3 : 0);
    const pluck_stage_dry p = {.multiplier = 1.0f,
                               .base = 1.75f,
                               .allowed_length = (int32_t)rows_below(&r, 4),
                               .last_n = 1 + (int32_t)rows_below(&r, LONGEST - 1),
                               .breakers = b.sequences,
                               .n_breakers = b.n};
    guard index_memory;
    const breakers *index = make_index(&b, &index_memory);
    const size_t n = (size_t)p.last_n, bytes = n * sizeof(int32_t);
    guard memory = guard_open(pk_history_size(p.last_n, HISTORY_REPEATS, 0), true);
    guard tokens = guard_open(bytes, true), lengths = guard_open(bytes, true);
    guard scratch = guard_open(2 * bytes, true);
    history *h = memory.data;
    memset(h, 0xa5, pk_history_size(p.last_n, HISTORY_REPEATS, 0));
    pk_history_init(h, p.last_n, HISTORY_REPEATS, 0);
    oracle_history all = {0};
    for (int step = 0; step < 60; step++) {
        if (rows_below(&r, 25) == 0) {
            pk_history_clear(h);
            oracle_history_free(&all);
        }
        const uint32_t pushes = rows_below(&r, 3) ? 1 : rows_below(&r, 25);
        for (uint32_t i = 0; i < pushes; i++) {
            const int32_t token = next_token(&all, &r, letters);
            assert_true(oracle_history_push(&all, token, false));
            pk_history_push(h, token);
        }
        int32_t want[VOCAB];
        const bool any = oracle_history_repeats(&all, &p, VOCAB, want);
        int32_t found = pk_dry_repeats(&p, index, h, tokens.data, lengths.data);
        pk_radix_sort(tokens.data, lengths.data, found, scratch.data);
        check_repeats(want, any, tokens.data, lengths.data, found);
        *n_found += found;
        if (h->size == 0) continue;
        const int32_t *window = all.tokens + all.n - h->size;
        found = pluck_dry_repeats(window, h->size, &p, scratch.data, tokens.data, lengths.data);
        check_repeats(want, any, tokens.data, lengths.data, found);
    }
    oracle_history_free(&all);
    guard_close(&index_memory);
    guard_close(&memory);
    guard_close(&tokens);
    guard_close(&lengths);
    guard_close(&scratch);
}

static void against_oracle(void **state) {
    (void)state;
    int64_t found = 0;
    for (uint64_t seed = 0; seed < 1500; seed++) run_repeats(seed, &found);
    assert_true(found > 100000);
}

/* If a history repeats one token, lengths are limited by the window, however long it is. */
static void one_token_for_ever(void **state) {
    (void)state;
    enum { N = 50 };
    const pluck_stage_dry p = {.multiplier = 1.0f, .base = 2.0f, .last_n = N};
    const breaker_set none = {.n = 0};
    guard index_memory;
    const breakers *index = make_index(&none, &index_memory);
    history *h = malloc(pk_history_size(N, HISTORY_REPEATS, 0));
    assert_non_null(h);
    pk_history_init(h, N, HISTORY_REPEATS, 0);
    int32_t tokens[N], lengths[N];
    for (int32_t i = 0; i < 4 * N; i++) {
        pk_history_push(h, 3);
        const int32_t n = pk_dry_repeats(&p, index, h, tokens, lengths);
        assert_int_equal(n, i > 0);
        if (n == 0) continue;
        assert_int_equal(tokens[0], 3);
        assert_int_equal(lengths[0], i < N ? i : N - 1);
        for (int32_t lag = 1; lag < h->size; lag++) assert_true(history_lags(h)[lag] <= N);
    }
    free(h);
    guard_close(&index_memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_breaker),       cmocka_unit_test(many_breakers),
        cmocka_unit_test(suffixes),           cmocka_unit_test(against_oracle),
        cmocka_unit_test(one_token_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
