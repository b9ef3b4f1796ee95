/* batch.c: a batch's life, and a call: rows handed to threads. See batch.h. */
#include "arithmetic.h"

#include "batch.h"

#include "error.h"

/* ---- life ---- */

/* Sizes the block; with base, also points the batch's members into it. */
static size_t lay_out(const pluck_batch_config *config, pluck_batch *b, char *base) {
    const size_t n_lanes = (size_t)config->n_threads, n_rows = (size_t)config->max_rows;
    const size_t n_vocab = (size_t)config->n_vocab, n_words = n_vocab / 64 + 1;
    size_t used = round_up(sizeof *b, CACHE_LINE);
    lane *lanes = pk_take(base, &used, n_lanes, sizeof *lanes);
    pluck_status *statuses = pk_take(base, &used, n_rows, sizeof *statuses);
    int32_t *n_kept = pk_take(base, &used, n_rows, sizeof *n_kept);
    for (size_t i = 0; i < n_lanes; i++) {
        float *room = pk_take(base, &used, n_vocab, sizeof *room);
        uint64_t *bits = pk_take(base, &used, n_words, sizeof *bits);
        if (!base) continue;
        lanes[i] = (lane){.room = room, .bits = bits};
        atomic_init(&lanes[i].state, LANE_CLOSED);
        memset(bits, 0, n_words * sizeof *bits);
    }
    if (base) {
        b->lanes = lanes;
        b->statuses = statuses;
        b->n_kept = n_kept;
    }
    return used + CACHE_LINE;
}

static pluck_status check_range(pluck_error *err, const char *name, int32_t value, int32_t most) {
    if (value >= 1 && value <= most) return PLUCK_OK;
    return pk_fail(err, PLUCK_ERR_SIZE, "%s is %d; allowed: 1 to %d", name, (int)value, (int)most);
}

static pluck_status check_config(const pluck_batch_config *config, pluck_error *err) {
    if (config->n_vocab < 1 || config->n_vocab > PLUCK_MAX_VOCAB)
        return pk_fail(err, PLUCK_ERR_VOCAB, "n_vocab is %d; allowed: 1 to %d",
                       (int)config->n_vocab, PLUCK_MAX_VOCAB);
    TRY(check_range(err, "max_rows", config->max_rows, PLUCK_MAX_BATCH_ROWS));
    TRY(check_range(err, "n_threads", config->n_threads, PLUCK_MAX_BATCH_THREADS));
    if (config->n_threads > 1 && !config->executor.run && !pk_pool_is_there())
        return pk_fail(err, PLUCK_ERR_SIZE,
                       "n_threads is %d: no threads are made on this system; give an executor",
                       (int)config->n_threads);
    if (!pk_allocator_is_whole(&config->allocator))
        return pk_fail(err, PLUCK_ERR_NULL, "the allocator has one function without the other");
    return PLUCK_OK;
}

/* What a batch has beside its block. */
static pluck_status create_parts(pluck_batch *b) {
    const pluck_batch_config *c = &b->config;
    for (int32_t i = 0; i < c->n_threads; i++)
        TRY(pluck_workspace_create(&b->lanes[i].workspace, c->n_vocab, &c->allocator));
    if (c->n_threads == 1 || c->executor.run) return PLUCK_OK;
    return pk_pool_create(&b->pool, c->n_threads - 1, &c->allocator);
}

pluck_status pluck_batch_create(pluck_batch **out, const pluck_batch_config *config,
                                pluck_error *err) {
    if (!out || !config)
        return pk_fail(err, PLUCK_ERR_NULL, "%s is NULL", out ? "the config" : "out");
    TRY(check_config(config, err));
    const size_t size = lay_out(config, NULL, NULL);
    pluck_batch *b = pk_allocate(&config->allocator, size);
    if (!b)
        return pk_fail(err, PLUCK_ERR_MEMORY, "no memory for a batch of %lu bytes",
                       (unsigned long)size);
    memset(b, 0, sizeof *b);
    b->config = *config;
    b->size = size;
    atomic_flag_clear(&b->busy);
    lay_out(config, b, pk_first_line(b));
    const pluck_status status = create_parts(b);
    if (status != PLUCK_OK) {
        pluck_batch_free(b);
        return pk_fail(err, status, "no memory for %d workspaces, or no threads for them",
                       (int)config->n_threads);
    }
    *out = b;
    return PLUCK_OK;
}

void pluck_batch_free(pluck_batch *batch) {
    if (!batch) return;
    pk_pool_free(batch->pool);
    for (int32_t i = 0; i < batch->config.n_threads; i++)
        pluck_workspace_free(batch->lanes[i].workspace);
    const pluck_allocator from = batch->config.allocator;
    pk_deallocate(&from, batch, batch->size);
}

/* ---- lanes ---- */

static PK_APART void run_rows(pluck_batch *b, lane *l) {
    for (;;) {
        const int32_t i = atomic_fetch_add_explicit(&b->next, 1, memory_order_relaxed);
        if (i >= b->n) return;
        /* Not begun: its sampler is another row's, or missing. */
        if (b->statuses[i] == PLUCK_ERR_CANCELLED) pk_batch_run_row(b, l, i);
    }
}

