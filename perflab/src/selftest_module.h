/*
 * selftest_module.h - benchmarks inside perflab that measure perflab.
 */
#ifndef PERFLAB_SELFTEST_MODULE_H
#define PERFLAB_SELFTEST_MODULE_H

#include "perflab.h"

/* The path by which a job names this module. */
#define SELFTEST_MODULE "(selftest)"

/*
 * "A/A" and "A/A memory" have the same code on both sides. In "2x" and "1.05x" the candidate does
 * less of the same work, by that factor.
 */
const perflab_module *selftest_module(void);

#endif
