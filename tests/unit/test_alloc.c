/*
 * test_alloc.c: where memory comes from and when. An allocator that counts, and fails the n-th time
 * it is called, shows that every creation survives every failure without a leak. The linker wraps
 * malloc itself, which shows that sampling and accepting never allocate.
 */
#include "check.h"
#include "pluck_batch.h"
#include "pluck_blocks.h"
#include "pluck_shard.h"

#include <stdlib.h>
#include <string.h>

/* --- every allocation function of the C library, counted (-Wl,--wrap) --- */

static long mallocs;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static long fail_malloc_at = -1; /* -1: never */

static bool refused(void) {
    ++mallocs;
    return fail_malloc_at >= 0 && fail_malloc_at-- == 0;
}
void *__wrap_malloc(size_t size) {
    return refused() ? NULL : __real_malloc(size);
}
void *__wrap_calloc(size_t n, size_t size) {
    return refused() ? NULL : __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t size) {
    return refused() ? NULL : __real_realloc(p, size);
}
void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    return refused() ? NULL : __real_aligned_alloc(alignment, size);
}

/* --- an allocator of our own --- */

typedef struct meter {
    long calls, live;
    size_t bytes;
    long fail_at; /* the call number that fails, from 0; -1: none */
} meter;

static void *meter_allocate(void *ctx, size_t size) {
    meter *m = ctx;
    if (m->calls++ == m->fail_at) return NULL;
    ++m->live;
    m->bytes += size;
    void *p = __real_malloc(size);
    if (p) memset(p, 0xa5, size); /* fresh memory is not zero */
    return p;
}

static void meter_deallocate(void *ctx, void *pointer, size_t size) {
    meter *m = ctx;
    if (!pointer) return;
    --m->live;
    m->bytes -= size;
    free(pointer);
}

enum { N = 3000 };

static const pluck_logit_bias biases[] = {{1, 2.0f}, {9, -1.0f}};
static const int32_t tokens[] = {4, 5, 6};
static const pluck_token_sequence breakers[] = {{tokens, 1}, {tokens, 3}};

static long released;

static bool leave_as_it_is(void *ctx, pluck_custom_view *view) {
    (void)ctx;
    (void)view;
    return true;
}
static void on_release(void *ctx) {
    ++*(long *)ctx;
}

/* A chain with one of everything that could need memory. */
static int32_t everything(pluck_stage stages[20]) {
    int32_t n = 0;
    stages[n++] = with_bias(biases, 2);
    stages[n++] = with_penalties(64, 1.1f, 0.1f, 0.1f);
    stages[n] = with_dry(0.8f, 1.75f, 1, 64);
    stages[n].as.dry.breakers = breakers;
    stages[n++].as.dry.n_breakers = 2;
    stages[n++] = with_temp(0.9f, 0.3f, 1.0f);
    stages[n++] = with_typical(0.99f, 200);
    stages[n++] = with_xtc(0.5f, 0.01f, 0);
    stages[n++] = with_sigma(2.0f);
    stages[n++] = with_top_p(0.999f, 0);
    stages[n++] = with_min_p(0.0001f, 0);
    stages[n++] = with_top_k(500);
    stages[n++] = (pluck_stage){
        .kind = PLUCK_STAGE_CUSTOM,
        .as.custom = {.apply = leave_as_it_is, .release = on_release, .ctx = &released}};
    stages[n++] = with_dist();
    stages[n++] = with_mirostat(1, 5.0f, 0.1f, 100);
    stages[n++] = with_mirostat(2, 5.0f, 0.1f, 100);
    stages[n++] = with_adaptive(0.3f, 0.8f);
    return n;
}

static pluck_config metered(meter *m, pluck_stage stages[20]) {
    const int32_t n = everything(stages);
    pluck_config c = with_chain(N, 3, PLUCK_RNG_MT19937, stages, n);
    c.allocator = (pluck_allocator){meter_allocate, meter_deallocate, m};
    return c;
}

