/*
 * test_batch_errors.c: what a batch refuses, in which words, and that a row that fails does so alone:
 * it is as it was, the others are done. Executors that give up, come late or call twice; memory and
 * threads that run out; callbacks in the floating-point environment of the thread that called.
 */
#include "batch_rows.h"
#include "caller_env.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 100, ROWS = 6, BAD = 3 };

static float logits[ROWS][N];
static pluck_sampler *samplers[ROWS], *twins[ROWS];
static pluck_batch_row rows[ROWS];
static pluck_batch *batch;

static long fail_thread_at = -1; /* -1: never */
int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg) {
    if (fail_thread_at >= 0 && fail_thread_at-- == 0) return EAGAIN;
    return __real_pthread_create(t, a, run, arg);
}

static int make(void **state) {
    (void)state;
    const pluck_batch_config c = {.n_vocab = N, .max_rows = ROWS, .n_threads = 2};
    assert_int_equal(pluck_batch_create(&batch, &c, NULL), PLUCK_OK);
    for (int i = 0; i < ROWS; ++i) {
        rows_fill(ROWS_NORMAL, (uint64_t)i, logits[i], N);
        char spec[80];
        (void)snprintf(spec, sizeof spec, "top_k=0;top_p=0.99;repeat_penalty=1.3;seed=%d", i);
        assert_int_equal(pluck_sampler_from_spec(&samplers[i], spec, N, NULL), PLUCK_OK);
        assert_int_equal(pluck_sampler_clone(&twins[i], samplers[i]), PLUCK_OK);
        rows[i] =
            (pluck_batch_row){.sampler = samplers[i], .row.logits = logits[i], .accept = true};
    }
    return 0;
}

static int end(void **state) {
    (void)state;
    for (int i = 0; i < ROWS; ++i) {
        pluck_sampler_free(samplers[i]);
        pluck_sampler_free(twins[i]);
    }
    pluck_batch_free(batch);
    return 0;
}

/* Row i goes on as its twin does. */
static void assert_goes_on(int32_t i, int32_t token) {
    int32_t want;
    assert_int_equal(pluck_sample(twins[i], logits[i], &want), PLUCK_OK);
    assert_int_equal(pluck_accept(twins[i], want), PLUCK_OK);
    assert_int_equal(token, want);
}

static void assert_words(const pluck_error *e, pluck_status status, const char *words) {
    assert_int_equal(e->status, status);
    if (!strstr(e->message, words)) fail_msg("'%s' says nothing of '%s'", e->message, words);
}

/* With its row number BAD as `bad` the call fails there alone, and says what is wrong. */
static void refuse_row(const pluck_batch_row *bad, const pluck_batch_kept *kept,
                       pluck_status status, const char *words) {
    pluck_batch_row altered[ROWS];
    memcpy(altered, rows, sizeof rows);
    altered[BAD] = *bad;
    int32_t tokens[ROWS];
    pluck_status statuses[ROWS];
    pluck_error errors[ROWS], error = {PLUCK_OK, ""};
    pluck_batch_out out = {.tokens = tokens, .statuses = statuses, .errors = errors};
    if (kept) out.kept = *kept;
    assert_int_equal(pluck_batch_sample(batch, altered, ROWS, &out, &error), PLUCK_ERR_BATCH);
    assert_words(&error, PLUCK_ERR_BATCH, words);
    assert_words(&error, PLUCK_ERR_BATCH, "row 3: ");
    assert_words(&errors[BAD], status, words);
    for (int i = 0; i < ROWS; ++i) {
        assert_int_equal(statuses[i], i == BAD ? status : PLUCK_OK);
        if (i != BAD) assert_words(&errors[i], PLUCK_OK, "");
        if (i != BAD) assert_goes_on(i, tokens[i]);
    }
    assert_int_equal(tokens[BAD], -1);
    /* And the row itself goes on as if nothing had been. */
    assert_int_equal(pluck_batch_sample(batch, &rows[BAD], 1, &out, NULL), PLUCK_OK);
    assert_goes_on(BAD, tokens[0]);
}

