/*
 * test_gpu_errors.c: what happens if the device fails: memory runs out, a call fails half-way, the
 * device is lost.
 *
 * A faulty backend is put before the real one: it counts the objects it has given out, and fails
 * the one call that a test chose.
 */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

enum { N = 3000, ROWS = 3 };

static const gpu_backend_table *real;
static int live;                 /* objects that were created and not freed */
static int until;                /* calls before the one that fails; < 0: none does */
static pluck_gpu_status failure; /* the status it fails with */
static bool failing_waits;       /* whether waiting counts as a call */
static bool everything_fails;    /* from the failing call on: the device is gone */

static bool fails(void) {
    if (until == 0) {
        if (!everything_fails) until = -1;
        return true;
    }
    if (until > 0) until--;
    return false;
}

#define FAULTY(name, parameters, arguments)                                                        \
    static pluck_gpu_status faulty_##name parameters {                                             \
        return fails() ? failure : real->name arguments;                                           \
    }
#define FAULTY_CREATE(name, parameters, arguments)                                                 \
    static pluck_gpu_status faulty_##name parameters {                                             \
        if (fails()) return failure;                                                               \
        live++;                                                                                    \
        return real->name arguments;                                                               \
    }
#define COUNTED_FREE(name, type, exists)                                                           \
    static void faulty_##name(pluck_gpu_device *d, type x) {                                       \
        live -= (exists) ? 1 : 0;                                                                  \
        real->name(d, x);                                                                          \
    }
FAULTY_CREATE(memory_create, (pluck_gpu_device * d, size_t size, gpu_memory *out), (d, size, out))
FAULTY_CREATE(pinned_create, (pluck_gpu_device * d, size_t size, gpu_pinned *out), (d, size, out))
FAULTY_CREATE(stream_create, (pluck_gpu_device * d, gpu_stream *out), (d, out))
FAULTY_CREATE(event_create, (pluck_gpu_device * d, bool timed, gpu_event *out), (d, timed, out))
COUNTED_FREE(memory_free, gpu_memory, x != 0)
COUNTED_FREE(pinned_free, gpu_pinned *, x->host != NULL)
COUNTED_FREE(stream_free, gpu_stream, x != NULL)
COUNTED_FREE(event_free, gpu_event, x != NULL)
FAULTY(event_record, (pluck_gpu_device * d, gpu_event e, gpu_stream s), (d, e, s))
FAULTY(zero, (pluck_gpu_device * d, gpu_stream s, gpu_memory m, size_t n), (d, s, m, n))
FAULTY(upload, (pluck_gpu_device * d, gpu_stream s, gpu_memory to, const void *from, size_t n),
       (d, s, to, from, n))
FAULTY(download,
       (pluck_gpu_device * d, gpu_stream s, void *to, gpu_memory from, size_t at, size_t n),
       (d, s, to, from, at, n))
FAULTY(launch, (pluck_gpu_device * d, gpu_stream s, const gpu_launch *l), (d, s, l))

static pluck_gpu_status faulty_event_poll(pluck_gpu_device *d, gpu_event e) {
    return failing_waits && fails() ? failure : real->event_poll(d, e);
}

static pluck_gpu_status faulty_event_wait(pluck_gpu_device *d, gpu_event e) {
    return failing_waits && fails() ? failure : real->event_wait(d, e);
}

/* The device's table with the faulty calls in it. */
static gpu_backend_table faulty_table(pluck_gpu_device *device) {
    gpu_backend_table t = *device->api;
    real = device->api;
    t.memory_create = faulty_memory_create;
    t.pinned_create = faulty_pinned_create;
    t.stream_create = faulty_stream_create;
    t.event_create = faulty_event_create;
    t.memory_free = faulty_memory_free;
    t.pinned_free = faulty_pinned_free;
    t.stream_free = faulty_stream_free;
    t.event_free = faulty_event_free;
    t.event_record = faulty_event_record;
    t.event_poll = faulty_event_poll;
    t.event_wait = faulty_event_wait;
    t.zero = faulty_zero;
    t.upload = faulty_upload;
    t.download = faulty_download;
    t.launch = faulty_launch;
    return t;
}

static gpu_backend_table table;
static rig r;
static float logits[ROWS][N];
static int32_t want[ROWS];
static pluck_gpu_call call;
static pluck_gpu_row rows[ROWS];
static pluck_gpu_plan *plan;

