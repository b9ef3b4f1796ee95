/* pool.c: see pool.h. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "arithmetic.h"

#include "pool.h"
#include "threads.h"

#ifdef PK_THREADS

struct pool {
    pluck_allocator allocator;
    size_t size;      /* of this block */
    pk_process owner; /* a child of a fork has the pool's memory, but none of its threads */
    pk_mutex mutex;
    pk_condition wake, done;
    /* Guarded by the mutex: */
    void (*work)(void *arg, int32_t i);
    void *arg;
    int32_t next, limit; /* numbers that nobody has taken yet */
    int32_t n_running;
    bool ending;
    int32_t n_threads;
    pk_thread threads[];
};

bool pk_pool_is_there(void) {
    return true;
}

/* What each thread does all its life. */
static pk_thread_result PK_THREAD_CALL serve(void *arg) {
    pool *p = arg;
    pk_mutex_lock(&p->mutex);
    for (;;) {
        while (!p->ending && p->next >= p->limit) pk_condition_wait(&p->wake, &p->mutex);
        if (p->ending) break;
        const int32_t i = p->next++;
        p->n_running++;
        pk_mutex_unlock(&p->mutex);
        p->work(p->arg, i);
        pk_mutex_lock(&p->mutex);
        if (--p->n_running == 0) pk_condition_wake_one(&p->done);
    }
    pk_mutex_unlock(&p->mutex);
    return 0;
}

static pluck_status start(pool *p, int32_t n) {
    while (p->n_threads < n && pk_thread_start(&p->threads[p->n_threads], serve, p)) p->n_threads++;
    return p->n_threads == n ? PLUCK_OK : PLUCK_ERR_MEMORY;
}

pluck_status pk_pool_create(pool **out, int32_t n, const pluck_allocator *allocator) {
    PLUCK_ASSERT(n >= 1);
    const size_t size = sizeof(pool) + (size_t)n * sizeof(pk_thread);
    pool *p = pk_allocate(allocator, size);
    if (!p) return PLUCK_ERR_MEMORY;
    memset(p, 0, size);
    p->allocator = *allocator;
    p->size = size;
    p->owner = pk_this_process();
    if (!pk_mutex_init(&p->mutex) || !pk_condition_init(&p->wake) || !pk_condition_init(&p->done)) {
        pk_deallocate(allocator, p, size);
        return PLUCK_ERR_MEMORY;
    }
    const pluck_status status = start(p, n);
    if (status != PLUCK_OK)
        pk_pool_free(p);
    else
        *out = p;
    return status;
}

static void end_threads(pool *p) {
    pk_mutex_lock(&p->mutex);
    PLUCK_ASSERT(p->n_running == 0 && p->next >= p->limit);
    p->ending = true;
    pk_mutex_unlock(&p->mutex);
    pk_condition_wake_all(&p->wake);
    for (int32_t i = 0; i < p->n_threads; i++) pk_thread_join(p->threads[i]);
    pk_condition_destroy(&p->done);
    pk_condition_destroy(&p->wake);
    pk_mutex_destroy(&p->mutex);
}

void pk_pool_free(pool *p) {
    if (!p) return;
    if (p->owner == pk_this_process()) end_threads(p);
    const pluck_allocator from = p->allocator;
    pk_deallocate(&from, p, p->size);
}

void pk_pool_run(pool *p, int32_t n, void (*work)(void *arg, int32_t i), void *arg) {
    PLUCK_ASSERT(n >= 1 && n - 1 <= p->n_threads);
    if (p->owner != pk_this_process()) {
        work(arg, 0);
        return;
    }
    pk_mutex_lock(&p->mutex);
    p->work = work;
    p->arg = arg;
    p->next = 1;
    p->limit = n;
    pk_mutex_unlock(&p->mutex);
    for (int32_t i = 1; i < n; i++) pk_condition_wake_one(&p->wake);
    work(arg, 0);
    pk_mutex_lock(&p->mutex);
    p->next = p->limit = 0; /* who has not woken up by now sleeps on */
    while (p->n_running > 0) pk_condition_wait(&p->done, &p->mutex);
    pk_mutex_unlock(&p->mutex);
}

#else

bool pk_pool_is_there(void) {
    return false;
}

pluck_status pk_pool_create(pool **out, int32_t n, const pluck_allocator *allocator) {
    (void)out, (void)n, (void)allocator;
    return PLUCK_ERR_SIZE;
}

void pk_pool_free(pool *p) {
    PLUCK_ASSERT(!p);
    (void)p;
}

void pk_pool_run(pool *p, int32_t n, void (*work)(void *arg, int32_t i), void *arg) {
    (void)p, (void)n;
    work(arg, 0);
}

#endif