static void each_field(void **state) {
    (void)state;
    static float spoilt[N];
    static uint32_t none[N / 32 + 1];
    static int32_t ids[] = {4, 5, 6};
    static const float rising[] = {1, 3, 2};
    memcpy(spoilt, logits[BAD], sizeof spoilt);
    spoilt[37] = NAN;
    const pluck_batch_row good = rows[BAD];
    pluck_batch_row bad = good;
#define REFUSE(change, status, words)                                                              \
    bad = good;                                                                                    \
    change;                                                                                        \
    refuse_row(&bad, NULL, status, words)
    REFUSE(bad.sampler = NULL, PLUCK_ERR_NULL, "sampler is NULL");
    REFUSE(bad.row.logits = NULL, PLUCK_ERR_NULL, "logits is NULL");
    REFUSE(bad.row.dtype = (pluck_dtype)7, PLUCK_ERR_ROW, "dtype: there is no type 7");
    REFUSE(bad.row.n = N - 1, PLUCK_ERR_ROW, "n is 99; allowed: 0 and 100");
    REFUSE(bad.row.logits = spoilt, PLUCK_ERR_NAN, "logits: that of token 37 is NaN");
    REFUSE(bad.row.allowed = none, PLUCK_ERR_EMPTY, "logits, allowed");
    REFUSE((bad.row.allowed = none, bad.row.n_allowed = -2), PLUCK_ERR_SIZE, "n_allowed is -2");
    REFUSE(bad.sampler = samplers[1], PLUCK_ERR_SHARED, "sampler: is that of row 1");
    bad = good;
    bad.row.ids = ids;
    bad.row.n = N + 1;
    refuse_row(&bad, NULL, PLUCK_ERR_ROW, "n is 101; allowed: 1 to 100");
    bad.row.n = 3;
    bad.row.descending = true;
    bad.row.logits = rising;
    refuse_row(&bad, NULL, PLUCK_ERR_ORDER, "descending: logits[1]");
    bad.row.descending = false;
    ids[2] = N;
    refuse_row(&bad, NULL, PLUCK_ERR_TOKEN, "ids[2] is 100; allowed: 0 to 99");
    bad.stride = 2; /* the third of a list of three is the second of these */
    bad.row.n = 2;
    ids[1] = -1;
    refuse_row(&bad, NULL, PLUCK_ERR_TOKEN, "ids[1] is -1");
}

/* A sampler for more tokens than the batch has room for, and one that selects none. */
static void each_sampler(void **state) {
    (void)state;
    pluck_sampler *greater, *silent;
    assert_int_equal(pluck_sampler_from_spec(&greater, "temp=1", 2 * N, NULL), PLUCK_OK);
    const pluck_config none = with_chain(N, 1, PLUCK_RNG_MT19937, NULL, 0);
    assert_int_equal(pluck_sampler_create(&silent, &none), PLUCK_OK);
    pluck_batch_row bad = rows[BAD];
    bad.sampler = greater;
    refuse_row(&bad, NULL, PLUCK_ERR_WORKSPACE, "sampler: is for 200 tokens, the batch for 100");
    bad.sampler = silent;
    refuse_row(&bad, NULL, PLUCK_ERR_NO_DRAW, "sampler: the chain has no stage that selects");
    pluck_sampler_free(greater);
    pluck_sampler_free(silent);
}

/* A chain that combines two rows. */
static void second_rows(void **state) {
    (void)state;
    pluck_sampler *guided;
    assert_int_equal(pluck_sampler_from_spec(&guided, "guidance_scale=2", N, NULL), PLUCK_OK);
    static float second[N];
    pluck_batch_row bad = rows[BAD];
    bad.sampler = guided;
    refuse_row(&bad, NULL, PLUCK_ERR_SECOND_ROW,
               "second is NULL, and the chain begins with guidance");
    bad.row.second = second;
    second[41] = INFINITY;
    refuse_row(&bad, NULL, PLUCK_ERR_NAN, "second: the logit of token 41 is NaN or +inf");
    second[41] = 0.0f;
    second[13] = NAN;
    refuse_row(&bad, NULL, PLUCK_ERR_NAN, "second: the logit of token 13 is NaN or +inf");
    bad.row.second_dtype = (pluck_dtype)5;
    refuse_row(&bad, NULL, PLUCK_ERR_ROW, "second_dtype: there is no type 5");
    pluck_sampler_free(guided);
}

/* More is kept than there is room for: what was drawn is taken back. */
static void too_much_kept(void **state) {
    (void)state;
    int64_t offsets[ROWS + 1];
    int32_t ids[ROWS * 40];
    static float flat[N];
    pluck_batch_row bad = rows[BAD];
    bad.row.logits = flat;
    const pluck_batch_kept kept = {40, offsets, ids, NULL};
    refuse_row(&bad, &kept, PLUCK_ERR_SIZE, "kept: 100 tokens are kept, max_kept is 40");
    assert_int_equal(offsets[0], 0);
}