static int open_world(void **state) {
    const pluck_stage stages[] = {with_top_k(20), with_dist()};
    const pluck_config config = with_chain(N, 3, PLUCK_RNG_PHILOX, stages, 2);
    const pluck_gpu_result *results;
    uint64_t ticket;
    (void)state;
    rig_open(&r, N, ROWS, 0);
    for (int i = 0; i < ROWS; i++) rows_fill(ROWS_NORMAL, (uint64_t)i, logits[i], N);
    assert_int_equal(pluck_gpu_plan_create(&plan, &config, NULL), PLUCK_GPU_OK);
    for (int i = 0; i < ROWS; i++) rows[i] = (pluck_gpu_row){.plan = plan, .seed = 3};
    call.logits.data = (void *)rig_upload(&r, logits, sizeof logits);
    call.logits.n_rows = ROWS;
    call.rows = rows;
    assert_int_equal(pluck_gpu_enqueue(r.batch, &call, &ticket), PLUCK_GPU_OK);
    assert_int_equal(pluck_gpu_wait(r.batch, ticket, &results), PLUCK_GPU_OK);
    for (int i = 0; i < ROWS; i++) {
        assert_int_equal(results[i].status, 0);
        want[i] = results[i].token;
    }
    table = faulty_table(r.device);
    return 0;
}

static int close_world(void **state) {
    (void)state;
    r.device->api->memory_free(r.device, (gpu_memory)call.logits.data);
    pluck_gpu_plan_free(plan);
    rig_close(&r);
    return 0;
}

static int break_device(void **state) {
    (void)state;
    until = -1;
    live = 0;
    failing_waits = everything_fails = false;
    r.device->api = &table;
    return 0;
}

static int mend_device(void **state) {
    (void)state;
    r.device->api = real;
    atomic_store(&r.device->lost, false);
    return 0;
}

/* Good calls give the same tokens as before. */
static void works(pluck_gpu_batch *batch) {
    const pluck_gpu_result *results;
    uint64_t ticket;
    assert_int_equal(pluck_gpu_enqueue(batch, &call, &ticket), PLUCK_GPU_OK);
    assert_int_equal(pluck_gpu_wait(batch, ticket, &results), PLUCK_GPU_OK);
    for (int i = 0; i < ROWS; i++) {
        assert_int_equal(results[i].status, 0);
        assert_int_equal(results[i].token, want[i]);
    }
}

/* Whatever allocation fails at creation: the error says so, and nothing is left behind. */
static void creation_leaks_nothing(void **state) {
    const pluck_gpu_batch_config config = {.n_vocab = N, .max_rows = ROWS};
    const pluck_gpu_pipeline_config slots = {sizeof logits, 3};
    int steps[2] = {0, 0};
    (void)state;
    for (int what = 0; what < 2; what++) {
        pluck_gpu_status status = PLUCK_GPU_ERR_DEVICE_MEMORY;
        for (int step = 0; status != PLUCK_GPU_OK; step++) {
            pluck_gpu_batch *batch = NULL;
            pluck_gpu_pipeline *pipeline = NULL;
            pluck_gpu_error error = {0};
            until = step;
            failure = step % 2 ? PLUCK_GPU_ERR_MEMORY : PLUCK_GPU_ERR_DEVICE_MEMORY;
            status = what ? pluck_gpu_pipeline_create(&pipeline, r.device, &slots, &error)
                          : pluck_gpu_batch_create(&batch, r.device, &config, &error);
            if (status == PLUCK_GPU_OK) {
                assert_int_equal(until, 0); /* it was not reached */
                until = -1;
                if (batch) works(batch);
            } else {
                assert_int_equal(status, failure);
                assert_int_equal(error.status, failure);
                assert_non_null(strstr(error.message, pluck_gpu_status_string(failure)));
                assert_null(batch);
                assert_null(pipeline);
                assert_int_equal(live, 0);
                steps[what]++;
            }
            pluck_gpu_batch_free(batch);
            pluck_gpu_pipeline_free(pipeline);
            assert_int_equal(live, 0);
        }
    }
    assert_true(steps[0] >
                20); /* streams, buffers, the slots' events and pinned memory, the clearing */
    assert_true(steps[1] > 8);
}

