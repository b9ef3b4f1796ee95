/*
 * selftest_module.h - benchmarks inside perflab that measure perflab.
 */
#ifndef PERFLAB_SELFTEST_MODULE_H
#define PERFLAB_SELFTEST_MODULE_H

#include "perflab.h"

/* The path a job names to mean these. */
#define SELFTEST_MODULE "(selftest)"

/*
 * "A/A", "A/A memory": the same code twice. "2x" and "1.05x": a candidate that does that much less
 * of the same work.
 */
const perflab_module *selftest_module(void);

#endif
