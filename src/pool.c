/* pool.c: see pool.h. POSIX threads, where there are any. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "arithmetic.h"

#include "pool.h"

#if defined(__unix__) || defined(__APPLE__)

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

struct pool {
    pluck_allocator allocator;
    size_t size; /* of this block */
    pid_t owner; /* a child of a fork has the pool's memory, but none of its threads */
    pthread_mutex_t mutex;
    pthread_cond_t wake, done;
    /* Guarded by the mutex: */
    void (*work)(void *arg, int32_t i);
    void *arg;
    int32_t next, limit; /* numbers that nobody has taken yet */
    int32_t n_running;
    bool ending;
    int32_t n_threads;
    pthread_t threads[];
};

bool pk_pool_is_there(void) {
    return true;
}

/* What each thread does all its life. */
static void *serve(void *arg) {
    pool *p = arg;
    (void)pthread_mutex_lock(&p->mutex);
    for (;;) {
        while (!p->ending && p->next >= p->limit) (void)pthread_cond_wait(&p->wake, &p->mutex);
        if (p->ending) break;
        const int32_t i = p->next++;
        p->n_running++;
        (void)pthread_mutex_unlock(&p->mutex);
        p->work(p->arg, i);
        (void)pthread_mutex_lock(&p->mutex);
        if (--p->n_running == 0) (void)pthread_cond_signal(&p->done);
    }
    (void)pthread_mutex_unlock(&p->mutex);
    return NULL;
}

/* Makes the threads, all signals blocked: those are for threads that the program knows of. */
static pluck_status start(pool *p, int32_t n) {
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (p->n_threads < n && pthread_create(&p->threads[p->n_threads], NULL, serve, p) == 0)
        p->n_threads++;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return p->n_threads == n ? PLUCK_OK : PLUCK_ERR_MEMORY;
}

pluck_status pk_pool_create(pool **out, int32_t n, const pluck_allocator *allocator) {
    PLUCK_ASSERT(n >= 1);
    const size_t size = sizeof(pool) + (size_t)n * sizeof(pthread_t);
    pool *p = pk_allocate(allocator, size);
    if (!p) return PLUCK_ERR_MEMORY;
    memset(p, 0, size);
    p->allocator = *allocator;
    p->size = size;
    p->owner = getpid();
    if (pthread_mutex_init(&p->mutex, NULL) != 0 || pthread_cond_init(&p->wake, NULL) != 0 ||
        pthread_cond_init(&p->done, NULL) != 0) {
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
    (void)pthread_mutex_lock(&p->mutex);
    PLUCK_ASSERT(p->n_running == 0 && p->next >= p->limit);
    p->ending = true;
    (void)pthread_mutex_unlock(&p->mutex);
    (void)pthread_cond_broadcast(&p->wake);
    for (int32_t i = 0; i < p->n_threads; i++) (void)pthread_join(p->threads[i], NULL);
    (void)pthread_cond_destroy(&p->done);
    (void)pthread_cond_destroy(&p->wake);
    (void)pthread_mutex_destroy(&p->mutex);
}

void pk_pool_free(pool *p) {
    if (!p) return;
    if (p->owner == getpid()) end_threads(p);
    const pluck_allocator from = p->allocator;
    pk_deallocate(&from, p, p->size);
}

void pk_pool_run(pool *p, int32_t n, void (*work)(void *arg, int32_t i), void *arg) {
    PLUCK_ASSERT(n >= 1 && n - 1 <= p->n_threads);
    if (p->owner != getpid()) {
        work(arg, 0);
        return;
    }
    (void)pthread_mutex_lock(&p->mutex);
    p->work = work;
    p->arg = arg;
    p->next = 1;
    p->limit = n;
    (void)pthread_mutex_unlock(&p->mutex);
    for (int32_t i = 1; i < n; i++) (void)pthread_cond_signal(&p->wake);
    work(arg, 0);
    (void)pthread_mutex_lock(&p->mutex);
    p->next = p->limit = 0; /* who has not woken up by now sleeps on */
    while (p->n_running > 0) (void)pthread_cond_wait(&p->done, &p->mutex);
    (void)pthread_mutex_unlock(&p->mutex);
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
