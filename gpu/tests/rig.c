/* rig.c: see rig.h. */
#include "rig.h"

#include "emulator.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

pluck_gpu_device *rig_device(void) {
    static pluck_gpu_device *device;
    const char *wanted = getenv("PLUCK_GPU_DEVICE");
    pluck_gpu_select select = {PLUCK_GPU_ANY, wanted ? (int32_t)strtol(wanted, NULL, 10) : 0, NULL,
                               NULL};
    pluck_gpu_error error;
    if (device) return device;
    if (wanted && strcmp(wanted, "emulator") == 0) return device = emulator_open();
    if (pluck_gpu_open(&device, &select, &error) != PLUCK_GPU_OK) {
        printf("no device: %s\n", error.message);
        return NULL;
    }
    printf("device: %s (%s)\n", pluck_gpu_device_describe(device)->name,
           pluck_gpu_device_describe(device)->driver);
    return device;
}

bool rig_may_skip(void) {
    return getenv("PLUCK_GPU_DEVICE") == NULL && rig_device() == NULL;
}

bool rig_is_emulated(void) {
    const pluck_gpu_device *device = rig_device();
    /* Only the emulator has no native device. */
    return device->native == NULL || strcmp(device->info.name, "test driver") == 0;
}

void rig_open(rig *r, int32_t n_vocab, int32_t max_rows, int32_t max_candidates) {
    pluck_gpu_batch_config config = {
        .n_vocab = n_vocab, .max_rows = max_rows, .max_candidates = max_candidates};
    const size_t words = ((size_t)n_vocab + 31) / 32;
    pluck_gpu_error error = {0};
    memset(r, 0, sizeof *r);
    r->device = rig_device();
    assert_non_null(r->device);
    if (max_candidates > (int32_t)r->device->small_max)
        config.max_candidates = max_candidates = (int32_t)r->device->small_max;
    if (pluck_gpu_batch_create(&r->batch, r->device, &config, &error) != PLUCK_GPU_OK)
        fail_msg("batch: %s", error.message);
    r->n_vocab = n_vocab;
    r->max_rows = max_rows;
    r->max_candidates = max_candidates;
    r->logits_size = ((size_t)n_vocab + 64) * (size_t)max_rows * 4;
    r->masks_size = words * (size_t)max_rows * 4;
    r->stored = malloc(r->logits_size);
    r->plans = calloc((size_t)max_rows, sizeof *r->plans);
    assert_non_null(r->stored);
    assert_non_null(r->plans);
    assert_int_equal(r->device->api->memory_create(r->device, r->logits_size, &r->logits), 0);
    assert_int_equal(r->device->api->memory_create(r->device, r->masks_size, &r->masks), 0);
    assert_int_equal(r->device->api->stream_create(r->device, &r->stream), 0);
    assert_int_equal(r->device->api->event_create(r->device, false, &r->event), 0);
}

static void free_plans(rig *r) {
    for (int32_t i = 0; i < r->n_rows; i++)
        if (i == 0 || r->plans[i] != r->plans[i - 1]) pluck_gpu_plan_free(r->plans[i]);
    r->n_rows = 0;
}

void rig_close(rig *r) {
    free_plans(r);
    pluck_gpu_batch_free(r->batch);
    r->device->api->memory_free(r->device, r->logits);
    r->device->api->memory_free(r->device, r->masks);
    r->device->api->event_free(r->device, r->event);
    r->device->api->stream_free(r->device, r->stream);
    free(r->stored);
    free(r->plans);
}

static void upload(rig *r, gpu_memory to, const void *bytes, size_t size) {
    const gpu_backend_table *api = r->device->api;
    assert_int_equal(api->upload(r->device, r->stream, to, bytes, size), 0);
    assert_int_equal(api->event_record(r->device, r->event, r->stream), 0);
    assert_int_equal(api->event_wait(r->device, r->event), 0);
}

void rig_download(rig *r, gpu_memory memory, void *bytes, size_t size) {
    const gpu_backend_table *api = r->device->api;
    assert_int_equal(api->download(r->device, r->stream, bytes, memory, 0, size), 0);
    assert_int_equal(api->event_record(r->device, r->event, r->stream), 0);
    assert_int_equal(api->event_wait(r->device, r->event), 0);
}

gpu_memory rig_upload(rig *r, const void *bytes, size_t size) {
    gpu_memory memory = 0;
    assert_int_equal(r->device->api->memory_create(r->device, size, &memory), 0);
    upload(r, memory, bytes, size);
    return memory;
}

