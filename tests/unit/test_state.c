/*
 * test_state.c: a sampler saved and loaded goes on as the one that was saved: random chains, both
 * generators. Bytes that are altered, short, long, or of another chain are refused, and so are those
 * that somebody made with a right checksum; the sampler is then as it was. The bytes are the same on
 * every machine.
 */
#include "random_chain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 300, ROOM = 1 << 16 };

static float logits[4][N];
static unsigned char bytes[ROOM + 8], others[ROOM + 8];

static void assert_same_future(pluck_sampler *a, pluck_sampler *b) {
    for (int step = 0; step < 15; ++step) {
        const pluck_row row = {.logits = logits[step % 4]};
        pluck_draw got = {-1, 0, 0, 0}, want = {-1, 0, 0, 0};
        assert_int_equal(pluck_sample_row(a, &row, &got), pluck_sample_row(b, &row, &want));
        assert_int_equal(got.token, want.token);
        const int32_t token = got.token < 0 ? step : got.token;
        assert_int_equal(pluck_accept(a, token), PLUCK_OK);
        assert_int_equal(pluck_accept(b, token), PLUCK_OK);
    }
}

static pluck_sampler *make(const pluck_config *c, rows_random *r, int32_t n) {
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, c), PLUCK_OK);
    for (int32_t i = 0; i < n; ++i) {
        const pluck_row row = {.logits = logits[i % 4]};
        pluck_draw draw = {-1, 0, 0, 0};
        (void)pluck_sample_row(s, &row, &draw);
        const int32_t token =
            draw.token < 0 || rows_below(r, 2) ? random_chain_token(r, N) : draw.token;
        if (rows_below(r, 3) == 0)
            assert_int_equal(pluck_accept_prompt(s, &token, 1), PLUCK_OK);
        else
            assert_int_equal(pluck_accept(s, token), PLUCK_OK);
    }
    return s;
}

static size_t save(const pluck_sampler *s, unsigned char *to) {
    size_t wanted = 0, size = 0;
    assert_int_equal(pluck_sampler_save(s, NULL, 0, &wanted), PLUCK_OK);
    assert_true(wanted <= ROOM);
    assert_int_equal(pluck_sampler_save(s, to, wanted - 1, &size), PLUCK_ERR_SIZE);
    assert_int_equal(size, wanted);
    to[wanted] = 0x77;
    assert_int_equal(pluck_sampler_save(s, to, wanted, &size), PLUCK_OK);
    assert_int_equal(to[wanted], 0x77);
    return wanted;
}

static void goes_on(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 300; ++seed) {
        random_chain c;
        random_chain_make(&c, seed, N);
        rows_random r = {seed};
        pluck_sampler *s = make(&c.config, &r, (int32_t)rows_below(&r, 90));
        pluck_sampler *t = make(&c.config, &r, (int32_t)rows_below(&r, 30));
        const size_t size = save(s, bytes);
        assert_int_equal(pluck_sampler_load(t, bytes, size, NULL), PLUCK_OK);
        assert_int_equal(save(t, others), size);
        assert_memory_equal(bytes, others, size);
        assert_int_equal(pluck_sampler_seed(t), pluck_sampler_seed(s));
        assert_same_future(s, t);
        pluck_sampler_free(s);
        pluck_sampler_free(t);
    }
}

/* ---- refusals ---- */

static const int32_t KEPT = 8;

static pluck_sampler *victim(pluck_rng_kind rng, uint32_t seed) {
    const pluck_stage stages[] = {with_penalties(KEPT, 1.5f, 0.0f, 0.0f), with_xtc(0.5f, 0.1f, 0),
                                  with_adaptive(0.4f, 0.9f)};
    const pluck_config c = with_chain(N, seed, rng, stages, 3);
    rows_random r = {seed};
    return make(&c, &r, 20);
}

