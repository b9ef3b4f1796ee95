/*
 * test_batch.c: a batch against a loop of pluck_sample_row on twins, on rows of all kinds: the same
 * tokens, draws and histories, whatever is asked for beside them; the kept sets and
 * log-probabilities against what the twin's candidates and double precision say; the same for every
 * number of threads, for callers' executors, and in a child of a fork.
 */
#include "batch_rows.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#if defined(__unix__)
#include <sys/wait.h>
#include <unistd.h>
#endif

static batch_case cases[BATCH_ROWS];
static pluck_batch_row rows[BATCH_ROWS];
static batch_results results, others;

static pluck_batch *batch_of(int32_t n_threads) {
    pluck_batch *b = NULL;
    const pluck_batch_config c = {
        .n_vocab = BATCH_N, .max_rows = BATCH_ROWS, .n_threads = n_threads};
    assert_int_equal(pluck_batch_create(&b, &c, NULL), PLUCK_OK);
    return b;
}

/* ---- against a loop ---- */

static int by_id(const void *a, const void *b) {
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* The same probability. A look at the row before the chain takes sums that the chain would have taken
 * later, or in another way: the last bits may differ. */
static void assert_about(float got, float want) {
    if (!(fabsf(got - want) <= 1e-6f * want))
        fail_msg("%.9g, wanted %.9g", (double)got, (double)want);
}

static void check_kept(int32_t i, const pluck_candidates *left) {
    static int32_t sorted[BATCH_N];
    const int64_t from = results.offsets[i];
    assert_int_equal(results.offsets[i + 1] - from, left->n);
    memcpy(sorted, left->ids, (size_t)left->n * sizeof *sorted);
    qsort(sorted, (size_t)left->n, sizeof *sorted, by_id);
    assert_memory_equal(results.kept + from, sorted, (size_t)left->n * sizeof *sorted);
    for (int32_t k = 0; k < left->n; ++k) {
        const int32_t *at = bsearch(&left->ids[k], sorted, (size_t)left->n, sizeof *sorted, by_id);
        assert_about(results.probabilities[from + (at - sorted)], left->probabilities[k]);
    }
}

/* `greatest` is the magnitude of the logits, which were rounded to float. */
static void assert_near(float got, double want, double greatest, const char *what, int32_t row) {
    if (isinf(want) && (double)got == want) return;
    const double off = fabs((double)got - want);
    if (!(off <= 2e-6 * fmax(1.0, fabs(want)) + 0x1p-23 * greatest))
        fail_msg("%s of row %d: %.9g, wanted %.9g", what, (int)row, (double)got, want);
}

/* One distribution as logits: what a top must hold. Logits at +inf share it. */
typedef struct dense {
    double x[BATCH_N], logprob[BATCH_N]; /* by token */
    int32_t n_alive;
    double greatest; /* finite magnitude of an x */
} dense;

static void normalise(dense *d) {
    double max = -INFINITY, sum = 0;
    memcpy(d->x, d->logprob, sizeof d->x);
    for (int32_t t = 0; t < BATCH_N; ++t) max = fmax(max, d->logprob[t]);
    for (int32_t t = 0; t < BATCH_N; ++t) {
        double *x = &d->logprob[t];
        if (max == INFINITY) *x = *x == INFINITY ? 0 : -INFINITY;
        sum += exp(*x - (max == INFINITY ? 0 : max));
    }
    d->n_alive = 0;
    d->greatest = 0;
    for (int32_t t = 0; t < BATCH_N; ++t) {
        d->logprob[t] -= (max == INFINITY ? 0 : max) + log(sum);
        d->n_alive += d->logprob[t] > -INFINITY;
        if (isfinite(d->x[t])) d->greatest = fmax(d->greatest, fabs(d->x[t]));
    }
}

static void raw_dense(dense *d, const pluck_row *row) {
    for (int32_t t = 0; t < BATCH_N; ++t) d->logprob[t] = -INFINITY;
    const int32_t n = row->ids ? row->n : BATCH_N;
    for (int32_t k = 0; k < n; ++k) {
        const int32_t t = row->ids ? row->ids[k] : k;
        if (row->allowed && !(row->allowed[t / 32] >> (t % 32) & 1)) continue;
        float x;
        if (row->dtype == PLUCK_DTYPE_F32) {
            memcpy(&x, (const float *)row->logits + k, sizeof x);
        } else {
            const uint32_t bits = (uint32_t)((const uint16_t *)row->logits)[k] << 16;
            memcpy(&x, &bits, sizeof x);
        }
        d->logprob[t] = (double)x;
    }
    normalise(d);
}

static void left_dense(dense *d, const pluck_candidates *left) {
    for (int32_t t = 0; t < BATCH_N; ++t) d->logprob[t] = -INFINITY;
    for (int32_t k = 0; k < left->n; ++k) d->logprob[left->ids[k]] = (double)left->logits[k];
    normalise(d);
}

/* The top descends, is what the distribution says, and leaves out nothing that is more likely. */
static void check_top(const dense *d, bool exact, const int32_t *ids, const float *logprobs,
                      int32_t row) {
    const int32_t n = d->n_alive < BATCH_TOP ? d->n_alive : BATCH_TOP;
    bool seen[BATCH_N] = {false};
    for (int32_t k = 0; k < n; ++k) {
        assert_true(ids[k] >= 0 && ids[k] < BATCH_N && !seen[ids[k]]);
        seen[ids[k]] = true;
        assert_near(logprobs[k], d->logprob[ids[k]], d->greatest, "top", row);
        if (k > 0) assert_true(logprobs[k] <= logprobs[k - 1]);
        /* Of equals; after a temperature two logits may be rounded to the same. */
        if (k > 0 && exact && d->x[ids[k]] == d->x[ids[k - 1]]) assert_true(ids[k] > ids[k - 1]);
    }
    for (int32_t k = n; k < BATCH_TOP; ++k) assert_true(ids[k] == -1 && logprobs[k] == -INFINITY);
    for (int32_t t = 0; t < BATCH_N && n > 0; ++t)
        if (!seen[t]) assert_true(d->logprob[t] <= d->logprob[ids[n - 1]] + 1e-6);
}

static void check_row(int32_t i) {
    pluck_draw draw = {-1, 0, 0, 0};
    const pluck_status status = pluck_sample_row(cases[i].twin, &cases[i].as_one, &draw);
    assert_int_equal(results.statuses[i], status);
    if (status != PLUCK_OK) {
        assert_int_equal(results.tokens[i], -1);
        assert_int_equal(results.offsets[i], results.offsets[i + 1]);
        assert_true(isnan(results.raw_token[i]) && results.ids[i * BATCH_TOP] == -1);
        return;
    }
    assert_int_equal(results.tokens[i], draw.token);
    assert_int_equal(results.draws[i].token, draw.token);
    assert_int_equal(results.draws[i].n_candidates, draw.n_candidates);
    assert_true(results.draws[i].logit == draw.logit);
    assert_about(results.draws[i].probability, draw.probability);
    pluck_candidates left;
    assert_int_equal(pluck_workspace_candidates(pluck_sampler_workspace(cases[i].twin), &left),
                     PLUCK_OK);
    check_kept(i, &left);
    static dense d;
    left_dense(&d, &left);
    assert_near(results.token[i], d.logprob[draw.token], d.greatest, "processed token", i);
    check_top(&d, false, results.ids + i * BATCH_TOP, results.logprobs + i * BATCH_TOP, i);
    raw_dense(&d, &cases[i].as_one);
    assert_near(results.raw_token[i], d.logprob[draw.token], d.greatest, "raw token", i);
    check_top(&d, true, results.raw_ids + i * BATCH_TOP, results.raw_logprobs + i * BATCH_TOP, i);
    assert_int_equal(pluck_accept(cases[i].twin, draw.token), PLUCK_OK);
}

static void as_a_loop(void **state) {
    (void)state;
    long n_ok = 0, n_failed = 0;
    for (uint64_t seed = 0; seed < 40; ++seed) {
        pluck_batch *b = batch_of(1 + (int32_t)seed % 3);
        batch_rows_make(cases, rows, BATCH_ROWS, seed);
        for (uint64_t step = 0; step < 3; ++step) {
            batch_rows_refill(cases, rows, BATCH_ROWS, seed * 3 + step);
            const pluck_batch_out out = batch_results_ask(&results);
            const pluck_status status = pluck_batch_sample(b, rows, BATCH_ROWS, &out, NULL);
            long failed = 0;
            for (int32_t i = 0; i < BATCH_ROWS; ++i) {
                check_row(i);
                failed += results.statuses[i] != PLUCK_OK;
            }
            assert_int_equal(status, failed ? PLUCK_ERR_BATCH : PLUCK_OK);
            n_failed += failed;
            n_ok += BATCH_ROWS - failed;
        }
        batch_rows_free(cases, rows, BATCH_ROWS);
        pluck_batch_free(b);
    }
    assert_true(n_ok > 2000 && n_failed > 0); /* some chains mask all that is left */
}

/* ---- whoever runs it ---- */

typedef struct stray {
    void (*work)(void *arg, int32_t i);
    void *arg;
    int32_t i;
} stray;

static void *run_stray(void *arg) {
    const stray *s = arg;
    s->work(s->arg, s->i);
    return NULL;
}

/* A thread for each, begun last to first. */
static bool run_on_threads(void *ctx, int32_t n, void (*work)(void *arg, int32_t i), void *arg) {
    pthread_t threads[8] = {0};
    stray strays[8];
    (void)ctx;
    assert_true(n >= 2 && n <= 8);
    for (int32_t i = n; i-- > 0;) {
        strays[i] = (stray){work, arg, i};
        assert_int_equal(pthread_create(&threads[i], NULL, run_stray, &strays[i]), 0);
    }
    for (int32_t i = 0; i < n; ++i) pthread_join(threads[i], NULL);
    return true;
}

static bool run_in_turn(void *ctx, int32_t n, void (*work)(void *arg, int32_t i), void *arg) {
    ++*(int *)ctx;
    for (int32_t i = n; i-- > 0;) work(arg, i);
    return true;
}

static void whoever_runs_it(void **state) {
    (void)state;
    int turns = 0;
    const struct {
        int32_t n_threads;
        pluck_executor executor;
    } ways[] = {
        {1, {0}}, {2, {0}}, {5, {0}}, {7, {run_on_threads, NULL}}, {3, {run_in_turn, &turns}}};
    for (uint64_t seed = 100; seed < 110; ++seed) {
        for (size_t w = 0; w < sizeof ways / sizeof *ways; ++w) {
            pluck_batch *b = NULL;
            const pluck_batch_config c = {.n_vocab = BATCH_N,
                                          .max_rows = BATCH_ROWS,
                                          .n_threads = ways[w].n_threads,
                                          .executor = ways[w].executor};
            assert_int_equal(pluck_batch_create(&b, &c, NULL), PLUCK_OK);
            batch_rows_make(cases, rows, BATCH_ROWS, seed);
            batch_results *r = w == 0 ? &results : &others;
            for (int32_t n = BATCH_ROWS; n > 0; n -= 5) {
                const pluck_batch_out out = batch_results_ask(r);
                (void)pluck_batch_sample(b, rows, n, &out, NULL);
            }
            const pluck_batch_out out = batch_results_ask(r);
            (void)pluck_batch_sample(b, rows, BATCH_ROWS, &out, NULL);
            if (w > 0) batch_results_assert_same(&results, &others, BATCH_ROWS);
            batch_rows_free(cases, rows, BATCH_ROWS);
            pluck_batch_free(b);
        }
    }
    assert_int_equal(turns, 60);
}

/* ---- what is asked for ---- */

/* Asking for little gives the same tokens; what a row leaves out is blank. */
static void little_is_asked(void **state) {
    (void)state;
    pluck_batch *b = batch_of(2);
    for (uint64_t seed = 200; seed < 210; ++seed) {
        batch_rows_make(cases, rows, BATCH_ROWS, seed);
        int32_t tokens[BATCH_ROWS];
        const pluck_batch_out only = {.tokens = tokens};
        (void)pluck_batch_sample(b, rows, BATCH_ROWS, &only, NULL);
        batch_rows_free(cases, rows, BATCH_ROWS);
        batch_rows_make(cases, rows, BATCH_ROWS, seed);
        for (int32_t i = 0; i < BATCH_ROWS; i += 2)
            rows[i].leave_out = PLUCK_BATCH_KEPT | PLUCK_BATCH_RAW | PLUCK_BATCH_PROCESSED;
        const pluck_batch_out all = batch_results_ask(&results);
        (void)pluck_batch_sample(b, rows, BATCH_ROWS, &all, NULL);
        assert_memory_equal(tokens, results.tokens, sizeof tokens);
        for (int32_t i = 0; i < BATCH_ROWS; ++i) {
            const bool blank = i % 2 == 0 || results.statuses[i] != PLUCK_OK;
            assert_int_equal(results.offsets[i] == results.offsets[i + 1], blank);
            assert_int_equal(isnan(results.raw_token[i]) != 0, blank);
            assert_int_equal(results.ids[i * BATCH_TOP] == -1, blank);
        }
        batch_rows_free(cases, rows, BATCH_ROWS);
    }
    pluck_batch_free(b);
}

/* No rows, a batch for a greater vocabulary, samplers without a token to accept. */
static void small_things(void **state) {
    (void)state;
    pluck_batch *b = NULL;
    const pluck_batch_config c = {.n_vocab = 2 * BATCH_N, .max_rows = 3, .n_threads = 2};
    assert_int_equal(pluck_batch_create(&b, &c, NULL), PLUCK_OK);
    int64_t offset = -1;
    int32_t id;
    const pluck_batch_out none = {.kept = {.max_kept = 1, .offsets = &offset, .ids = &id}};
    assert_int_equal(pluck_batch_sample(b, NULL, 0, &none, NULL), PLUCK_OK);
    assert_int_equal(offset, 0);
    pluck_sampler *s;
    assert_int_equal(pluck_sampler_from_spec(&s, "top_k=1;repeat_penalty=9;seed=1", 4, NULL),
                     PLUCK_OK);
    const float logits[] = {1, 2, 5, 4.5f};
    const pluck_batch_row row = {.sampler = s, .row.logits = logits};
    int32_t tokens[2] = {-1, -1};
    const pluck_batch_out out = {.tokens = tokens};
    for (int i = 0; i < 2; ++i) {
        assert_int_equal(pluck_batch_sample(b, &row, 1, &out, NULL), PLUCK_OK);
        assert_int_equal(tokens[0], 2); /* nothing was accepted, nothing is penalised */
    }
    pluck_sampler_free(s);
    pluck_batch_free(b);
    pluck_batch_free(NULL);
}

#if defined(__unix__)
/* A child of a fork has none of the threads: it samples alone, and frees. */
static void forked(void **state) {
    (void)state;
    pluck_batch *b = batch_of(3);
    int32_t tokens[2][BATCH_ROWS];
    for (int turn = 0; turn < 2; ++turn) {
        batch_rows_make(cases, rows, BATCH_ROWS, 300);
        const pluck_batch_out out = {.tokens = tokens[turn]};
        if (turn == 0) {
            (void)pluck_batch_sample(b, rows, BATCH_ROWS, &out, NULL);
        } else {
            const pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0) {
                (void)pluck_batch_sample(b, rows, BATCH_ROWS, &out, NULL);
                pluck_batch_free(b);
                _exit(memcmp(tokens[0], tokens[1], sizeof tokens[0]) != 0 ? 1 : 0);
            }
            int status;
            assert_int_equal(waitpid(child, &status, 0), child);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
        batch_rows_free(cases, rows, BATCH_ROWS);
    }
    pluck_batch_free(b);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_a_loop),
        cmocka_unit_test(whoever_runs_it),
        cmocka_unit_test(little_is_asked),
        cmocka_unit_test(small_things),
#if defined(__unix__)
        cmocka_unit_test(forked),
#endif
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
