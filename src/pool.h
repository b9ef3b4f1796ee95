/* pool.h: threads that sleep until there is work for several. */
#ifndef PLUCK_POOL_H
#define PLUCK_POOL_H

#include "common.h"

typedef struct pool pool;

/* Whether this system has threads that the library knows to make. */
bool pk_pool_is_there(void);

/* Makes n threads, at least 1. ERR_MEMORY: also if the system refuses one. */
pluck_status pk_pool_create(pool **out, int32_t n, const pluck_allocator *allocator);

/* Ends the threads, which must be asleep; NULL is allowed. A child of a fork, which has none of the
 * threads, frees the memory. */
void pk_pool_free(pool *p);

/* Calls work(arg, 0) on this thread and meanwhile work(arg, i), for each i from 1 to n - 1 that a
 * thread wakes up in time for, on others. Returns when all have returned. A child of a fork has this
 * thread alone. */
void pk_pool_run(pool *p, int32_t n, void (*work)(void *arg, int32_t i), void *arg);

#endif /* PLUCK_POOL_H */