/* Loading fails, changes nothing, and says so. */
static void refuse(pluck_rng_kind rng, size_t size, const char *words) {
    pluck_sampler *s = victim(rng, 9);
    const size_t before = save(s, others);
    pluck_error error = {PLUCK_OK, ""};
    assert_int_equal(pluck_sampler_load(s, bytes, size, &error), PLUCK_ERR_STATE);
    assert_int_equal(error.status, PLUCK_ERR_STATE);
    if (!strstr(error.message, words)) fail_msg("'%s' says nothing of '%s'", error.message, words);
    static unsigned char after[ROOM + 8];
    assert_int_equal(save(s, after), before);
    assert_memory_equal(after, others, before);
    pluck_sampler_free(s);
}

/* The checksum of what was changed, by its definition. */
static void seal(size_t size) {
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    assert_in_range(size, 8, ROOM);
    size_t i = 0;
    for (; i + 8 < size; ++i) sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    for (; i < size && i < ROOM; ++i, sum >>= 8) bytes[i] = (unsigned char)sum;
}

static void altered(void **state) {
    (void)state;
    pluck_sampler *s = victim(PLUCK_RNG_PHILOX, 4);
    const size_t size = save(s, bytes);
    for (size_t i = 0; i < size; ++i)
        for (int bit = 0; bit < 8; bit += 3) {
            bytes[i] ^= (unsigned char)(1 << bit);
            refuse(PLUCK_RNG_PHILOX, size, "");
            bytes[i] ^= (unsigned char)(1 << bit);
        }
    for (size_t n = 0; n < size; ++n) refuse(PLUCK_RNG_PHILOX, n, "");
    bytes[40] ^= 1; /* another token */
    refuse(PLUCK_RNG_PHILOX, size, "checksum");
    bytes[size] = 0;
    refuse(PLUCK_RNG_PHILOX, size + 1, "checksum");
    seal(size + 4);
    refuse(PLUCK_RNG_PHILOX, size + 4, "longer");
    seal(size - 4);
    refuse(PLUCK_RNG_PHILOX, size - 4, "shorter");
    pluck_sampler_free(s);
}

static void put_32(size_t at, uint32_t value) {
    for (size_t i = 0; i < 4; ++i) bytes[at + i] = (unsigned char)(value >> 8 * i);
}

/* Each number that must be in a range, beyond it, under a right checksum. */
static void forged(void **state) {
    (void)state;
    /* head 24; penalties: kind, parts, capacity, size, 8 tokens; xtc: kind, parts, position ... */
    const struct {
        size_t at;
        uint32_t value;
        const char *words;
    } cases[] = {
        {0, 0x12345678, "not the bytes of a sampler"},
        {4, 2, "version 2; this library reads 1"},
        {8, N + 1, "for 301 tokens, the sampler for 300"},
        {12, 0, "generator 0, the sampler of 1"},
        {20, 2, "2 enabled stages, the sampler 3"},
        {24, PLUCK_STAGE_DRY, "stage 0 is not one of penalties"},
        {28, 3, "stage 0"},
        {32, 7, "stage 0"},
        {36, 9, "stage 0"},
        {36, 0xffffffff, "stage 0"},
        {40, N, "stage 0"},
        {72, PLUCK_STAGE_DIST, "stage 1 is not one of xtc"},
        {96, PLUCK_STAGE_DIST, "stage 2 is not one of adaptive_p"},
        {124, 0x7ff80000, "stage 2"}, /* mu is NaN */
        {152, N, "stage 2"},          /* the pending token */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        pluck_sampler *s = victim(PLUCK_RNG_PHILOX, 4);
        const size_t size = save(s, bytes);
        assert_int_equal(size, 164);
        put_32(cases[i].at, cases[i].value);
        seal(size);
        refuse(PLUCK_RNG_PHILOX, size, cases[i].words);
        pluck_sampler_free(s);
    }
    pluck_sampler *s = victim(PLUCK_RNG_MT19937, 4);
    const size_t size = save(s, bytes);
    put_32(88, 624); /* the place of the next word */
    seal(size);
    refuse(PLUCK_RNG_MT19937, size, "stage 1");
    pluck_sampler_free(s);
}

