/*
 * test_shard_errors.c: what shards refuse: configs, requests, and messages that were altered or cut
 * off, are of another version, vocabulary, chain, state or request, or whose slices overlap or leave
 * tokens out. The reason is named; sampler and outcome stay as they were.
 */
#include "ranks.h"
#include "shard.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 5000, RANKS = 3, ROOM = 1 << 16 };

static float logits[N];

/* Ranks of a chain that needs a question of each kind, and what is to stay as it was. */
typedef struct scene {
    ranks all;
    unsigned char before[ROOM], after[ROOM];
    unsigned char *sound; /* the messages as they were written */
} scene;

static const pluck_stage TOP[] = {{.kind = PLUCK_STAGE_TOP_K, .as.top_k = {20}},
                                  {.kind = PLUCK_STAGE_DIST, .as.dist = {PLUCK_SEED_RANDOM}}};
static const pluck_stage NUCLEUS[] = {{.kind = PLUCK_STAGE_TOP_P, .as.top_p = {0.9f, 0}},
                                      {.kind = PLUCK_STAGE_DIST, .as.dist = {PLUCK_SEED_RANDOM}}};
static const pluck_stage DRAW[] = {{.kind = PLUCK_STAGE_DIST, .as.dist = {PLUCK_SEED_RANDOM}}};
static const pluck_stage WHOLE[] = {{.kind = PLUCK_STAGE_TYPICAL, .as.typical = {0.9f, 0}},
                                    {.kind = PLUCK_STAGE_DIST, .as.dist = {PLUCK_SEED_RANDOM}}};

static size_t save(const pluck_sampler *s, unsigned char *bytes) {
    size_t size = 0;
    assert_int_equal(pluck_sampler_save(s, bytes, ROOM, &size), PLUCK_OK);
    return size;
}

static void open_scene(scene *s, const pluck_stage *stages, int32_t n_stages, int round) {
    const pluck_config config = with_chain(N, 5, PLUCK_RNG_MT19937, stages, n_stages);
    rows_random r = {2};
    rows_fill(ROWS_PEAKED, 8, logits, N);
    const pluck_row row = {.logits = logits};
    ranks_open(&s->all, &config, RANKS, 64, &r);
    for (int32_t i = 0; i < RANKS; ++i) assert_true(s->all.configs[i].n > 0);
    ranks_set_row(&s->all, &row);
    ranks_begin(&s->all, PLUCK_DTYPE_F32, false);
    ranks_write(&s->all);
    for (; round > 1; --round) {
        pluck_shard_outcome out;
        assert_int_equal(pluck_shard_merge(s->all.shards[0], s->all.samplers[0], &s->all.request,
                                           s->all.messages, s->all.size, RANKS, &out, NULL),
                         PLUCK_OK);
        assert_false(out.done);
        s->all.request = out.next;
        ranks_write(&s->all);
    }
    s->sound = malloc(s->all.size * RANKS);
    assert_non_null(s->sound);
    memcpy(s->sound, s->all.messages, s->all.size * RANKS);
}

static void close_scene(scene *s) {
    free(s->sound);
    ranks_close(&s->all);
}

/* Merging fails with the status, says why, and changes nothing. */
static void refuse(scene *s, size_t stride, int32_t n, pluck_status want, const char *words) {
    pluck_sampler *sampler = s->all.samplers[0];
    const size_t size = save(sampler, s->before);
    pluck_shard_outcome out = {.done = true, .draw = {.token = 77}};
    pluck_error error = {PLUCK_OK, ""};
    const pluck_status got = pluck_shard_merge(s->all.shards[0], sampler, &s->all.request,
                                               s->all.messages, stride, n, &out, &error);
    if (got != want)
        fail_msg("%s (%s), not %s: '%s'", pluck_status_name(got), error.message,
                 pluck_status_name(want), words);
    assert_int_equal(error.status, want);
    if (!strstr(error.message, words)) fail_msg("'%s' says nothing of '%s'", error.message, words);
    assert_true(out.done && out.draw.token == 77);
    assert_int_equal(save(sampler, s->after), size);
    assert_memory_equal(s->before, s->after, size);
    memcpy(s->all.messages, s->sound, s->all.size * RANKS);
}

static void refuse_messages(scene *s, const char *words) {
    refuse(s, s->all.size, RANKS, PLUCK_ERR_SHARD, words);
}

static unsigned char *message(scene *s, int i) {
    return s->all.messages + (size_t)i * s->all.size;
}

/* Makes a checksum right again. */
static void seal(scene *s, int i) {
    const shard_layout l = {.sum = s->all.size - 8};
    pk_shard_seal(message(s, i), &l);
}

