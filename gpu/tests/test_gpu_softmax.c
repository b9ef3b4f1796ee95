/* test_gpu_softmax.c: softmax, log-probabilities and log-sum-exp of rows, against sums in double
 * precision and the oracle. */
#include "rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 64 };

#define UNTOUCHED (-77.0f)

/* One call, its input and its output. */
typedef struct world {
    rig rig;
    int32_t n_vocab, n_rows, pad;
    pluck_dtype dtype;
    float temperature;
    bool logarithms;
    float *logits; /* as given; rounded in rig.stored */
    gpu_memory out, sums;
    float *got;
    float got_sums[MAX_ROWS];
    const pluck_gpu_result *results;
} world;

static size_t out_size(const world *w) {
    return (size_t)w->n_rows * (size_t)(w->n_vocab + w->pad) * sizeof(float);
}

static void open_world(world *w, int32_t n_vocab, int32_t max_rows) {
    memset(w, 0, sizeof *w);
    rig_open(&w->rig, n_vocab, max_rows, 0);
    w->n_vocab = n_vocab;
    w->n_rows = max_rows;
    w->pad = 64;
    w->logits = malloc(out_size(w));
    w->got = malloc(out_size(w));
    assert_non_null(w->logits);
    assert_non_null(w->got);
    for (size_t i = 0; i < out_size(w) / sizeof(float); i++) w->got[i] = UNTOUCHED;
    w->out = rig_upload(&w->rig, w->got, out_size(w));
    w->sums = rig_upload(&w->rig, w->got, (size_t)max_rows * sizeof(float));
}

static void close_world(world *w) {
    w->rig.device->api->memory_free(w->rig.device, w->out);
    w->rig.device->api->memory_free(w->rig.device, w->sums);
    rig_close(&w->rig);
    free(w->logits);
    free(w->got);
}

static size_t stride_of(const world *w) {
    return (size_t)(w->n_vocab + w->pad) * rows_element_size(w->dtype);
}

/* Row i of the call, in its dtype. */
static pluck_row stored_row(const world *w, int32_t i) {
    return (pluck_row){.logits = (char *)w->rig.stored + (size_t)i * stride_of(w),
                       .dtype = w->dtype,
                       .n = w->n_vocab};
}

/* Sends w->logits through a call, and fetches the output. */
static void run(world *w) {
    const gpu_backend_table *api = w->rig.device->api;
    pluck_gpu_softmax call;
    uint64_t ticket;
    assert_true(w->pad <= 64 && w->n_rows <= w->rig.max_rows);
    memset(w->rig.stored, 0xFF, w->rig.logits_size); /* NaN between the rows */
    for (int32_t i = 0; i < w->n_rows; i++)
        rows_store(w->dtype, w->logits + (size_t)i * (size_t)w->n_vocab,
                   (char *)w->rig.stored + (size_t)i * stride_of(w), w->n_vocab);
    for (size_t i = 0; i < out_size(w) / sizeof(float); i++) w->got[i] = UNTOUCHED;
    assert_int_equal(
        api->upload(w->rig.device, w->rig.stream, w->rig.logits, w->rig.stored, w->rig.logits_size),
        0);
    assert_int_equal(api->upload(w->rig.device, w->rig.stream, w->out, w->got, out_size(w)), 0);
    memset(&call, 0, sizeof call);
    call.logits.data = (void *)w->rig.logits;
    call.logits.stride = stride_of(w);
    call.logits.dtype = w->dtype;
    call.logits.n_rows = w->n_rows;
    call.temperature = w->temperature;
    call.logarithms = w->logarithms;
    call.out = (void *)w->out;
    call.out_stride = ((size_t)w->n_vocab + (size_t)w->pad) * sizeof(float);
    call.sums = (void *)w->sums;
    call.stream = w->rig.stream;
    assert_int_equal(pluck_gpu_enqueue_softmax(w->rig.batch, &call, &ticket), PLUCK_GPU_OK);
    assert_int_equal(pluck_gpu_wait(w->rig.batch, ticket, &w->results), PLUCK_GPU_OK);
    rig_download(&w->rig, w->out, w->got, out_size(w));
    rig_download(&w->rig, w->sums, w->got_sums, (size_t)w->n_rows * sizeof(float));
}

static void near_to(int32_t row, const char *what, int32_t token, double got, double want,
                    double relative, double absolute) {
    if (got == want || (isnan(got) && isnan(want))) return;
    if (fabs(got - want) <= relative * fabs(want) + absolute) return;
    fail_msg("row %d, token %d: %s is %.9g, wanted %.9g", row, token, what, got, want);
}

