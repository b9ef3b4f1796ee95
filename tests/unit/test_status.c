/*
 * test_status.c: every status, caused through the public functions alone. A status in pluck.h's
 * list without a reach_... here does not compile; a status that no call returns fails the test.
 */
#include "check.h"
#include "pluck_batch.h"
#include "pluck_shard.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 50 };

static float row_of_logits[N];

static pluck_status create(int32_t n_vocab, pluck_stage stage) {
    const pluck_config config = with_chain(n_vocab, 1, PLUCK_RNG_MT19937, &stage, 1);
    pluck_sampler *s = NULL;
    const pluck_status status = pluck_sampler_create(&s, &config);
    assert_int_equal(s != NULL, status == PLUCK_OK);
    pluck_sampler_free(s);
    return status;
}

/* Samples one row (may be NULL) with a chain of one stage; if `stage` is NULL,
 * with an empty chain. */
static pluck_status sample(const pluck_stage *stage, const pluck_row *row) {
    const pluck_config config = with_chain(N, 1, PLUCK_RNG_MT19937, stage, stage ? 1 : 0);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    pluck_draw draw;
    const pluck_status status = pluck_sample_row(s, row, &draw);
    pluck_sampler_free(s);
    return status;
}

static pluck_status from_spec(const char *spec) {
    pluck_sampler *s = NULL;
    pluck_error error;
    const pluck_status status = pluck_sampler_from_spec(&s, spec, N, &error);
    assert_null(s);
    assert_int_equal(error.status, status);
    assert_true(strlen(error.message) > 0);
    return status;
}

static void *no_memory(void *ctx, size_t size) {
    (void)ctx;
    (void)size;
    return NULL;
}
static void nothing_to_free(void *ctx, void *pointer, size_t size) {
    (void)ctx;
    (void)pointer;
    (void)size;
}
static bool fail_always(void *ctx, pluck_custom_view *view) {
    (void)ctx;
    (void)view;
    return false;
}

static pluck_status reach_OK(void) {
    const pluck_stage dist = with_dist();
    return sample(&dist, &(pluck_row){.logits = row_of_logits});
}
static pluck_status reach_ERR_NULL(void) {
    return pluck_accept(NULL, 0);
}
static pluck_status reach_ERR_MEMORY(void) {
    const pluck_allocator a = {no_memory, nothing_to_free, NULL};
    pluck_workspace *w = NULL;
    return pluck_workspace_create(&w, N, &a);
}
static pluck_status reach_ERR_VOCAB(void) {
    return create(0, with_dist());
}
static pluck_status reach_ERR_STAGE(void) {
    return create(N, (pluck_stage){.kind = (pluck_stage_kind)1000});
}
static pluck_status reach_ERR_PARAM(void) {
    return create(N, with_top_p(2.0f, 0));
}
static pluck_status reach_ERR_TOKEN(void) {
    const pluck_logit_bias bias = {N, 1.0f};
    return create(N, with_bias(&bias, 1));
}
static pluck_status reach_ERR_NAN(void) {
    float logits[N];
    memcpy(logits, row_of_logits, sizeof logits);
    logits[N / 2] = NAN;
    const pluck_stage dist = with_dist();
    return sample(&dist, &(pluck_row){.logits = logits});
}
static pluck_status reach_ERR_EMPTY(void) {
    const uint32_t none[(N + 31) / 32] = {0};
    const pluck_stage dist = with_dist();
    return sample(&dist, &(pluck_row){.logits = row_of_logits, .allowed = none});
}
static pluck_status reach_ERR_ROW(void) {
    const pluck_stage dist = with_dist();
    return sample(&dist, &(pluck_row){.logits = row_of_logits, .n = N + 1});
}
static pluck_status reach_ERR_ORDER(void) {
    const float rising[] = {1.0f, 2.0f};
    const int32_t ids[] = {4, 5};
    const pluck_stage dist = with_dist();
    return sample(&dist, &(pluck_row){.logits = rising, .n = 2, .ids = ids, .descending = true});
}
static pluck_status reach_ERR_WORKSPACE(void) {
    pluck_workspace *small = NULL;
    assert_int_equal(pluck_workspace_create(&small, N - 1, NULL), PLUCK_OK);
    const pluck_stage dist = with_dist();
    const pluck_status status =
        sample(&dist, &(pluck_row){.logits = row_of_logits, .workspace = small});
    pluck_workspace_free(small);
    return status;
}
static pluck_status reach_ERR_NO_DRAW(void) {
    return sample(NULL, &(pluck_row){.logits = row_of_logits});
}
static pluck_status reach_ERR_CALLBACK(void) {
    const pluck_stage custom = {.kind = PLUCK_STAGE_CUSTOM, .as.custom = {.apply = fail_always}};
    return sample(&custom, &(pluck_row){.logits = row_of_logits});
}
static pluck_status reach_ERR_NO_RESULT(void) {
    pluck_workspace *fresh = NULL;
    assert_int_equal(pluck_workspace_create(&fresh, N, NULL), PLUCK_OK);
    pluck_candidates candidates;
    const pluck_status status = pluck_workspace_candidates(fresh, &candidates);
    pluck_workspace_free(fresh);
    return status;
}
static pluck_status reach_ERR_SPEC_SYNTAX(void) {
    return from_spec("top_k");
}
static pluck_status reach_ERR_SPEC_KEY(void) {
    return from_spec("topk=1");
}
static pluck_status reach_ERR_SPEC_VALUE(void) {
    return from_spec("top_k=one");
}
static pluck_status reach_ERR_SPEC_RANGE(void) {
    return from_spec("top_p=2");
}
static pluck_status reach_ERR_SPEC_DUPLICATE(void) {
    return from_spec("temp=1;temperature=1");
}
static pluck_status reach_ERR_RNG(void) {
    const pluck_stage dist = with_dist();
    const pluck_config config = with_chain(N, 1, PLUCK_RNG_MT19937, &dist, 1);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    const pluck_status status = pluck_sampler_seek(s, 1);
    pluck_sampler_free(s);
    return status;
}
static pluck_status reach_ERR_SIZE(void) {
    const pluck_config config = with_chain(N, 1, PLUCK_RNG_MT19937, NULL, -1);
    pluck_sampler *s = NULL;
    return pluck_sampler_create(&s, &config);
}