static void creation_survives(void **state) {
    (void)state;
    pluck_stage stages[20];
    released = 0;
    for (long fail_at = 0;; ++fail_at) {
        meter m = {0, 0, 0, fail_at};
        const pluck_config c = metered(&m, stages);
        pluck_sampler *s = NULL;
        const pluck_status status = pluck_sampler_create(&s, &c);
        assert_int_equal(released, 0); /* a failed creation does not release the context */
        if (status == PLUCK_OK) {
            assert_true(fail_at >= 1); /* it has allocated */
            assert_int_equal(m.calls, fail_at);
            pluck_sampler_free(s);
            assert_int_equal(released, 1);
            assert_int_equal(m.live, 0);
            assert_int_equal(m.bytes, 0);
            return;
        }
        assert_int_equal(status, PLUCK_ERR_MEMORY);
        assert_null(s);
        assert_int_equal(m.live, 0);
        assert_int_equal(m.bytes, 0);
    }
}

static void cloning_survives(void **state) {
    (void)state;
    pluck_stage stages[20];
    meter m = {0, 0, 0, -1};
    const pluck_config c = metered(&m, stages);
    pluck_sampler *s = NULL;
    released = 0;
    assert_int_equal(pluck_sampler_create(&s, &c), PLUCK_OK);
    const long live = m.live;
    const size_t bytes = m.bytes;
    for (long more = 0;; ++more) {
        m.fail_at = m.calls + more;
        pluck_sampler *copy = NULL;
        const pluck_status status = pluck_sampler_clone(&copy, s);
        if (status == PLUCK_OK) {
            assert_true(more >= 1);
            pluck_sampler_free(copy);
            break;
        }
        assert_int_equal(status, PLUCK_ERR_MEMORY);
        assert_null(copy);
        assert_int_equal(m.live, live);
        assert_int_equal(m.bytes, bytes);
    }
    assert_int_equal(released, 0);
    pluck_sampler_free(s);
    assert_int_equal(released, 1);
    assert_int_equal(m.live, 0);
    assert_int_equal(m.bytes, 0);
}

/* An allocator with one function missing is refused: memory would be freed by the
 * wrong one, or never. */
static void half_an_allocator(void **state) {
    (void)state;
    pluck_stage stages[20];
    meter m = {0, 0, 0, -1};
    const pluck_allocator halves[] = {{meter_allocate, NULL, &m}, {NULL, meter_deallocate, &m}};
    for (int i = 0; i < 2; ++i) {
        pluck_config c = metered(&m, stages);
        c.allocator = halves[i];
        pluck_sampler *s = NULL;
        pluck_workspace *w = NULL;
        pluck_token_ring *ring = NULL;
        assert_int_equal(pluck_sampler_create(&s, &c), PLUCK_ERR_NULL);
        assert_int_equal(pluck_workspace_create(&w, N, &halves[i]), PLUCK_ERR_NULL);
        assert_int_equal(pluck_token_ring_create(&ring, 8, &halves[i]), PLUCK_ERR_NULL);
        assert_null(s);
        assert_null(w);
        assert_null(ring);
    }
    assert_int_equal(m.calls, 0);
    /* A context without functions means the default allocator. */
    const pluck_allocator ctx_alone = {NULL, NULL, &m};
    pluck_workspace *w = NULL;
    assert_int_equal(pluck_workspace_create(&w, N, &ctx_alone), PLUCK_OK);
    pluck_workspace_free(w);
}

static void workspaces_survive(void **state) {
    (void)state;
    for (long fail_at = 0;; ++fail_at) {
        meter m = {0, 0, 0, fail_at};
        const pluck_allocator a = {meter_allocate, meter_deallocate, &m};
        pluck_workspace *w = NULL;
        const pluck_status status = pluck_workspace_create(&w, 151936, &a);
        if (status == PLUCK_OK) {
            assert_true(fail_at >= 1);
            /* A workspace takes exactly pluck_workspace_size. */
            assert_int_equal(m.bytes, pluck_workspace_size(151936));
            pluck_workspace_free(w);
            assert_int_equal(m.live, 0);
            return;
        }
        assert_int_equal(status, PLUCK_ERR_MEMORY);
        assert_null(w);
        assert_int_equal(m.live, 0);
    }
}