static void nulls(void **state) {
    (void)state;
    pluck_sampler *s = victim(PLUCK_RNG_PHILOX, 4);
    size_t size;
    pluck_error error;
    assert_int_equal(pluck_sampler_save(NULL, bytes, ROOM, &size), PLUCK_ERR_NULL);
    assert_int_equal(pluck_sampler_save(s, bytes, ROOM, NULL), PLUCK_ERR_NULL);
    assert_int_equal(pluck_sampler_load(NULL, bytes, 9, &error), PLUCK_ERR_NULL);
    assert_string_equal(error.message, "the sampler is NULL");
    assert_int_equal(pluck_sampler_load(s, NULL, 9, &error), PLUCK_ERR_NULL);
    assert_string_equal(error.message, "bytes is NULL");
    pluck_sampler_free(s);
}

/* A loaded sampler can be rewound from there on, and no further. */
static void rewinding(void **state) {
    (void)state;
    const pluck_stage stages[] = {with_penalties(KEPT, 1.5f, 0.0f, 0.0f), with_dist()};
    pluck_config c = with_chain(N, 5, PLUCK_RNG_MT19937, stages, 2);
    c.max_rewind = 4;
    rows_random r = {1};
    pluck_sampler *s = make(&c, &r, 20), *t = make(&c, &r, 10);
    const size_t size = save(s, bytes);
    assert_int_equal(pluck_sampler_load(t, bytes, size, NULL), PLUCK_OK);
    assert_int_equal(pluck_sampler_rewind(t, 1), PLUCK_ERR_REWIND);
    assert_int_equal(pluck_accept(t, 3), PLUCK_OK);
    assert_int_equal(pluck_sampler_rewind(t, 1), PLUCK_OK);
    assert_same_future(s, t);
    pluck_sampler_free(s);
    pluck_sampler_free(t);
}

/* The bytes themselves, of a state that no arithmetic has a part in. */
static void the_format(void **state) {
    (void)state;
    const pluck_stage stages[] = {with_penalties(4, 1.5f, 0.0f, 0.0f), with_dist()};
    const pluck_config c = with_chain(1000, 7, PLUCK_RNG_PHILOX, stages, 2);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &c), PLUCK_OK);
    for (int32_t i = 0; i < 6; ++i) assert_int_equal(pluck_accept(s, 100 * i + 1), PLUCK_OK);
    assert_int_equal(pluck_sampler_seek(s, 258), PLUCK_OK);
    static const unsigned char want[] = {
        'P', 'L', 'K', 'S', 1,    0, 0, 0, 0xe8, 3, 0, 0, 1,    0, 0, 0,
        7,   0,   0,   0,   2,    0, 0, 0,                               /* head */
        2,   0,   0,   0,   2,    0, 0, 0, 4,    0, 0, 0, 4,    0, 0, 0, /* penalties */
        201, 0,   0,   0,   0x2d, 1, 0, 0, 0x91, 1, 0, 0, 0xf5, 1, 0, 0, /* its tokens */
        14,  0,   0,   0,   1,    0, 0, 0, 2,    1, 0, 0, 0,    0, 0, 0,
        7,   0,   0,   0,   0,    0, 0, 0}; /* dist */
    const size_t size = save(s, bytes);
    assert_int_equal(size, sizeof want + 8);
    assert_memory_equal(bytes, want, sizeof want);
    pluck_sampler_free(s);
}

int main(void) {
    for (int i = 0; i < 4; ++i) rows_fill((rows_kind)(i % 3), (uint64_t)i, logits[i], N);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on),   cmocka_unit_test(altered), cmocka_unit_test(forged),
        cmocka_unit_test(rewinding), cmocka_unit_test(nulls),   cmocka_unit_test(the_format),
    };
    return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