/* ---- bytes ---- */

static void altered(void **state) {
    (void)state;
    static const struct {
        const pluck_stage *stages;
        int32_t n;
        int round;
    } cases[] = {{TOP, 2, 1}, {NUCLEUS, 2, 1}, {DRAW, 1, 1}, {DRAW, 1, 2}, {WHOLE, 2, 1}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; ++c) {
        scene s;
        open_scene(&s, cases[c].stages, cases[c].n, cases[c].round);
        /* Every byte of the head and the end, and some of the rest. */
        for (size_t i = 0; i < s.all.size; i += i < 120 || i + 40 > s.all.size ? 1 : 97)
            for (int bit = 0; bit < 8; bit += 3) {
                message(&s, 1)[i] ^= (unsigned char)(1 << bit);
                refuse_messages(&s, "message 1");
            }
        close_scene(&s);
    }
}

static void cut_off(void **state) {
    (void)state;
    scene s;
    open_scene(&s, TOP, 2, 1);
    refuse(&s, s.all.size - 1, RANKS, PLUCK_ERR_SIZE, "stride is");
    refuse(&s, s.all.size, 0, PLUCK_ERR_SIZE, "n_messages is 0");
    refuse(&s, s.all.size, PLUCK_MAX_SHARDS + 1, PLUCK_ERR_SIZE, "n_messages is 1025");
    /* The end is missing. */
    memset(message(&s, 2) + s.all.size / 2, 0, s.all.size / 2);
    refuse_messages(&s, "message 2 was altered or cut off");
    memset(message(&s, 0), 0, s.all.size);
    refuse_messages(&s, "message 0 is not one of a shard");
    close_scene(&s);
}

static void of_another(void **state) {
    (void)state;
    scene s;
    open_scene(&s, TOP, 2, 1);
    pk_put_32(message(&s, 1) + 4, 2);
    seal(&s, 1);
    refuse_messages(&s, "message 1 is of version 2");
    pk_put_32(message(&s, 1) + 8, (uint32_t)s.all.size + 32);
    refuse_messages(&s, "message 1 has");
    pk_put_32(message(&s, 1) + 12, N + 1);
    seal(&s, 1);
    refuse_messages(&s, "message 1 is for 5001 tokens");
    message(&s, 1)[16] ^= 1;
    seal(&s, 1);
    refuse_messages(&s, "of another chain");
    message(&s, 1)[24] ^= 1;
    seal(&s, 1);
    refuse_messages(&s, "answers another request");
    close_scene(&s);
}

/* Ranks whose samplers differ in a parameter, in the seed, or in what they have accepted. */
static void other_samplers(void **state) {
    (void)state;
    const pluck_stage other_k[] = {with_top_k(20), with_min_p(0.1f, 0), with_dist()};
    const pluck_stage other_p[] = {with_top_k(20), with_min_p(0.2f, 0), with_dist()};
    const pluck_config configs[] = {with_chain(N, 5, PLUCK_RNG_MT19937, other_k, 3),
                                    with_chain(N, 5, PLUCK_RNG_MT19937, other_p, 3),
                                    with_chain(N, 6, PLUCK_RNG_MT19937, other_k, 3)};
    for (int c = 0; c < 3; ++c) {
        ranks all;
        rows_random r = {2};
        const pluck_row row = {.logits = logits};
        rows_fill(ROWS_PEAKED, 8, logits, N);
        ranks_open(&all, &configs[0], RANKS, 64, &r);
        pluck_sampler_free(all.samplers[1]);
        assert_int_equal(pluck_sampler_create(&all.samplers[1], &configs[c]), PLUCK_OK);
        ranks_set_row(&all, &row);
        ranks_begin(&all, PLUCK_DTYPE_F32, false);
        ranks_write(&all);
        pluck_shard_outcome out;
        pluck_error error;
        const pluck_status status = pluck_shard_merge(all.shards[0], all.samplers[0], &all.request,
                                                      all.messages, all.size, RANKS, &out, &error);
        assert_int_equal(status, c == 0 ? PLUCK_OK : PLUCK_ERR_SHARD);
        if (c > 0) assert_non_null(strstr(error.message, "message 1 is of another chain"));
        ranks_close(&all);
    }
}

static void other_state(void **state) {
    (void)state;
    const pluck_stage stages[] = {with_penalties(64, 1.2f, 0.0f, 0.0f), with_greedy()};
    scene s;
    open_scene(&s, stages, 2, 1);
    assert_int_equal(pluck_accept(s.all.samplers[2], 3), PLUCK_OK);
    ranks_write(&s.all);
    refuse_messages(&s, "message 2 is of another chain");
    close_scene(&s);
}