static const char spec_text[] =
    "seed=5;logit_bias=3+1.5:4-inf;temp=0.7;top_k=30;dry_multiplier=0.8;repeat_penalty=1.1";

static void specs_survive(void **state) {
    (void)state;
    for (int which = 0; which < 2; ++which) {
        for (long fail_at = 0;; ++fail_at) {
            pluck_sampler *s = NULL;
            pluck_spec *spec = NULL;
            pluck_error error = {PLUCK_OK, ""};
            fail_malloc_at = fail_at;
            const pluck_status status = which ? pluck_sampler_from_spec(&s, spec_text, N, &error)
                                              : pluck_spec_parse(&spec, spec_text, N, &error);
            const bool reached = fail_malloc_at < 0;
            fail_malloc_at = -1;
            if (!reached) {
                assert_int_equal(status, PLUCK_OK);
                assert_true(fail_at >= 1);
                pluck_sampler_free(s);
                pluck_spec_free(spec);
                break;
            }
            assert_int_equal(status, PLUCK_ERR_MEMORY);
            assert_null(s);
            assert_null(spec);
            assert_int_equal(error.status, PLUCK_ERR_MEMORY);
        }
    }
}

/* After creation nothing is allocated, neither by the sampler's allocator nor by malloc. */
static void sampling_never_allocates(void **state) {
    (void)state;
    static float logits[N];
    static uint16_t bf16[N];
    static uint32_t mask[(N + 31) / 32];
    static int32_t ids[200];
    pluck_stage stages[20];
    for (int rng = 0; rng < 2; ++rng) {
        meter m = {0, 0, 0, -1};
        pluck_config c = metered(&m, stages);
        c.rng = (pluck_rng_kind)rng;
        pluck_sampler *s = NULL;
        assert_int_equal(pluck_sampler_create(&s, &c), PLUCK_OK);
        const long calls = m.calls;
        for (int k = 0; k < ROWS_KINDS; ++k) {
            rows_fill((rows_kind)k, 5, logits, N);
            rows_store(PLUCK_DTYPE_BF16, logits, bf16, N);
            rows_mask(ROWS_MASK_HALF, 5, logits, mask, N);
            rows_ids(5, N, ids, 200, false);
            const pluck_row rows[] = {{.logits = logits},
                                      {.logits = bf16, .dtype = PLUCK_DTYPE_BF16},
                                      {.logits = logits, .allowed = mask},
                                      {.logits = logits, .n = 200, .ids = ids}};
            const long before = mallocs;
            bool ok = true;
            for (int i = 0; i < 4; ++i) {
                for (int call = 0; call < 10; ++call) {
                    pluck_draw draw;
                    pluck_candidates read;
                    const pluck_status status = pluck_sample_row(s, &rows[i], &draw);
                    if (status == PLUCK_ERR_EMPTY) continue; /* all of a list may be masked */
                    ok = ok && status == PLUCK_OK;
                    ok = ok &&
                         pluck_workspace_candidates(pluck_sampler_workspace(s), &read) == PLUCK_OK;
                    ok = ok && pluck_accept(s, draw.token) == PLUCK_OK;
                }
            }
            float top[20];
            int32_t top_ids[20];
            pluck_row row = rows[0];
            row.n = N;
            row.workspace = pluck_sampler_workspace(s);
            ok = ok && pluck_top_logprobs(&row, 20, top_ids, top, NULL, 0, NULL) == PLUCK_OK;
            pluck_sampler_reset(s);
            const long after = mallocs;
            assert_true(ok);
            assert_int_equal(after - before, 0);
        }
        assert_int_equal(m.calls, calls);
        pluck_sampler_free(s);
        assert_int_equal(m.live, 0);
    }
}