/* One row against sums in long double. */
static void check_row(const world *w, int32_t i) {
    const pluck_row row = stored_row(w, i);
    const float *got = w->got + (size_t)i * (size_t)(w->n_vocab + w->pad);
    const double t = w->temperature == 0.0f ? 1.0 : (double)w->temperature;
    const pluck_gpu_result *result = w->results + i;
    long double total = 0.0L;
    double maximum = -INFINITY, sum;
    int32_t best = -1;
    bool nan = false;
    for (int32_t k = 0; k < w->n_vocab; k++) {
        const double x = oracle_element(&row, k);
        nan |= isnan(x);
        if (x > maximum) {
            maximum = x;
            best = k;
        }
    }
    for (int32_t k = w->n_vocab; k < w->n_vocab + w->pad; k++) assert_true(got[k] == UNTOUCHED);
    if (nan || best < 0) {
        assert_int_equal(result->status, nan ? PLUCK_ERR_NAN : PLUCK_ERR_EMPTY);
        assert_int_equal(result->token, -1);
        near_to(i, "log-sum-exp", -1, (double)w->got_sums[i], nan ? (double)NAN : maximum, 0, 0);
        for (int32_t k = 0; k < w->n_vocab; k++) assert_true(got[k] == UNTOUCHED);
        return;
    }
    for (int32_t k = 0; k < w->n_vocab; k++) {
        const double x = oracle_element(&row, k);
        total += x == maximum ? 1.0L : expl(((long double)x - maximum) / t);
    }
    sum = maximum / t + (double)logl(total);
    assert_int_equal(result->status, PLUCK_OK);
    assert_int_equal(result->token, best);
    near_to(i, "maximum", best, (double)result->logit, maximum / t, 1e-7, 0.0);
    near_to(i, "its probability", best, (double)result->probability, (double)(1.0L / total), 1e-7,
            0.0);
    near_to(i, "its log-probability", best, (double)result->logprob, (double)-logl(total), 1e-7,
            1.5e-8);
    near_to(i, "log-sum-exp", -1, (double)w->got_sums[i], sum, 1e-7, 3e-8);
    for (int32_t k = 0; k < w->n_vocab; k++) {
        const double x = oracle_element(&row, k);
        const long double below = x == maximum ? 0.0L : ((long double)x - maximum) / t;
        if (w->logarithms)
            near_to(i, "log-probability", k, (double)got[k], (double)(below - logl(total)), 1e-7,
                    3e-8);
        else
            near_to(i, "probability", k, (double)got[k], (double)(expl(below) / total), 1.5e-7,
                    1.5e-45);
    }
}

/* Every kind of row, dtype and batch size, aligned rows and rows that are not, some with NaN and
 * some empty. */
static void hostile_rows(void **state) {
    static const int32_t batch_sizes[] = {1, 2, 7, 64};
    static const float temperatures[] = {0.0f, 0.5f, 2.0f, 0.01f};
    static const int32_t pads[] = {0, 5, 1, 64};
    const int32_t n_vocab = 6003;
    world w;
    (void)state;
    open_world(&w, n_vocab, MAX_ROWS);
    for (int round = 0; round < 12; round++) {
        w.dtype = (pluck_dtype)(round % 3);
        w.n_rows = batch_sizes[round / 3];
        w.temperature = temperatures[(round + round / 4) % 4];
        w.pad = pads[(round + round / 3) % 4];
        w.logarithms = round % 2 != 0;
        for (int32_t i = 0; i < w.n_rows; i++) {
            float *row = w.logits + (size_t)i * (size_t)n_vocab;
            rows_fill((rows_kind)((i + round) % ROWS_KINDS), (uint64_t)(i + 100 * round), row,
                      n_vocab);
            if (i % 16 == 5) row[n_vocab - 1 - i] = NAN;
            for (int32_t k = 0; k < n_vocab && i % 16 == 6; k++) row[k] = -INFINITY;
        }
        run(&w);
        for (int32_t i = 0; i < w.n_rows; i++) check_row(&w, i);
    }
    close_world(&w);
}

/* Vocabularies around the sizes of vectors and tiles, and the largest. */
static void any_vocabulary(void **state) {
    static const int32_t sizes[] = {1, 2, 3, 5, 31, 1023, 1024, 1025, 151936, 1048576};
    const size_t n = sizeof sizes / sizeof *sizes - (rig_is_emulated() ? 1 : 0);
    (void)state;
    for (size_t s = 0; s < n; s++) {
        world w;
        open_world(&w, sizes[s], 2);
        w.pad = 0;
        for (int dtype = 0; dtype < 3; dtype++) {
            w.dtype = (pluck_dtype)dtype;
            w.logarithms = dtype == 1;
            for (int32_t i = 0; i < 2; i++)
                rows_fill(ROWS_PEAKED, s * 2 + (uint64_t)i, w.logits + (size_t)i * (size_t)sizes[s],
                          sizes[s]);
            run(&w);
            for (int32_t i = 0; i < 2; i++) check_row(&w, i);
        }
        close_world(&w);
    }
}