void rig_run(rig *r, const rig_row *rows, int32_t n_rows, pluck_dtype dtype, int32_t pad) {
    const size_t element = rows_element_size(dtype), words = ((size_t)r->n_vocab + 31) / 32;
    const size_t stride = ((size_t)r->n_vocab + (size_t)pad) * element;
    pluck_gpu_row *params = calloc((size_t)n_rows, sizeof *params);
    uint32_t *masks = malloc(r->masks_size);
    pluck_gpu_call call;
    pluck_gpu_status status;
    bool any_mask = false;
    assert_true(n_rows <= r->max_rows && pad <= 64);
    assert_non_null(params);
    assert_non_null(masks);
    free_plans(r);
    memset(r->stored, 0xFF, r->logits_size); /* NaN between the rows */
    memset(masks, 0, r->masks_size);
    for (int32_t i = 0; i < n_rows; i++) {
        pluck_gpu_error error = {0};
        rows_store(dtype, rows[i].logits, (char *)r->stored + (size_t)i * stride, r->n_vocab);
        if (i > 0 && rows[i].config == rows[i - 1].config)
            r->plans[i] = r->plans[i - 1];
        else if (pluck_gpu_plan_create(&r->plans[i], rows[i].config, &error) != PLUCK_GPU_OK)
            fail_msg("plan: %s", error.message);
        params[i].plan = r->plans[i];
        params[i].seed = rows[i].seed;
        params[i].position = rows[i].position;
        params[i].history = rows[i].history;
        params[i].n_history = rows[i].n_history;
        params[i].masked = rows[i].mask != NULL;
        if (rows[i].mask) {
            memcpy(masks + (size_t)i * words, rows[i].mask, words * 4);
            any_mask = true;
        }
    }
    upload(r, r->logits, r->stored, r->logits_size);
    if (any_mask) upload(r, r->masks, masks, r->masks_size);
    memset(&call, 0, sizeof call);
    call.logits.data = (void *)r->logits;
    call.logits.stride = stride;
    call.logits.dtype = dtype;
    call.logits.n_rows = n_rows;
    call.rows = params;
    call.masks = any_mask ? (void *)r->masks : NULL;
    status = pluck_gpu_enqueue(r->batch, &call, &r->ticket);
    if (status != PLUCK_GPU_OK) fail_msg("enqueue: %s", pluck_gpu_status_string(status));
    status = pluck_gpu_wait(r->batch, r->ticket, &r->results);
    if (status != PLUCK_GPU_OK) fail_msg("wait: %s", pluck_gpu_status_string(status));
    r->n_rows = n_rows;
    r->dtype = dtype;
    if (pad) /* the comparison wants them packed */
        for (int32_t i = 0; i < n_rows; i++)
            memmove((char *)r->stored + (size_t)i * (size_t)r->n_vocab * element,
                    (char *)r->stored + (size_t)i * stride, (size_t)r->n_vocab * element);
    free(params);
    free(masks);
}

/* Does u select `token`, or fall within the band of it? The oracle's
 * candidates are in any order. */
static bool within_band(const oracle_result *want, int32_t token) {
    double before = 0.0, p = -1.0;
    for (int32_t i = 0; i < want->n; i++) {
        if (want->ids[i] < token) before += want->probabilities[i];
        if (want->ids[i] == token) p = want->probabilities[i];
    }
    return p >= 0.0 && want->u > before - RIG_DRAW_BAND && want->u < before + p + RIG_DRAW_BAND;
}

static void check_token(rig *r, int32_t row, const oracle_result *want) {
    const pluck_gpu_result *got = r->results + row;
    const bool argmax = pluck_gpu_plan_placement(r->plans[row]) == PLUCK_GPU_ARGMAX;
    if (got->token != want->token) {
        if (want->wild || want->n_near > 0 ||
            (!isnan(want->u) && want->u >= 0.0 && within_band(want, got->token))) {
            r->n_excused++;
            return;
        }
        fail_msg("row %d: token %d, wanted %d (u %.17g)", row, got->token, want->token, want->u);
    }
    if (argmax || want->n_near > 0 || want->wild) return;
    if (got->n_candidates != want->n)
        fail_msg("row %d: %d candidates, wanted %d", row, got->n_candidates, want->n);
    if (fabs((double)got->probability - want->probability) > 1e-6 * want->probability + 1e-12)
        fail_msg("row %d: probability %.9g, wanted %.9g", row, (double)got->probability,
                 want->probability);
    if (fabs((double)got->logprob - log(want->probability)) >
        2e-6 * fabs(log(want->probability)) + 2e-7)
        fail_msg("row %d: log-probability %.9g, wanted %.9g", row, (double)got->logprob,
                 log(want->probability));
    if (isfinite(want->logit) &&
        fabs((double)got->logit - want->logit) > 1e-6 * fabs(want->logit) + 1e-30)
        fail_msg("row %d: logit %.9g, wanted %.9g", row, (double)got->logit, want->logit);
}