/* Nor does a batch, on all its threads, whatever is asked of it. */
static void batches_never_allocate(void **state) {
    (void)state;
    enum { ROWS = 8 };
    static float logits[ROWS][N], probabilities[ROWS * N], logprobs[2][ROWS * 20],
        of_token[2][ROWS];
    static int32_t kept[ROWS * N], ids[2][ROWS * 20], drawn[ROWS];
    static int64_t offsets[ROWS + 1];
    static pluck_draw draws[ROWS];
    pluck_batch *b = NULL;
    const pluck_batch_config bc = {.n_vocab = N, .max_rows = ROWS, .n_threads = 3};
    assert_int_equal(pluck_batch_create(&b, &bc, NULL), PLUCK_OK);
    pluck_stage stages[20];
    meter m = {0, 0, 0, -1};
    const pluck_config c = metered(&m, stages);
    pluck_batch_row rows[ROWS];
    for (int i = 0; i < ROWS; ++i) {
        rows_fill(ROWS_NORMAL, (uint64_t)i, logits[i], N);
        rows[i] = (pluck_batch_row){.row.logits = logits[i], .stride = -1, .accept = true};
        rows[i].row.logits = logits[i] + N - 1;
        assert_int_equal(pluck_sampler_create(&rows[i].sampler, &c), PLUCK_OK);
    }
    /* One of them is a draft. */
    static pluck_verified verified[ROWS];
    static const int32_t draft_tokens[] = {3, 4};
    const pluck_row places[] = {
        {.logits = logits[0]}, {.logits = logits[1]}, {.logits = logits[2]}};
    const pluck_draft draft = {
        .way = PLUCK_VERIFY_BLOCK, .tokens = draft_tokens, .n_tokens = 2, .rows = places};
    const pluck_stage plain = with_dist();
    pluck_config drafted = with_chain(N, 3, PLUCK_RNG_PHILOX, &plain, 1);
    drafted.max_rewind = 2;
    drafted.allocator = c.allocator;
    pluck_sampler_free(rows[ROWS - 1].sampler);
    rows[ROWS - 1] = (pluck_batch_row){.draft = &draft};
    assert_int_equal(pluck_sampler_create(&rows[ROWS - 1].sampler, &drafted), PLUCK_OK);
    const pluck_batch_out out = {
        .tokens = drawn,
        .verified = verified,
        .draws = draws,
        .kept = {N, offsets, kept, probabilities},
        .raw = {of_token[0], 20, ids[0], logprobs[0]},
        .processed = {of_token[1], 20, ids[1], logprobs[1]},
    };
    const long before = mallocs;
    bool ok = true;
    for (int step = 0; step < 20; ++step)
        ok = ok && pluck_batch_sample(b, rows, ROWS, &out, NULL) == PLUCK_OK;
    const long after = mallocs;
    assert_true(ok);
    assert_int_equal(after - before, 0);
    for (int i = 0; i < ROWS; ++i) pluck_sampler_free(rows[i].sampler);
    assert_int_equal(m.live, 0);
    pluck_batch_free(b);
}

/* Samples a row on two ranks that share a sampler; false if that fails. */
static bool sample_on_shards(pluck_shard *const *shards, pluck_sampler *s, const float *logits,
                             int32_t second) {
    enum { ROOM = 1 << 15 };
    static unsigned char messages[2 * ROOM];
    pluck_shard_request ask = {.dtype = PLUCK_DTYPE_F32};
    pluck_shard_outcome out = {.done = false};
    while (!out.done) {
        const size_t size = pluck_shard_message_size(shards[0], s, &ask);
        if (size == 0 || size > ROOM) return false;
        for (int i = 0; i < 2; ++i) {
            const pluck_shard_slice slice = {.logits = logits + (i ? second : 0)};
            if (pluck_shard_write(shards[i], s, &slice, &ask, messages + (size_t)i * size, size,
                                  NULL) != PLUCK_OK)
                return false;
        }
        if (pluck_shard_merge(shards[0], s, &ask, messages, size, 2, &out, NULL) != PLUCK_OK)
            return false;
        ask = out.next;
    }
    return true;
}

