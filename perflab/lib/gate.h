/*
 * gate.h - one set of parameters: making it, and judging the candidate on it before any timing.
 */
#ifndef PERFLAB_GATE_H
#define PERFLAB_GATE_H

#include "host.h"
#include "outcome.h"

/* What is run, and how buffers lie. */
typedef struct perflab_case {
    const perflab_benchmark *benchmark;
    size_t size;
    const char *input;
    uint64_t seed;
    const char *data_dir;
    perflab_layout layout;
    uint64_t layout_seed;
    const perflab_clock *clock;
    void (*phase)(void *self, const char *phase); /* told before each step; may be NULL */
    void *self;
} perflab_case;

/* Makes ctx and host and calls setup. On PERFLAB_PASSED, close it; else it is closed already. */
perflab_outcome perflab_case_open(const perflab_case *c, perflab_ctx *ctx, perflab_host *host);
void perflab_case_close(const perflab_case *c, perflab_ctx *ctx);

/*
 * Runs both sides on an open case and validates. `first` runs first: a side must not depend on the
 * other having run.
 */
perflab_outcome perflab_gate_once(const perflab_case *c, perflab_ctx *ctx, perflab_side first);

/* Validates what the last calls of both sides left, without running them again. */
perflab_outcome perflab_gate_outputs(const perflab_case *c, perflab_ctx *ctx);

/* Opens the case, runs the gate in both orders on it, closes. The reason is copied to why[512]. */
perflab_outcome perflab_gate(const perflab_case *c, perflab_host *host, char *why);

/*
 * Whether the validator would notice a candidate that does nothing: runs the baseline, leaves the
 * candidate out, validates. Returns true if the validator objects.
 */
bool perflab_gate_notices(const perflab_case *c);

/* The benchmark's kinds of input, sizes and size with the defaults filled in. */
const char *const *perflab_inputs_of(const perflab_benchmark *b);
size_t perflab_size_of(const perflab_benchmark *b);

enum { PERFLAB_MAX_GATE_SIZES = 16 };
/* Ascending, without doubles, the measured size among them; returns how many. */
size_t perflab_gate_sizes_of(const perflab_benchmark *b, size_t sizes[PERFLAB_MAX_GATE_SIZES]);

#endif