/* A batch that is too large for the device is refused before anything is allocated. */
static void too_large_for_the_device(void **state) {
    const pluck_gpu_batch_config config = {.n_vocab = 1 << 20, .max_rows = 1024};
    const uint64_t memory = r.device->info.memory;
    pluck_gpu_batch *batch = NULL;
    pluck_gpu_error error = {0};
    (void)state;
    r.device->info.memory = 64 << 20;
    until = 0; /* the first allocation would fail otherwise */
    failure = PLUCK_GPU_ERR_DEVICE;
    assert_int_equal(pluck_gpu_pipeline_create(&(pluck_gpu_pipeline *){NULL}, r.device,
                                               &(pluck_gpu_pipeline_config){1, 2}, NULL),
                     PLUCK_GPU_ERR_DEVICE); /* so the fault is in place */
    assert_int_equal(pluck_gpu_batch_create(&batch, r.device, &config, &error),
                     PLUCK_GPU_ERR_DEVICE_MEMORY);
    r.device->info.memory = memory;
    assert_null(batch);
    assert_int_equal(live, 0);
    assert_non_null(strstr(error.message, "1024 rows of 1048576 tokens need"));
    assert_non_null(strstr(error.message, "which has 67108864; 0 were given"));
}

/* A call that fails half-way, at any step, fails alone: the next gives the right tokens. */
static void a_failed_call_fails_alone(void **state) {
    pluck_gpu_status status = PLUCK_GPU_ERR_DEVICE;
    pluck_gpu_softmax softmax = {.logits = call.logits};
    uint64_t ticket = 0;
    int failed = 0;
    (void)state;
    failure = PLUCK_GPU_ERR_DEVICE;
    for (int step = 0; status != PLUCK_GPU_OK; step++) {
        until = step;
        status = pluck_gpu_enqueue(r.batch, &call, &ticket);
        if (status == PLUCK_GPU_OK) break;
        assert_int_equal(status, PLUCK_GPU_ERR_DEVICE);
        assert_int_equal(pluck_gpu_poll(r.batch, ticket), PLUCK_GPU_ERR_TICKET);
        failed++;
        works(r.batch);
    }
    until = -1;
    assert_int_equal(pluck_gpu_wait(r.batch, ticket, NULL), PLUCK_GPU_OK);
    assert_true(failed >= 5); /* parameters, select, reduce, finish, event */
    until = 0;
    assert_int_equal(pluck_gpu_enqueue_softmax(r.batch, &softmax, &ticket), PLUCK_GPU_ERR_DEVICE);
    works(r.batch);
}

/* A ticket whose event fails says so, and its slot is used again. */
static void a_failed_ticket_fails_alone(void **state) {
    uint64_t ticket;
    (void)state;
    for (int i = 0; i < 12; i++) { /* more than there are slots */
        assert_int_equal(pluck_gpu_enqueue(r.batch, &call, &ticket), PLUCK_GPU_OK);
        failing_waits = true;
        failure = PLUCK_GPU_ERR_DEVICE;
        until = 0;
        assert_int_equal(i % 2 ? pluck_gpu_wait(r.batch, ticket, NULL)
                               : pluck_gpu_poll(r.batch, ticket),
                         PLUCK_GPU_ERR_DEVICE);
        failing_waits = false;
        works(r.batch);
    }
}