static pluck_status reach_ERR_STATE(void) {
    const pluck_stage dist = with_dist();
    const pluck_config config = with_chain(N, 1, PLUCK_RNG_MT19937, &dist, 1);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    const pluck_status status = pluck_sampler_load(s, "a saved sampler?", 16, NULL);
    pluck_sampler_free(s);
    return status;
}
static pluck_status reach_ERR_SHARD(void) {
    const pluck_stage greedy = with_greedy();
    const pluck_config config = with_chain(N, 1, PLUCK_RNG_MT19937, &greedy, 1);
    const pluck_shard_config place = {.n_vocab = N, .n = N};
    const pluck_shard_request first = {.dtype = PLUCK_DTYPE_F32};
    static const unsigned char nothing[4096];
    pluck_sampler *s = NULL;
    pluck_shard *shard = NULL;
    pluck_shard_outcome out;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    assert_int_equal(pluck_shard_create(&shard, &place, NULL), PLUCK_OK);
    const pluck_status status =
        pluck_shard_merge(shard, s, &first, nothing, sizeof nothing, 1, &out, NULL);
    pluck_shard_free(shard);
    pluck_sampler_free(s);
    return status;
}
static pluck_status reach_ERR_SECOND_ROW(void) {
    const pluck_stage guidance = with_guidance(1.5f);
    return sample(&guidance, &(pluck_row){.logits = row_of_logits});
}
static pluck_status reach_ERR_REWIND(void) {
    const pluck_stage dist = with_dist();
    const pluck_config config = with_chain(N, 1, PLUCK_RNG_MT19937, &dist, 1);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    const pluck_status status = pluck_sampler_rewind(s, 0);
    pluck_sampler_free(s);
    return status;
}