/* ---- a call as a whole ---- */

static void refuse_call(pluck_batch *b, const pluck_batch_row *r, int32_t n,
                        const pluck_batch_out *out, pluck_status status, const char *words) {
    pluck_error error = {PLUCK_OK, ""};
    assert_int_equal(pluck_batch_sample(b, r, n, out, &error), status);
    assert_words(&error, status, words);
    assert_int_equal(pluck_batch_sample(b, r, n, out, NULL), status);
}

static void each_argument(void **state) {
    (void)state;
    int32_t tokens[ROWS] = {77, 77, 77, 77, 77, 77};
    pluck_batch_out out = {.tokens = tokens};
    const pluck_batch_out good = out;
    refuse_call(NULL, rows, 1, &out, PLUCK_ERR_NULL, "the batch is NULL");
    refuse_call(batch, rows, 1, NULL, PLUCK_ERR_NULL, "out is NULL");
    refuse_call(batch, NULL, 1, &out, PLUCK_ERR_NULL, "rows is NULL");
    refuse_call(batch, rows, ROWS + 1, &out, PLUCK_ERR_SIZE, "n is 7; allowed: 0 to 6");
    refuse_call(batch, rows, -1, &out, PLUCK_ERR_SIZE, "n is -1");
    out.raw.n_top = N + 1;
    refuse_call(batch, rows, 1, &out, PLUCK_ERR_SIZE, "raw.n_top is 101; allowed: 0 to 100");
    out = good;
    out.processed.n_top = 3;
    refuse_call(batch, rows, 1, &out, PLUCK_ERR_NULL, "processed.ids is NULL");
    out.processed.ids = tokens;
    refuse_call(batch, rows, 1, &out, PLUCK_ERR_NULL, "processed.logprobs is NULL");
    int64_t offsets[ROWS + 1];
    out = good;
    out.kept.offsets = offsets;
    refuse_call(batch, rows, 1, &out, PLUCK_ERR_SIZE, "kept.max_kept is 0");
    out.kept.max_kept = 1;
    refuse_call(batch, rows, 1, &out, PLUCK_ERR_NULL, "kept.ids is NULL");
    for (int i = 0; i < ROWS; ++i) assert_int_equal(tokens[i], 77);
    assert_int_equal(pluck_batch_sample(batch, rows, ROWS, &good, NULL), PLUCK_OK);
    for (int i = 0; i < ROWS; ++i) assert_goes_on(i, tokens[i]);
}

static void each_config(void **state) {
    (void)state;
    const pluck_batch_config good = {.n_vocab = N, .max_rows = ROWS, .n_threads = 2};
    pluck_batch_config bad;
    pluck_error error;
    pluck_batch *b = NULL;
#define REFUSE_CONFIG(change, status, words)                                                       \
    bad = good;                                                                                    \
    change;                                                                                        \
    assert_int_equal(pluck_batch_create(&b, &bad, &error), status);                                \
    assert_words(&error, status, words);                                                           \
    assert_null(b)
    REFUSE_CONFIG(bad.n_vocab = 0, PLUCK_ERR_VOCAB, "n_vocab is 0; allowed: 1 to 16777216");
    REFUSE_CONFIG(bad.max_rows = 65537, PLUCK_ERR_SIZE, "max_rows is 65537; allowed: 1 to 65536");
    REFUSE_CONFIG(bad.max_rows = 0, PLUCK_ERR_SIZE, "max_rows is 0");
    REFUSE_CONFIG(bad.n_threads = 0, PLUCK_ERR_SIZE, "n_threads is 0; allowed: 1 to 1024");
    REFUSE_CONFIG(bad.n_threads = 1025, PLUCK_ERR_SIZE, "n_threads is 1025");
    REFUSE_CONFIG(bad.allocator.ctx = &bad;
                  bad.allocator.deallocate = (void (*)(void *, void *, size_t))abort,
                  PLUCK_ERR_NULL, "allocator");
    assert_int_equal(pluck_batch_create(NULL, &good, &error), PLUCK_ERR_NULL);
    assert_words(&error, PLUCK_ERR_NULL, "out");
    assert_int_equal(pluck_batch_create(&b, NULL, NULL), PLUCK_ERR_NULL);
}

/* ---- memory and threads that run out ---- */