/* After the device is lost every call reports it at once, and everything can be freed. */
static void a_lost_device_says_so(void **state) {
    const pluck_gpu_batch_config config = {.n_vocab = N, .max_rows = ROWS};
    const pluck_gpu_pipeline_config slots = {sizeof logits, 3};
    const pluck_gpu_softmax softmax = {.logits = call.logits};
    pluck_gpu_batch *batch = NULL, *other = NULL;
    pluck_gpu_pipeline *pipeline = NULL;
    pluck_gpu_error error = {0};
    uint64_t ticket, under_way, more;
    const void *got = NULL;
    (void)state;
    assert_int_equal(pluck_gpu_batch_create(&batch, r.device, &config, NULL), PLUCK_GPU_OK);
    assert_int_equal(pluck_gpu_pipeline_create(&pipeline, r.device, &slots, NULL), PLUCK_GPU_OK);
    assert_int_equal(pluck_gpu_enqueue(batch, &call, &ticket), PLUCK_GPU_OK);
    failing_waits = everything_fails = true;
    failure = PLUCK_GPU_ERR_LOST;
    until = 0;
    assert_int_equal(
        pluck_gpu_pipeline_submit(pipeline, &call.logits, N, r.stream, NULL, NULL, &under_way),
        PLUCK_GPU_OK); /* the ticket reports it */
    assert_int_equal(pluck_gpu_pipeline_wait(pipeline, under_way, &got), PLUCK_GPU_ERR_LOST);
    assert_null(got);
    assert_int_equal(pluck_gpu_pipeline_poll(pipeline, under_way), PLUCK_GPU_ERR_TICKET);
    assert_int_equal(pluck_gpu_pipeline_wait_slot(pipeline), PLUCK_GPU_OK); /* all are free */
    assert_int_equal(pluck_gpu_pipeline_submit(pipeline, &call.logits, N, NULL, NULL, NULL, &more),
                     PLUCK_GPU_ERR_LOST);
    assert_int_equal(pluck_gpu_wait(batch, ticket, NULL), PLUCK_GPU_ERR_LOST);
    assert_int_equal(pluck_gpu_enqueue(batch, &call, &more), PLUCK_GPU_ERR_LOST);
    assert_int_equal(pluck_gpu_enqueue_softmax(batch, &softmax, &more), PLUCK_GPU_ERR_LOST);
    assert_int_equal(pluck_gpu_batch_create(&other, r.device, &config, &error), PLUCK_GPU_ERR_LOST);
    assert_non_null(strstr(error.message, "is lost; close it and open it again"));
    assert_null(other);
    pluck_gpu_pipeline_free(pipeline);
    pluck_gpu_batch_free(batch);
    assert_int_equal(live, 0);
}

/* Ranges that do not lie in their memory, one byte or far too much. */
static void bad_ranges(void **state) {
    static uint32_t words[ROWS * ((N + 31) / 32)];
    const gpu_memory masks = rig_upload(&r, words, sizeof words);
    pluck_gpu_call bad = call;
    uint64_t ticket;
    (void)state;
    bad.logits.offset = sizeof(float);
    assert_int_equal(pluck_gpu_enqueue(r.batch, &bad, &ticket), PLUCK_GPU_ERR_POINTER);
    bad.logits.offset = SIZE_MAX - 3;
    assert_int_equal(pluck_gpu_enqueue(r.batch, &bad, &ticket), PLUCK_GPU_ERR_POINTER);
    bad.logits.offset = 0;
    bad.logits.stride = sizeof logits;
    assert_int_equal(pluck_gpu_enqueue(r.batch, &bad, &ticket), PLUCK_GPU_ERR_POINTER);
    bad.logits.stride = N * sizeof(float) - 4;
    assert_int_equal(pluck_gpu_enqueue(r.batch, &bad, &ticket), PLUCK_GPU_ERR_SIZE);
    bad = call;
    bad.masks = (void *)masks;
    bad.masks_offset = 4;
    assert_int_equal(pluck_gpu_enqueue(r.batch, &bad, &ticket), PLUCK_GPU_ERR_POINTER);
    bad.masks_offset = 0;
    bad.masks_stride = 4;
    assert_int_equal(pluck_gpu_enqueue(r.batch, &bad, &ticket), PLUCK_GPU_ERR_SIZE);
    works(r.batch);
    r.device->api->memory_free(r.device, masks);
}

#define ON_A_BROKEN_DEVICE(test) cmocka_unit_test_setup_teardown(test, break_device, mend_device)

int main(void) {
    const struct CMUnitTest tests[] = {ON_A_BROKEN_DEVICE(creation_leaks_nothing),
                                       ON_A_BROKEN_DEVICE(too_large_for_the_device),
                                       ON_A_BROKEN_DEVICE(a_failed_call_fails_alone),
                                       ON_A_BROKEN_DEVICE(a_failed_ticket_fails_alone),
                                       ON_A_BROKEN_DEVICE(a_lost_device_says_so),
                                       cmocka_unit_test(bad_ranges)};
    if (rig_may_skip()) return RIG_NO_DEVICE;
    return cmocka_run_group_tests(tests, open_world, close_world);
}