/* A batch of two threads, of which the second one is the caller's and never comes. */
static bool come_never(void *ctx, int32_t n, void (*work)(void *arg, int32_t i), void *arg) {
    (void)ctx;
    (void)n;
    (void)work;
    (void)arg;
    return false;
}
/* The status of the second of two rows, or of the call: of samplers that are one and the same, or not. */
static pluck_status batch(bool same, bool of_row) {
    const pluck_stage dist = with_dist();
    const pluck_config chain = with_chain(N, 1, PLUCK_RNG_MT19937, &dist, 1);
    const pluck_batch_config config = {
        .n_vocab = N, .max_rows = 2, .n_threads = 2, .executor.run = same ? NULL : come_never};
    pluck_batch *b = NULL;
    assert_int_equal(pluck_batch_create(&b, &config, NULL), PLUCK_OK);
    pluck_batch_row rows[2];
    for (int i = 0; i < 2; ++i) {
        rows[i] = (pluck_batch_row){.row.logits = row_of_logits};
        assert_int_equal(pluck_sampler_create(&rows[i].sampler, &chain), PLUCK_OK);
    }
    pluck_sampler *second = rows[1].sampler;
    if (same) rows[1].sampler = rows[0].sampler;
    pluck_status statuses[2];
    const pluck_batch_out out = {.statuses = statuses};
    const pluck_status status = pluck_batch_sample(b, rows, 2, &out, NULL);
    pluck_sampler_free(rows[0].sampler);
    pluck_sampler_free(second);
    pluck_batch_free(b);
    return of_row ? statuses[1] : status;
}
static pluck_status reach_ERR_BATCH(void) {
    return batch(true, false);
}
static pluck_status reach_ERR_SHARED(void) {
    return batch(true, true);
}
static pluck_status reach_ERR_CANCELLED(void) {
    return batch(false, true);
}

typedef struct entry {
    pluck_status status;
    const char *name, *message;
    pluck_status (*reach)(void);
} entry;

static const entry all[] = {
#define ENTRY(name, code, message) {PLUCK_##name, "PLUCK_" #name, message, reach_##name},
    PLUCK_STATUS_MAP(ENTRY)
#undef ENTRY
};
enum { N_ALL = sizeof all / sizeof all[0] };

static void each_is_reached(void **state) {
    (void)state;
    for (size_t i = 0; i < N_ALL; ++i) {
        const pluck_status status = all[i].reach();
        if (status != all[i].status) {
            fail_msg("%s, wanted %s", pluck_status_name(status), all[i].name);
        }
    }
}

/* 0 is success and errors are negative; names and messages are one line each and all different. */
static void each_has_its_own_words(void **state) {
    (void)state;
    for (size_t i = 0; i < N_ALL; ++i) {
        const char *message = pluck_status_string(all[i].status);
        assert_string_equal(pluck_status_name(all[i].status), all[i].name);
        assert_string_equal(message, all[i].message);
        assert_true(i == 0 ? all[i].status == 0 : all[i].status < 0);
        assert_true(strlen(message) > 0 && !strchr(message, '\n'));
        assert_true(message[strlen(message) - 1] != '.');
        for (size_t j = 0; j < i; ++j) {
            assert_int_not_equal(all[i].status, all[j].status);
            assert_string_not_equal(message, all[j].message);
        }
    }
}

static void other_numbers(void **state) {
    (void)state;
    const int others[] = {1, -1000, 2147483647, -2147483647 - 1, -(int)N_ALL};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; ++i) {
        assert_string_equal(pluck_status_string((pluck_status)others[i]), "unknown status");
        assert_string_equal(pluck_status_name((pluck_status)others[i]), "PLUCK_UNKNOWN");
    }
}

/* The version as text, and as the build system has read it from the header. */
static void version(void **state) {
    (void)state;
    char text[40];
    (void)snprintf(text, sizeof text, "%d.%d.%d", PLUCK_VERSION_MAJOR, PLUCK_VERSION_MINOR,
                   PLUCK_VERSION_PATCH);
    assert_string_equal(pluck_version(), text);
    assert_string_equal(PLUCK_PROJECT_VERSION, text);
}

static int make_row(void **state) {
    (void)state;
    rows_fill(ROWS_NORMAL, 4, row_of_logits, N);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_reached),
        cmocka_unit_test(each_has_its_own_words),
        cmocka_unit_test(other_numbers),
        cmocka_unit_test(version),
    };
    return cmocka_run_group_tests_name("status", tests, make_row, NULL);
}
