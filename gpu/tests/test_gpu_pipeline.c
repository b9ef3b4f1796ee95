/* test_gpu_pipeline.c: the transfer pipeline: rows arrive, slots run out, transfers
 * fail and are cancelled. */
#include "rig.h"

#include <stdatomic.h>
#include <string.h>

enum { N = 5000, ROWS = 3, SLOTS = 4 };

typedef struct world {
    rig rig;
    float logits[ROWS][N];
    pluck_gpu_logits rows;
    pluck_gpu_pipeline *pipeline;
} world;

static world w;

static int open_world(void **state) {
    const pluck_gpu_pipeline_config config = {sizeof w.logits, SLOTS};
    (void)state;
    rig_open(&w.rig, N, ROWS, 0);
    for (int i = 0; i < ROWS; i++) rows_fill((rows_kind)i, 4, w.logits[i], N);
    memset(&w.rows, 0, sizeof w.rows);
    w.rows.data = (void *)rig_upload(&w.rig, w.logits, sizeof w.logits);
    w.rows.n_rows = ROWS;
    return pluck_gpu_pipeline_create(&w.pipeline, w.rig.device, &config, NULL) == PLUCK_GPU_OK ? 0
                                                                                               : -1;
}

static int close_world(void **state) {
    (void)state;
    pluck_gpu_pipeline_free(w.pipeline);
    w.rig.device->api->memory_free(w.rig.device, (gpu_memory)w.rows.data);
    rig_close(&w.rig);
    return 0;
}

/* Whole submissions, single rows, and every second row of a strided one; through more
 * tickets than slots. */
static void rows_arrive(void **state) {
    (void)state;
    for (int i = 0; i < 3 * SLOTS; i++) {
        pluck_gpu_logits rows = w.rows;
        const void *got = NULL;
        uint64_t ticket;
        if (i % 3 == 1) {
            rows.n_rows = 1;
            rows.offset = N * sizeof(float);
        } else if (i % 3 == 2) {
            rows.n_rows = 2;
            rows.stride = 2 * N * sizeof(float);
        }
        assert_int_equal(
            pluck_gpu_pipeline_submit(w.pipeline, &rows, N, w.rig.stream, NULL, NULL, &ticket), 0);
        assert_int_equal(pluck_gpu_pipeline_wait(w.pipeline, ticket, &got), 0);
        assert_int_equal(pluck_gpu_pipeline_poll(w.pipeline, ticket), 0);
        if (i % 3 == 0) assert_memory_equal(got, w.logits, sizeof w.logits);
        if (i % 3 == 1) assert_memory_equal(got, w.logits[1], sizeof w.logits[1]);
        if (i % 3 == 2) {
            assert_memory_equal(got, w.logits[0], sizeof w.logits[0]);
            assert_memory_equal((const float *)got + N, w.logits[2], sizeof w.logits[2]);
        }
        assert_int_equal(pluck_gpu_pipeline_release(w.pipeline, ticket), 0);
        assert_int_equal(pluck_gpu_pipeline_poll(w.pipeline, ticket), PLUCK_GPU_ERR_TICKET);
    }
}

/* Without releases the slots run out; a release lets the next submission in. */
static void back_pressure(void **state) {
    uint64_t tickets[SLOTS], more;
    const void *rows;
    (void)state;
    for (int i = 0; i < SLOTS; i++)
        assert_int_equal(
            pluck_gpu_pipeline_submit(w.pipeline, &w.rows, N, NULL, NULL, NULL, &tickets[i]), 0);
    assert_int_equal(pluck_gpu_pipeline_submit(w.pipeline, &w.rows, N, NULL, NULL, NULL, &more),
                     PLUCK_GPU_ERR_BUSY);
    assert_int_equal(pluck_gpu_pipeline_wait_slot(w.pipeline), PLUCK_GPU_ERR_BUSY);
    for (int i = 0; i < SLOTS; i++) {
        assert_int_equal(pluck_gpu_pipeline_wait(w.pipeline, tickets[i], &rows), 0);
        assert_int_equal(pluck_gpu_pipeline_release(w.pipeline, tickets[i]), 0);
    }
    assert_int_equal(pluck_gpu_pipeline_wait_slot(w.pipeline), 0);
}

typedef struct count {
    atomic_int ok, cancelled, failed, wrong;
} count;

static void on_rows(void *ctx, uint64_t ticket, pluck_gpu_status status, const void *rows) {
    count *c = ctx;
    (void)ticket;
    if (status == PLUCK_GPU_OK) {
        atomic_fetch_add(&c->ok, 1);
        const unsigned char *sent = (const unsigned char *)w.logits;
        if (memcmp(rows, sent, sizeof w.logits) != 0) atomic_fetch_add(&c->wrong, 1);
    } else {
        atomic_fetch_add(status == PLUCK_GPU_ERR_CANCELLED ? &c->cancelled : &c->failed, 1);
        if (rows) atomic_fetch_add(&c->wrong, 1);
    }
}