/* Nor do shards, in any of their rounds. */
static void shards_never_allocate(void **state) {
    (void)state;
    enum { WIDE = 5000, SECOND = 2048 };
    static float logits[WIDE];
    static const char *const specs[] = {
        "seed=1;repeat_penalty=1.2", "seed=1;top_k=0;top_p=1;min_p=0.1",
        "seed=1;samplers=temperature", "seed=1;top_k=0;min_p=0;top_p=0.9",
        "seed=1;samplers=typ_p;typ_p=0.5"};
    meter m = {0, 0, 0, -1};
    pluck_shard *shards[2];
    rows_fill(ROWS_PEAKED, 1, logits, WIDE);
    for (int i = 0; i < 2; ++i) {
        const pluck_shard_config config = {.n_vocab = WIDE,
                                           .first = i ? SECOND : 0,
                                           .n = i ? WIDE - SECOND : SECOND,
                                           .longest = WIDE - SECOND,
                                           .allocator = {meter_allocate, meter_deallocate, &m}};
        assert_int_equal(pluck_shard_create(&shards[i], &config, NULL), PLUCK_OK);
    }
    const long calls = m.calls;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; ++i) {
        pluck_sampler *s = NULL;
        assert_int_equal(pluck_sampler_from_spec(&s, specs[i], WIDE, NULL), PLUCK_OK);
        const long before = mallocs;
        const bool ok = sample_on_shards(shards, s, logits, SECOND);
        const long after = mallocs;
        assert_true(ok);
        assert_int_equal(after - before, 0);
        pluck_sampler_free(s);
    }
    assert_int_equal(m.calls, calls);
    for (int i = 0; i < 2; ++i) pluck_shard_free(shards[i]);
    assert_int_equal(m.live, 0);
}

/* Clones share what never changes: however many biases and breakers, a clone is no larger. */
static void clones_share(void **state) {
    (void)state;
    enum { MANY = 2000 };
    static pluck_logit_bias many[MANY];
    for (int i = 0; i < MANY; ++i) many[i] = (pluck_logit_bias){i, 0.5f};
    size_t clone_bytes[2];
    for (int which = 0; which < 2; ++which) {
        meter m = {0, 0, 0, -1};
        pluck_workspace *w = NULL;
        assert_int_equal(pluck_workspace_create(&w, N, NULL), PLUCK_OK);
        const pluck_stage stages[] = {with_bias(many, which ? MANY : 1), with_dist()};
        pluck_config c = with_chain(N, 1, PLUCK_RNG_MT19937, stages, 2);
        c.allocator = (pluck_allocator){meter_allocate, meter_deallocate, &m};
        c.workspace = w;
        pluck_sampler *s = NULL;
        pluck_sampler *copy = NULL;
        assert_int_equal(pluck_sampler_create(&s, &c), PLUCK_OK);
        const size_t before = m.bytes;
        assert_int_equal(pluck_sampler_clone(&copy, s), PLUCK_OK);
        clone_bytes[which] = m.bytes - before;
        pluck_sampler_free(s);
        pluck_sampler_free(copy);
        assert_int_equal(m.live, 0);
        pluck_workspace_free(w);
    }
    assert_int_equal(clone_bytes[0], clone_bytes[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creation_survives),      cmocka_unit_test(cloning_survives),
        cmocka_unit_test(half_an_allocator),      cmocka_unit_test(workspaces_survive),
        cmocka_unit_test(specs_survive),          cmocka_unit_test(sampling_never_allocates),
        cmocka_unit_test(batches_never_allocate), cmocka_unit_test(shards_never_allocate),
        cmocka_unit_test(clones_share),
    };
    return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}
