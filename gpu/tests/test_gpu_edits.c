/* test_gpu_edits.c: a row's biases and counted history, compared with a slow and simple count.
 * Needs no device. */
#include "rig.h"

#include "edits.h"

#include <stdlib.h>
#include <string.h>

enum { N = 50000 };

/* By definition: one place for each token of the vocabulary. */
static int32_t gather_slowly(const pluck_gpu_plan *plan, const int32_t *history, int32_t n,
                             plk_edit *out) {
    static plk_edit all[N];
    int32_t length = 0;
    memset(all, 0, sizeof all);
    for (int32_t i = 0; i < plan->n_biases; i++) all[plan->biases[i].id] = plan->biases[i];
    for (int32_t i = n > plan->last_n ? n - plan->last_n : 0; i < n; i++) all[history[i]].count++;
    for (int32_t id = 0; id < N; id++) {
        all[id].id = id;
        if (all[id].has_bias || all[id].count > 0) out[length++] = all[id];
    }
    return length;
}

/* Random biases and histories of every length around the rings' sizes, few tokens and many. */
static void counts_as_a_slow_count(void **state) {
    static const int32_t lengths[] = {0, 1, 2, 63, 64, 65, 500, 1023, 1024, 1025, 3000, 20000};
    static int32_t history[20000];
    static plk_edit biases[300], want[N];
    rows_random random = {11};
    gpu_edits e;
    (void)state;
    assert_int_equal(gpu_edits_create(&e, 21000), PLUCK_GPU_OK);
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        for (int round = 0; round < 8; round++) {
            const uint32_t range = round % 2 ? N : 40;
            pluck_gpu_plan plan = {.n_vocab = N, .biases = biases};
            pluck_gpu_row row = {.plan = &plan, .history = history, .n_history = lengths[l]};
            int32_t n = -1, wanted, id = -1;
            plan.last_n = round < 4 ? lengths[l] : lengths[l] / 2 + 1;
            for (int i = 0; i < (round % 3) * 150; i++) {
                id += 1 + (int32_t)rows_below(&random, range / 320 + 1);
                biases[plan.n_biases++] = (plk_edit){id, 0, (float)i, 1};
            }
            for (int32_t i = 0; i < lengths[l]; i++)
                history[i] = (int32_t)rows_below(&random, range);
            wanted = gather_slowly(&plan, history, lengths[l], want);
            assert_int_equal(gpu_edits_gather(&e, &row, &n), PLUCK_GPU_OK);
            assert_int_equal(n, wanted);
            if (n > 0) assert_memory_equal(e.edits, want, (size_t)n * sizeof *want);
        }
    }
    gpu_edits_free(&e);
}

/* A million different tokens: a quadratic method would not finish. */
static void a_long_history(void **state) {
    enum { LONG = PLK_MAX_VOCAB };
    int32_t *history = malloc(LONG * sizeof *history), n = 0;
    pluck_gpu_plan plan = {.n_vocab = LONG, .last_n = LONG};
    pluck_gpu_row row = {.plan = &plan, .history = history, .n_history = LONG};
    gpu_edits e;
    (void)state;
    assert_non_null(history);
    for (int32_t i = 0; i < LONG; i++) history[i] = (int32_t)((uint32_t)i * 7919u % LONG);
    assert_int_equal(gpu_edits_create(&e, LONG), PLUCK_GPU_OK);
    assert_int_equal(gpu_edits_gather(&e, &row, &n), PLUCK_GPU_OK);
    assert_int_equal(n, LONG);
    for (int32_t i = 0; i < LONG; i++)
        assert_true(e.edits[i].id == i && e.edits[i].count == 1 && !e.edits[i].has_bias);
    gpu_edits_free(&e);
    free(history);
}

/* With room for 3 edits: any history of 3 different tokens fits, however long. */
static void refuses_what_does_not_fit(void **state) {
    plk_edit biases[] = {{5, 0, 1.0f, 1}, {7, 0, 2.0f, 1}};
    pluck_gpu_plan plan = {.n_vocab = 10, .last_n = 100, .biases = biases, .n_biases = 2};
    int32_t history[100], n = 0;
    pluck_gpu_row row = {.plan = &plan, .history = history, .n_history = 100};
    gpu_edits e;
    (void)state;
    assert_int_equal(gpu_edits_create(&e, 3), PLUCK_GPU_OK);
    for (int i = 0; i < 100; i++) history[i] = i % 2 ? 7 : 9;
    assert_int_equal(gpu_edits_gather(&e, &row, &n), PLUCK_GPU_OK);
    assert_int_equal(n, 3);
    assert_int_equal(e.edits[0].count, 0);
    assert_int_equal(e.edits[1].count, 50);
    assert_int_equal(e.edits[2].count, 50);
    history[99] = 4;
    assert_int_equal(gpu_edits_gather(&e, &row, &n), PLUCK_GPU_ERR_SIZE);
    history[99] = 10;
    assert_int_equal(gpu_edits_gather(&e, &row, &n), PLUCK_GPU_ERR_TOKEN);
    history[99] = -1;
    assert_int_equal(gpu_edits_gather(&e, &row, &n), PLUCK_GPU_ERR_TOKEN);
    row.history = NULL;
    assert_int_equal(gpu_edits_gather(&e, &row, &n), PLUCK_GPU_ERR_NULL);
    plan.last_n = 0; /* nothing is counted, nothing is read */
    assert_int_equal(gpu_edits_gather(&e, &row, &n), PLUCK_GPU_OK);
    assert_int_equal(n, 2);
    gpu_edits_free(&e);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts_as_a_slow_count),
                                       cmocka_unit_test(a_long_history),
                                       cmocka_unit_test(refuses_what_does_not_fit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
