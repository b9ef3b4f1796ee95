/*
 * emulator.h: a device in plain C: the kernels compiled by the host's compiler, so that its
 * sanitizers and debugger see them.
 *
 * Lanes are coroutines (lanes.h), groups run one after another. A lane that misses a barrier, or
 * memory beyond what a launch asked for (under a sanitizer), ends the test.
 */
#ifndef PLUCK_GPU_TESTS_EMULATOR_H
#define PLUCK_GPU_TESTS_EMULATOR_H

#include "device.h"

/* Closed by emulator_close. NULL when out of memory. */
pluck_gpu_device *emulator_open(void);
void emulator_close(pluck_gpu_device *device);

#endif