/* ---- slices ---- */

static void slices(void **state) {
    (void)state;
    scene s;
    open_scene(&s, TOP, 2, 1);
    const int32_t second = s.all.configs[1].first;
    memcpy(message(&s, 2), message(&s, 1), s.all.size);
    refuse_messages(&s, "slices overlap: message 2");
    refuse(&s, s.all.size, 2, PLUCK_ERR_SHARD, "no message has tokens");
    pk_put_32(message(&s, 1) + 32, (uint32_t)second + 1);
    seal(&s, 1);
    refuse_messages(&s, "does not begin at a multiple of 1024");
    pk_put_32(message(&s, 2) + 32, N / 1024 * 1024 + 1024);
    seal(&s, 2);
    refuse_messages(&s, "ends beyond the vocabulary");
    pk_put_32(message(&s, 0) + 36, 1 << 30);
    seal(&s, 0);
    refuse_messages(&s, "message 0 has numbers that no slice has");
    pk_put_32(message(&s, 1) + 88, 0); /* the first candidate */
    seal(&s, 1);
    refuse_messages(&s, "message 1: the candidates are not tokens of its slice");
    memcpy(message(&s, 1) + 92, message(&s, 1) + 88, 4); /* the second is the first, at another x */
    seal(&s, 1);
    refuse_messages(&s, "a candidate is in a message twice");
    pk_put_float(message(&s, 1) + 88 + 4 * 20, NAN);
    seal(&s, 1);
    refuse_messages(&s, "message 1: the candidates are not");
    close_scene(&s);
}

/* Messages in any order are the same messages. */
static void any_order(void **state) {
    (void)state;
    scene s;
    open_scene(&s, TOP, 2, 1);
    pluck_shard_outcome out, turned;
    assert_int_equal(pluck_shard_merge(s.all.shards[0], s.all.samplers[0], &s.all.request,
                                       s.all.messages, s.all.size, RANKS, &out, NULL),
                     PLUCK_OK);
    for (int i = 0; i < RANKS; ++i)
        memcpy(message(&s, i), s.sound + (size_t)(RANKS - 1 - i) * s.all.size, s.all.size);
    assert_int_equal(pluck_shard_merge(s.all.shards[1], s.all.samplers[1], &s.all.request,
                                       s.all.messages, s.all.size, RANKS, &turned, NULL),
                     PLUCK_OK);
    assert_int_equal(out.draw.token, turned.draw.token);
    close_scene(&s);
}

/* ---- rows ---- */

static void rows(void **state) {
    (void)state;
    static const struct {
        const pluck_stage *stages;
        int32_t n;
    } chains[] = {{TOP, 2}, {NUCLEUS, 2}, {DRAW, 1}, {WHOLE, 2}};
    for (size_t c = 0; c < 4; ++c) {
        scene s;
        open_scene(&s, chains[c].stages, chains[c].n, 1);
        logits[N - 3] = NAN;
        ranks_write(&s.all);
        refuse(&s, s.all.size, RANKS, PLUCK_ERR_NAN, "NaN");
        for (int32_t i = 0; i < N; ++i) logits[i] = -INFINITY;
        ranks_write(&s.all);
        refuse(&s, s.all.size, RANKS, PLUCK_ERR_EMPTY, "every token is masked");
        close_scene(&s);
    }
}

/* A chain that does not select is refused as it is without shards. */
static void no_draw(void **state) {
    (void)state;
    const pluck_stage stages[] = {with_penalties(64, 1.2f, 0.0f, 0.0f), with_top_k(5)};
    for (int32_t n = 1; n <= 2; ++n) {
        scene s;
        open_scene(&s, stages, n, 1);
        refuse(&s, s.all.size, RANKS, PLUCK_ERR_NO_DRAW, "no stage that selects");
        close_scene(&s);
    }
}

/* ---- arguments ---- */

static void refuse_config(pluck_shard_config c, pluck_status want, const char *words) {
    pluck_shard *shard = NULL;
    pluck_error error = {PLUCK_OK, ""};
    assert_int_equal(pluck_shard_create(&shard, &c, &error), want);
    assert_int_equal(error.status, want);
    if (!strstr(error.message, words)) fail_msg("'%s' says nothing of '%s'", error.message, words);
    assert_null(shard);
}

static void *no_memory(void *ctx, size_t size) {
    int *left = ctx;
    return (*left)-- > 0 ? malloc(size) : NULL;
}

static void give_back_memory(void *ctx, void *pointer, size_t size) {
    (void)ctx;
    (void)size;
    free(pointer);
}

