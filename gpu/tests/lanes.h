/*
 * lanes.h: the lanes of a group as coroutines, for kernels that are compiled as plain C
 * (kernels/vendor_c.h). A barrier switches to the next lane; a lane that misses a barrier which
 * others meet ends the program with a message. One group at a time, on one thread at a time.
 */
#ifndef PLUCK_GPU_TESTS_LANES_H
#define PLUCK_GPU_TESTS_LANES_H

#include <stdbool.h>
#include <stdint.h>

enum { LANES_MAX = 1024 };

/* Memory for the stacks of n lanes (1 to LANES_MAX). False when out of memory. */
bool lanes_create(uint32_t n);
void lanes_free(void);

/* Runs one group: every lane calls run(ctx) once. plk_emu must already hold the group's place;
 * `what` names the kernel in messages. */
void lanes_run_group(void (*run)(void *ctx), void *ctx, const char *what);

#endif