static void callbacks_and_cancel(void **state) {
    count c = {0};
    int cancelled = 0;
    uint64_t ticket;
    (void)state;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(pluck_gpu_pipeline_wait_slot(w.pipeline), 0);
        assert_int_equal(
            pluck_gpu_pipeline_submit(w.pipeline, &w.rows, N, w.rig.stream, on_rows, &c, &ticket),
            0);
        if (i % 4 == 3) cancelled += pluck_gpu_pipeline_cancel(w.pipeline, ticket) == PLUCK_GPU_OK;
    }
    pluck_gpu_pipeline_free(w.pipeline); /* calls the outstanding callbacks */
    w.pipeline = NULL;
    assert_int_equal(atomic_load(&c.ok), 40 - cancelled);
    assert_int_equal(atomic_load(&c.cancelled), cancelled);
    assert_int_equal(atomic_load(&c.failed), 0);
    assert_int_equal(atomic_load(&c.wrong), 0);
    assert_int_equal(pluck_gpu_pipeline_create(&w.pipeline, w.rig.device,
                                               &(pluck_gpu_pipeline_config){sizeof w.logits, SLOTS},
                                               NULL),
                     0);
}

/* A device that fails every third copy: its ticket says so, the others arrive. */
static const gpu_backend_table *real_table;
static atomic_int copies;

static pluck_gpu_status failing_copy(pluck_gpu_device *device, gpu_stream stream, void *to,
                                     gpu_memory from, size_t offset, size_t stride, size_t width,
                                     size_t rows) {
    if (atomic_fetch_add(&copies, 1) % 3 == 1) return PLUCK_GPU_ERR_DEVICE;
    return real_table->download_rows(device, stream, to, from, offset, stride, width, rows);
}

static void errors_fail_their_own_ticket(void **state) {
    gpu_backend_table table = *w.rig.device->api;
    count c = {0};
    (void)state;
    real_table = w.rig.device->api;
    table.download_rows = failing_copy;
    w.rig.device->api = &table;
    for (int i = 0; i < 12; i++) {
        const void *rows = NULL;
        uint64_t ticket;
        assert_int_equal(pluck_gpu_pipeline_wait_slot(w.pipeline), 0);
        assert_int_equal(pluck_gpu_pipeline_submit(w.pipeline, &w.rows, N, NULL,
                                                   i < 6 ? on_rows : NULL, &c, &ticket),
                         0);
        if (i < 6) continue;
        assert_int_equal(pluck_gpu_pipeline_wait(w.pipeline, ticket, &rows),
                         i % 3 == 1 ? PLUCK_GPU_ERR_DEVICE : PLUCK_GPU_OK);
        if (rows) assert_int_equal(pluck_gpu_pipeline_release(w.pipeline, ticket), 0);
    }
    w.rig.device->api = real_table;
    assert_int_equal(atomic_load(&c.ok), 4);
    assert_int_equal(atomic_load(&c.failed), 2);
    assert_int_equal(atomic_load(&c.wrong), 0);
}

static void refuses_bad_input(void **state) {
    pluck_gpu_pipeline *p = NULL;
    pluck_gpu_logits rows = w.rows;
    pluck_gpu_error error;
    uint64_t ticket;
    (void)state;
    assert_int_equal(
        pluck_gpu_pipeline_create(&p, w.rig.device, &(pluck_gpu_pipeline_config){100, 1}, &error),
        PLUCK_GPU_ERR_SIZE);
    assert_int_equal(pluck_gpu_pipeline_submit(w.pipeline, &rows, 2 * N, NULL, NULL, NULL, &ticket),
                     PLUCK_GPU_ERR_POINTER);
    rows.dtype = (pluck_dtype)7;
    assert_int_equal(pluck_gpu_pipeline_submit(w.pipeline, &rows, N, NULL, NULL, NULL, &ticket),
                     PLUCK_GPU_ERR_DTYPE);
    assert_int_equal(pluck_gpu_pipeline_wait(w.pipeline, 999, &(const void *){NULL}),
                     PLUCK_GPU_ERR_TICKET);
    assert_int_equal(pluck_gpu_pipeline_cancel(w.pipeline, 999), PLUCK_GPU_ERR_TICKET);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_arrive), cmocka_unit_test(back_pressure),
        cmocka_unit_test(callbacks_and_cancel), cmocka_unit_test(errors_fail_their_own_ticket),
        cmocka_unit_test(refuses_bad_input)};
    if (rig_may_skip()) return RIG_NO_DEVICE;
    return cmocka_run_group_tests(tests, open_world, close_world);
}