static void configs(void **state) {
    (void)state;
    const pluck_shard_config good = {.n_vocab = N, .first = 1024, .n = 1024};
    pluck_shard_config c = good;
    c.n_vocab = 0;
    refuse_config(c, PLUCK_ERR_VOCAB, "n_vocab is 0");
    c = good;
    c.first = 1000;
    refuse_config(c, PLUCK_ERR_SIZE, "first is 1000; allowed: multiples of 1024");
    c = good;
    c.n = -1;
    refuse_config(c, PLUCK_ERR_SIZE, "n is -1");
    c = good;
    c.longest = 1023;
    refuse_config(c, PLUCK_ERR_SIZE, "longest is 1023");
    c = good;
    c.n_candidates = PLUCK_MAX_SHARD_CANDIDATES + 1;
    refuse_config(c, PLUCK_ERR_SIZE, "n_candidates is 4097");
    c = good;
    c.allocator.allocate = no_memory;
    refuse_config(c, PLUCK_ERR_NULL, "allocator");
    assert_int_equal(pluck_shard_create(NULL, &good, NULL), PLUCK_ERR_NULL);
    for (int left = 0; left < 2; ++left) {
        int count = left;
        c.allocator = (pluck_allocator){no_memory, give_back_memory, &count};
        refuse_config(c, PLUCK_ERR_MEMORY, "");
    }
    pluck_shard_free(NULL);
}

static void refuse_write(scene *s, pluck_shard_slice slice, pluck_shard_request request,
                         size_t room, pluck_status want, const char *words) {
    pluck_error error = {PLUCK_OK, ""};
    assert_int_equal(pluck_shard_write(s->all.shards[0], s->all.samplers[0], &slice, &request,
                                       s->all.messages, room, &error),
                     want);
    if (!strstr(error.message, words)) fail_msg("'%s' says nothing of '%s'", error.message, words);
    assert_memory_equal(s->all.messages, s->sound, s->all.size * RANKS);
}

static void requests(void **state) {
    (void)state;
    scene s;
    open_scene(&s, TOP, 2, 1);
    const pluck_shard_slice slice = s.all.slices[0], none = {0};
    pluck_shard_request ask = s.all.request;
    refuse_write(&s, none, ask, s.all.size, PLUCK_ERR_NULL, "logits is NULL");
    refuse_write(&s, slice, ask, s.all.size - 1, PLUCK_ERR_SIZE, "room is");
    pluck_shard_slice negative = slice;
    negative.n_allowed = -1;
    refuse_write(&s, negative, ask, s.all.size, PLUCK_ERR_SIZE, "n_allowed is -1");
    ask.dtype = (pluck_dtype)9;
    refuse_write(&s, slice, ask, s.all.size, PLUCK_ERR_ROW, "no type 9");
    assert_int_equal(pluck_shard_message_size(s.all.shards[0], s.all.samplers[0], &ask), 0);
    ask = s.all.request;
    ask.ask = (pluck_shard_ask)7;
    refuse_write(&s, slice, ask, s.all.size, PLUCK_ERR_PARAM, "no question 7");
    ask.ask = PLUCK_SHARD_ASK_SUMS;
    ask.mass = 1.0;
    refuse_write(&s, slice, ask, s.all.size, PLUCK_ERR_PARAM, "none that a merge gave");
    pluck_sampler *other = NULL;
    assert_int_equal(pluck_sampler_from_spec(&other, "", N + 1, NULL), PLUCK_OK);
    pluck_error error;
    assert_int_equal(pluck_shard_write(s.all.shards[0], other, &slice, &s.all.request,
                                       s.all.messages, s.all.size, &error),
                     PLUCK_ERR_VOCAB);
    assert_non_null(strstr(error.message, "the sampler is for 5001 tokens, the shard for 5000"));
    pluck_shard_route route;
    assert_int_equal(pluck_shard_describe(s.all.shards[0], other, &route), PLUCK_ERR_VOCAB);
    assert_int_equal(
        pluck_shard_write(s.all.shards[0], NULL, &slice, &s.all.request, s.sound, 1, &error),
        PLUCK_ERR_NULL);
    assert_string_equal(error.message, "the sampler is NULL");
    pluck_sampler_free(other);
    close_scene(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(altered),     cmocka_unit_test(cut_off),
        cmocka_unit_test(of_another),  cmocka_unit_test(other_samplers),
        cmocka_unit_test(other_state), cmocka_unit_test(slices),
        cmocka_unit_test(any_order),   cmocka_unit_test(rows),
        cmocka_unit_test(no_draw),     cmocka_unit_test(configs),
        cmocka_unit_test(requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
