/*
 * selftest_module.h - benchmarks inside perflab that measure perflab.
 */
#ifndef PERFLAB_SELFTEST_MODULE_H
#define PERFLAB_SELFTEST_MODULE_H

#include "perflab.h"

/* The path by which a job names this module. */
#define SELFTEST_MODULE "(selftest)"

/*
 * "A/A" and "A/A memory" have the same code on both sides. In "2x", "1.05x" and "0.97x" the
 * candidate does less or more of the same work, by that factor. "wrong", "crash", "hang", "overrun"
 * and "leak" have that fault, and "none" has none.
 */
const perflab_module *selftest_module(void);

#endif