typedef struct meter {
    long calls, live, fail_at;
} meter;

static void *meter_allocate(void *ctx, size_t size) {
    meter *m = ctx;
    if (m->calls++ == m->fail_at) return NULL;
    ++m->live;
    void *p = malloc(size);
    if (p) memset(p, 0xa5, size);
    return p;
}

static void meter_deallocate(void *ctx, void *pointer, size_t size) {
    (void)size;
    --((meter *)ctx)->live;
    free(pointer);
}

static void creation_survives(void **state) {
    (void)state;
    for (long fail_at = 0;; ++fail_at) {
        meter m = {0, 0, fail_at};
        const pluck_batch_config c = {.n_vocab = N,
                                      .max_rows = ROWS,
                                      .n_threads = 3,
                                      .allocator = {meter_allocate, meter_deallocate, &m}};
        pluck_batch *b = NULL;
        pluck_error error;
        const pluck_status status = pluck_batch_create(&b, &c, &error);
        if (status == PLUCK_OK) {
            const long calls = m.calls;
            assert_int_equal(calls, 5); /* the block, three workspaces, the pool */
            int32_t tokens[ROWS];
            const pluck_batch_out out = {.tokens = tokens};
            assert_int_equal(pluck_batch_sample(b, rows, ROWS, &out, NULL), PLUCK_OK);
            for (int i = 0; i < ROWS; ++i) assert_goes_on(i, tokens[i]);
            assert_int_equal(m.calls, calls);
            pluck_batch_free(b);
            assert_int_equal(m.live, 0);
            break;
        }
        assert_words(&error, PLUCK_ERR_MEMORY, "no memory");
        assert_null(b);
        assert_int_equal(m.live, 0);
    }
}

static void threads_run_out(void **state) {
    (void)state;
    for (long fail_at = 0; fail_at < 4; ++fail_at) {
        meter m = {0, 0, -1};
        const pluck_batch_config c = {.n_vocab = N,
                                      .max_rows = ROWS,
                                      .n_threads = 5,
                                      .allocator = {meter_allocate, meter_deallocate, &m}};
        pluck_batch *b = NULL;
        fail_thread_at = fail_at;
        assert_int_equal(pluck_batch_create(&b, &c, NULL), PLUCK_ERR_MEMORY);
        fail_thread_at = -1;
        assert_null(b);
        assert_int_equal(m.live, 0);
    }
}

/* ---- executors ---- */

/* How an executor behaves, and the work it kept for later. */
typedef struct moody {
    int32_t first, last; /* lanes that it runs */
    bool gives_up, calls_twice;
    void (*work)(void *arg, int32_t i);
    void *arg;
} moody;

static bool run_moody(void *ctx, int32_t n, void (*work)(void *arg, int32_t i), void *arg) {
    moody *m = ctx;
    m->work = work;
    m->arg = arg;
    for (int32_t i = m->first; i <= m->last; ++i) {
        work(arg, i);
        if (m->calls_twice) work(arg, i);
    }
    work(arg, -1);
    work(arg, n);
    return !m->gives_up;
}

static void executors(void **state) {
    (void)state;
    moody m = {0, -1, true, false, NULL, NULL};
    const pluck_batch_config c = {
        .n_vocab = N, .max_rows = ROWS, .n_threads = 2, .executor = {run_moody, &m}};
    pluck_batch *b = NULL;
    assert_int_equal(pluck_batch_create(&b, &c, NULL), PLUCK_OK);
    int32_t tokens[ROWS];
    pluck_status statuses[ROWS];
    const pluck_batch_out out = {.tokens = tokens, .statuses = statuses};
    pluck_error error;
    assert_int_equal(pluck_batch_sample(b, rows, ROWS, &out, &error), PLUCK_ERR_BATCH);
    assert_words(&error, PLUCK_ERR_BATCH, "row 0: executor: ");
    m.work(m.arg, 0); /* too late */
    for (int i = 0; i < ROWS; ++i) assert_int_equal(statuses[i], PLUCK_ERR_CANCELLED);
    for (int round = 0; round < 3; ++round) {
        m = (moody){round == 2, round > 0, round == 1, round != 1, NULL, NULL};
        assert_int_equal(pluck_batch_sample(b, rows, ROWS, &out, NULL), PLUCK_OK);
        for (int i = 0; i < ROWS; ++i) assert_goes_on(i, tokens[i]);
    }
    pluck_batch_free(b);
}