/* Compares the candidates that the device hands back: those that the chain's front leaves. */
static void check_candidates(rig *r, int32_t row, const oracle_result *want, double temperature) {
    pluck_row got;
    int32_t unmasked = 0;
    const float *logits;
    if (r->results[row].status == PLUCK_GPU_ERR_OVERFLOW) {
        if (want->n + want->n_masked <= r->max_candidates && want->n_near == 0)
            fail_msg("row %d: overflow with %d candidates", row, want->n);
        return;
    }
    assert_int_equal(pluck_gpu_candidates(r->batch, r->ticket, row, &got), PLUCK_GPU_OK);
    logits = got.logits;
    for (int32_t i = 0; i < got.n; i++)
        if (logits[i] > -INFINITY) unmasked++;
    if (want->n_near > 0 || want->wild) {
        r->n_excused++;
        return;
    }
    if (unmasked != want->n) fail_msg("row %d: %d candidates, wanted %d", row, unmasked, want->n);
    for (int32_t i = 0; i < want->n; i++) {
        if (got.ids[i] != want->ids[i])
            fail_msg("row %d: candidate %d is %d, wanted %d", row, i, got.ids[i], want->ids[i]);
        if (fabs((double)logits[i] - want->logits[i] * temperature) >
            1e-6 * fabs((double)logits[i]))
            fail_msg("row %d: candidate %d has logit %.9g, wanted %.9g", row, i, (double)logits[i],
                     want->logits[i] * temperature);
    }
}

/* Shortens the config to the stages that the device ran. Returns the product of their temperatures:
 * they count on the device, but the tail applies them to the logits. */
static double front_of(const pluck_gpu_plan *plan, pluck_config *config, pluck_stage *stages) {
    const pluck_config *tail = pluck_gpu_plan_tail(plan);
    double temperature = 1.0;
    int32_t n = 0, temperatures = 0;
    while (n < config->n_stages && config->n_stages - n != tail->n_stages - temperatures) {
        stages[n] = config->stages[n];
        if (stages[n].kind == PLUCK_STAGE_TEMPERATURE) {
            temperature *= (double)stages[n].as.temperature.t;
            temperatures++;
        }
        n++;
    }
    config->stages = stages;
    config->n_stages = n;
    return temperature;
}

void rig_check(rig *r, const rig_row *rows) {
    const size_t element = rows_element_size(r->dtype);
    for (int32_t i = 0; i < r->n_rows; i++) {
        const pluck_gpu_placement placement = pluck_gpu_plan_placement(r->plans[i]);
        pluck_config config = *rows[i].config;
        pluck_stage stages[64];
        double temperature = 1.0;
        oracle_result want;
        pluck_row row = {0};
        oracle *o;
        if (placement == PLUCK_GPU_CANDIDATES) temperature = front_of(r->plans[i], &config, stages);
        o = oracle_create(&config, rows[i].seed);
        assert_non_null(o);
        oracle_seek(o, rows[i].position);
        for (int32_t h = 0; h < rows[i].n_history; h++) oracle_accept(o, rows[i].history[h]);
        row.logits = (char *)r->stored + (size_t)i * (size_t)r->n_vocab * element;
        row.dtype = r->dtype;
        row.n = r->n_vocab;
        row.allowed = rows[i].mask;
        oracle_sample(o, &row, &want);
        if (r->results[i].status != PLUCK_GPU_ERR_OVERFLOW &&
            r->results[i].status != (int32_t)want.status &&
            !(want.status == PLUCK_ERR_NO_DRAW && placement == PLUCK_GPU_CANDIDATES))
            fail_msg("row %d: status %d, wanted %d", i, r->results[i].status, (int)want.status);
        if (r->results[i].status == 0 && placement == PLUCK_GPU_CANDIDATES)
            check_candidates(r, i, &want, temperature);
        else if (r->results[i].status == 0)
            check_token(r, i, &want);
        oracle_free(o);
    }
}

void rig_finish(rig *r, const float *logits, pluck_sampler *whole, pluck_sampler **tail) {
    pluck_draw want, got;
    if (!*tail)
        assert_int_equal(pluck_sampler_create(tail, pluck_gpu_plan_tail(r->plans[0])), PLUCK_OK);
    assert_int_equal(pluck_sample_row(whole, &(pluck_row){.logits = logits}, &want), PLUCK_OK);
    assert_int_equal(pluck_gpu_finish_row(r->batch, r->ticket, 0, *tail, &got), PLUCK_OK);
    assert_int_equal(got.token, want.token);
    assert_int_equal(got.n_candidates, want.n_candidates);
    assert_int_equal(pluck_accept(whole, want.token), PLUCK_OK);
    assert_int_equal(pluck_accept(*tail, got.token), PLUCK_OK);
}

rig_row rig_random_row(rows_random *random, const float *logits, int32_t n_vocab,
                       const int32_t *history, pluck_stage *stages, int32_t n_stages,
                       pluck_config *config, uint32_t *mask) {
    *config = with_chain(n_vocab, (uint32_t)rows_next(random), PLUCK_RNG_PHILOX, stages, n_stages);
    const rows_mask_kind kind = (rows_mask_kind)rows_below(random, ROWS_MASKS);
    rows_mask(kind, rows_next(random), logits, mask, n_vocab);
    const bool masked = rows_below(random, 2);
    return (rig_row){.logits = logits,
                     .mask = masked ? mask : NULL,
                     .config = config,
                     .seed = config->seed,
                     .position = rows_next(random),
                     .history = history,
                     .n_history = 8};
}