/* What a thread is to do in lane i, if nobody else has. */
static void work(void *arg, int32_t i) {
    pluck_batch *b = arg;
    if (i < 0 || i >= b->config.n_threads) return;
    lane *l = &b->lanes[i];
    int state = LANE_OPEN;
    if (!atomic_compare_exchange_strong(&l->state, &state, LANE_RUNNING)) return;
    PK_DO_IN_OWN_ENV(run_rows(b, l));
    atomic_store(&l->state, LANE_CLOSED);
}

/* Closes lanes that nobody came to, and waits for those that an executor has left running. */
static void close_lanes(pluck_batch *b, int32_t n) {
    for (int32_t i = 0; i < n; i++) {
        int state = LANE_OPEN;
        while (state != LANE_CLOSED &&
               !atomic_compare_exchange_weak(&b->lanes[i].state, &state, LANE_CLOSED))
            if (state == LANE_RUNNING) state = LANE_OPEN;
    }
}

static void run_lanes(pluck_batch *b) {
    const int32_t n = b->n < b->config.n_threads ? b->n : b->config.n_threads;
    atomic_store(&b->next, 0);
    for (int32_t i = 0; i < b->config.n_threads; i++) b->lanes[i].failed = -1;
    for (int32_t i = 0; i < n; i++) atomic_store(&b->lanes[i].state, LANE_OPEN);
    if (n <= 1)
        work(b, 0);
    else if (b->config.executor.run)
        (void)b->config.executor.run(b->config.executor.ctx, n, work, b);
    else
        pk_pool_run(b->pool, n, work, b);
    close_lanes(b, n);
}

/* ---- a call ---- */

/* Each sampler is one row's: the first that names it. */
static void claim_samplers(pluck_batch *b) {
    for (int32_t i = 0; i < b->n; i++) {
        pluck_sampler *s = b->rows[i].sampler;
        b->statuses[i] = !s ? PLUCK_ERR_NULL : s->in_use ? PLUCK_ERR_SHARED : PLUCK_ERR_CANCELLED;
        b->n_kept[i] = 0;
        if (s) s->in_use = b;
    }
}

static void return_samplers(pluck_batch *b) {
    for (int32_t i = 0; i < b->n; i++)
        if (b->rows[i].sampler) b->rows[i].sampler->in_use = NULL;
}

/* Moves the kept sets together. */
static void pack_kept(pluck_batch *b) {
    const pluck_batch_kept *k = &b->out->kept;
    if (!k->offsets) return;
    int64_t at = 0;
    for (int32_t i = 0; i < b->n; i++) {
        const size_t n = b->statuses[i] == PLUCK_OK ? (size_t)b->n_kept[i] : 0;
        const int64_t from = (int64_t)i * k->max_kept;
        if (n > 0 && from != at) {
            memmove(k->ids + at, k->ids + from, n * sizeof *k->ids);
            if (k->probabilities)
                memmove(k->probabilities + at, k->probabilities + from,
                        n * sizeof *k->probabilities);
        }
        k->offsets[i] = at;
        at += (int64_t)n;
    }
    k->offsets[b->n] = at;
}

/* Statuses, and the first failure in words. */
static pluck_status report(const pluck_batch *b, pluck_error *err) {
    int32_t first = -1;
    for (int32_t i = 0; i < b->n; i++) {
        const bool ok = b->statuses[i] == PLUCK_OK;
        if (!ok) pk_batch_blank_row(b, i);
        if (!ok && first < 0) first = i;
        if (b->out->statuses) b->out->statuses[i] = b->statuses[i];
        if (!b->out->errors || pk_batch_draft_failed(b, i)) continue;
        b->out->errors[i] = (pluck_error){PLUCK_OK, ""};
        if (!ok) (void)pk_batch_why(b, i, &b->out->errors[i]);
    }
    if (first < 0) return PLUCK_OK;
    if (err) {
        (void)pk_batch_why(b, first, err);
        err->status = PLUCK_ERR_BATCH;
    }
    return PLUCK_ERR_BATCH;
}

static void note_environment(pk_fpenv *caller) {
    pk_fpenv_enter(caller);
    pk_fpenv_leave(caller);
}

static pluck_status sample(pluck_batch *b, pluck_error *err) {
    note_environment(&b->caller);
    claim_samplers(b);
    run_lanes(b);
    return_samplers(b);
    pack_kept(b);
    return report(b, err);
}

pluck_status pluck_batch_sample(pluck_batch *batch, const pluck_batch_row *rows, int32_t n,
                                const pluck_batch_out *out, pluck_error *err) {
    TRY(pk_batch_check_call(batch, rows, n, out, err));
    if (atomic_flag_test_and_set(&batch->busy))
        return pk_fail(err, PLUCK_ERR_SHARED, "the batch is in use by another call");
    batch->rows = rows;
    batch->n = n;
    batch->out = out;
    const pluck_status status = sample(batch, err);
    batch->rows = NULL;
    batch->out = NULL;
    atomic_flag_clear(&batch->busy);
    return status;
}
