/*
 * gate.h - cases, which are sets of parameters, and the gate that checks a candidate on one.
 */
#ifndef PERFLAB_GATE_H
#define PERFLAB_GATE_H

#include "host.h"
#include "outcome.h"

/* What a call took from malloc: how often, how many bytes in all, and how many at once. */
typedef struct perflab_heap_use {
    size_t calls, bytes, peak;
} perflab_heap_use;

/* Counts that. `most` has the largest use of a call of each side but its first. */
typedef struct perflab_heap {
    void (*start)(void);
    perflab_heap_use (*stop)(void);
    perflab_heap_use most[2];
} perflab_heap;

/* What is run, and where its buffers lie in memory. */
typedef struct perflab_case {
    const perflab_benchmark *benchmark;
    size_t size;
    const char *input;
    uint64_t seed;
    const char *data_dir;
    perflab_layout layout;
    uint64_t layout_seed;
    const perflab_clock *clock;
    void (*phase)(void *self, const char *phase); /* called before each step; may be NULL */
    void *self;
    perflab_heap *heap;       /* NULL: allocations are not counted */
    void (*edit)(void *self); /* changes the inputs that setup has made; may be NULL */
} perflab_case;

/* Fills in ctx and host and calls setup. If it returns PERFLAB_PASSED, close the case later. */
perflab_outcome perflab_case_open(const perflab_case *c, perflab_ctx *ctx, perflab_host *host);
void perflab_case_close(const perflab_case *c, perflab_ctx *ctx);

/*
 * Runs both sides on an open case and validates. `first` says which side runs first, since neither
 * may depend on the other having run.
 */
perflab_outcome perflab_gate_once(const perflab_case *c, perflab_ctx *ctx, perflab_side first);

/* Validates the outputs of the last calls of both sides, without running them again. */
perflab_outcome perflab_gate_outputs(const perflab_case *c, perflab_ctx *ctx);

/* Opens the case, runs the gate in both orders, and closes it. Copies the reason to why[512]. */
perflab_outcome perflab_gate(const perflab_case *c, perflab_host *host, char *why);

/*
 * Whether the validator notices a candidate that does nothing: runs the baseline, leaves the
 * candidate out, and returns true if validation fails.
 */
bool perflab_gate_notices(const perflab_case *c);

/* The benchmark's kinds of input (ends with NULL) and size, with the defaults filled in. */
const char *const *perflab_inputs_of(const perflab_benchmark *b);
size_t perflab_size_of(const perflab_benchmark *b);

enum { PERFLAB_MAX_GATE_SIZES = 16 };
/* The sizes of the gate, ascending, each once, including the timed size. Returns how many. */
size_t perflab_gate_sizes_of(const perflab_benchmark *b, size_t sizes[PERFLAB_MAX_GATE_SIZES]);

#endif