/* Recorded logits give the oracle's log-probabilities, and the same bytes in any batch. */
static void as_the_oracle_alone_or_not(void **state) {
    enum { N = 20000, ROWS = 7 };
    static double logprobs[N];
    static int32_t ids[N];
    static float first[ROWS][N];
    pluck_gpu_result results[ROWS];
    world w;
    (void)state;
    open_world(&w, N, ROWS);
    w.logarithms = true;
    w.pad = 0;
    for (int32_t i = 0; i < ROWS; i++)
        rows_fill(i % 2 ? ROWS_REAL : ROWS_HALF_MASKED, (uint64_t)i, w.logits + (size_t)i * N, N);
    run(&w);
    memcpy(results, w.results, sizeof results);
    memcpy(first, w.got, sizeof first);
    for (int32_t i = 0; i < ROWS; i++) {
        const pluck_row row = stored_row(&w, i);
        const int32_t n = oracle_logprobs(&row, N, ids, logprobs);
        assert_true(n > N / 4);
        assert_int_equal(results[i].token, ids[0]);
        for (int32_t k = 0; k < n; k++)
            near_to(i, "log-probability", ids[k], (double)first[i][ids[k]], logprobs[k], 1e-7,
                    3e-8);
    }
    w.n_rows = 1;
    for (int32_t i = 0; i < ROWS; i++) {
        memmove(w.logits, w.logits + (size_t)i * N, N * sizeof(float));
        run(&w);
        assert_memory_equal(w.results, results + i, sizeof *results);
        assert_memory_equal(w.got, first[i], sizeof first[i]);
    }
    close_world(&w);
}

/* The log-sum-exp alone writes nothing else, and its results may go to the caller's memory. */
static void sums_alone(void **state) {
    enum { N = 3000, ROWS = 3 };
    pluck_gpu_result mine[ROWS];
    pluck_gpu_softmax call;
    uint64_t ticket;
    world w;
    (void)state;
    open_world(&w, N, ROWS);
    for (int32_t i = 0; i < ROWS; i++)
        rows_fill(ROWS_NORMAL, (uint64_t)i, w.logits + (size_t)i * N, N);
    w.pad = 0;
    run(&w);
    memset(&call, 0, sizeof call);
    call.logits.data = (void *)w.rig.logits;
    call.logits.n_rows = ROWS;
    call.results = mine;
    assert_int_equal(pluck_gpu_enqueue_softmax(w.rig.batch, &call, &ticket), PLUCK_GPU_OK);
    assert_int_equal(pluck_gpu_wait(w.rig.batch, ticket, &w.results), PLUCK_GPU_OK);
    assert_ptr_equal(w.results, mine);
    for (int32_t i = 0; i < ROWS; i++)
        near_to(i, "logit - logprob", -1, (double)mine[i].logit - (double)mine[i].logprob,
                (double)w.got_sums[i], 2e-7, 0.0);
    close_world(&w);
}

static void refuses_bad_calls(void **state) {
    enum { N = 1000 };
    pluck_gpu_softmax good, call;
    uint64_t ticket;
    world w;
    (void)state;
    open_world(&w, N, 2);
    memset(&good, 0, sizeof good);
    good.logits.data = (void *)w.rig.logits;
    good.logits.n_rows = 2;
    good.out = (void *)w.out;
#define REFUSED(status, ...)                                                                       \
    do {                                                                                           \
        call = good;                                                                               \
        __VA_ARGS__;                                                                               \
        assert_int_equal(pluck_gpu_enqueue_softmax(w.rig.batch, &call, &ticket), (status));        \
    } while (0)
    REFUSED(PLUCK_GPU_ERR_NULL, call.logits.data = NULL);
    REFUSED(PLUCK_GPU_ERR_SIZE, call.logits.n_rows = 3);
    REFUSED(PLUCK_GPU_ERR_SIZE, call.temperature = -1.0f);
    REFUSED(PLUCK_GPU_ERR_SIZE, call.temperature = NAN);
    REFUSED(PLUCK_GPU_ERR_SIZE, call.temperature = INFINITY);
    REFUSED(PLUCK_GPU_ERR_SIZE, call.out_stride = N * sizeof(float) - 4);
    REFUSED(PLUCK_GPU_ERR_POINTER, call.out_offset = 2);
    REFUSED(PLUCK_GPU_ERR_POINTER, call.out = (void *)w.rig.logits);
    REFUSED(PLUCK_GPU_ERR_POINTER, call.sums = (void *)w.sums; call.sums_offset = 3);
    REFUSED(PLUCK_GPU_ERR_POINTER, call.out_offset = 200 * sizeof(float)); /* the last row ends */
    REFUSED(PLUCK_GPU_ERR_POINTER, call.sums = (void *)w.sums; call.sums_offset = 4);
    REFUSED(PLUCK_GPU_OK, call.out_offset = 0);
    assert_int_equal(pluck_gpu_wait(w.rig.batch, ticket, NULL), PLUCK_GPU_OK);
#undef REFUSED
    close_world(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_rows), cmocka_unit_test(any_vocabulary),
        cmocka_unit_test(as_the_oracle_alone_or_not), cmocka_unit_test(sums_alone),
        cmocka_unit_test(refuses_bad_calls)};
    if (rig_may_skip()) return RIG_NO_DEVICE;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