/* ---- callbacks ---- */

enum { ROUNDING_UP = 2, FLUSHING = 4, CALLS = 20 };

/* What a custom stage sees of its thread's environment. */
typedef struct seen {
    pluck_batch *batch;
    uint64_t callers, altered; /* controls */
    atomic_int as_called, as_left, refused;
} seen;

/* Notes what it finds, calls the batch, and leaves another environment behind. */
static bool look_around(void *ctx, pluck_custom_view *view) {
    seen *s = ctx;
    (void)view;
    atomic_fetch_add(&s->as_called, caller_env_now().control == s->callers);
    const pluck_batch_out out = {0};
    if (pluck_batch_sample(s->batch, NULL, 0, &out, NULL) == PLUCK_ERR_SHARED)
        atomic_fetch_add(&s->refused, 1);
    caller_envs[FLUSHING].set();
    return true;
}

static void take_note(void *ctx, int32_t token) {
    seen *s = ctx;
    (void)token;
    atomic_fetch_add(&s->as_left, caller_env_now().control == s->altered);
}

/* Callbacks run in the environment of the thread that called, whichever thread runs the row, and find
 * nothing of what they left in another; a call from inside a call is refused. */
static void callbacks(void **state) {
    (void)state;
    seen s = {.batch = batch};
    const pluck_stage stages[] = {
        {.kind = PLUCK_STAGE_CUSTOM,
         .as.custom = {.apply = look_around, .accept = take_note, .ctx = &s}},
        with_greedy()};
    const pluck_config c = with_chain(N, 1, PLUCK_RNG_MT19937, stages, 2);
    pluck_batch_row looking[ROWS];
    for (int i = 0; i < ROWS; ++i) {
        looking[i] = (pluck_batch_row){.row.logits = logits[i], .accept = true};
        assert_int_equal(pluck_sampler_create(&looking[i].sampler, &c), PLUCK_OK);
    }
    s.callers = caller_env_begin(ROUNDING_UP, 0).control;
    caller_envs[FLUSHING].set();
    s.altered = caller_env_now().control;
    caller_env_end();
    const pluck_batch_out out = {0};
    for (int call = 0; call < CALLS; ++call) {
        const caller_env before = caller_env_begin(ROUNDING_UP, 0);
        const pluck_status status = pluck_batch_sample(batch, looking, ROWS, &out, NULL);
        caller_env_assert(before, 0, "pluck_batch_sample", "rounding up");
        assert_int_equal(status, PLUCK_OK);
    }
    assert_int_equal(atomic_load(&s.as_called), CALLS * ROWS);
    assert_int_equal(atomic_load(&s.as_left), CALLS * ROWS);
    assert_int_equal(atomic_load(&s.refused), CALLS * ROWS);
    for (int i = 0; i < ROWS; ++i) pluck_sampler_free(looking[i].sampler);
}

/* The caller's environment is as it was, and has no part in the result. */
static void environments(void **state) {
    (void)state;
    for (int kind = 0; kind < CALLER_ENVS; ++kind) {
        if (!caller_envs[kind].set) continue;
        int32_t tokens[ROWS];
        float logprobs[ROWS];
        const pluck_batch_out out = {
            .tokens = tokens, .raw.token = logprobs, .processed.token = logprobs};
        const caller_env before = caller_env_begin(kind, 1234);
        const pluck_status status = pluck_batch_sample(batch, rows, ROWS, &out, NULL);
        caller_env_assert(before, 1234, "pluck_batch_sample", caller_envs[kind].name);
        assert_int_equal(status, PLUCK_OK);
        for (int i = 0; i < ROWS; ++i) assert_goes_on(i, tokens[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_field, make, end),
        cmocka_unit_test_setup_teardown(each_sampler, make, end),
        cmocka_unit_test_setup_teardown(second_rows, make, end),
        cmocka_unit_test_setup_teardown(too_much_kept, make, end),
        cmocka_unit_test_setup_teardown(each_argument, make, end),
        cmocka_unit_test(each_config),
        cmocka_unit_test_setup_teardown(creation_survives, make, end),
        cmocka_unit_test(threads_run_out),
        cmocka_unit_test_setup_teardown(executors, make, end),
        cmocka_unit_test_setup_teardown(callbacks, make, end),
        cmocka_unit_test_setup_teardown(environments, make, end),
    };
    return cmocka_run_group_tests_name("batch_errors", tests, NULL, NULL);
}
