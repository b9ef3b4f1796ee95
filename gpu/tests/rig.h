/*
 * rig.h: a device, rows on it, and the oracle beside them.
 *
 * A test describes rows (logits, chain, history, mask); rig_run sends them through one call of a
 * batch context; rig_check compares every row with what the oracle says of it. A difference is
 * excused only if the oracle marks a boundary within rounding, or the uniform number lies within
 * RIG_DRAW_BAND of the step between the two tokens.
 */
#ifndef PLUCK_GPU_TESTS_RIG_H
#define PLUCK_GPU_TESTS_RIG_H

#include "compare/compare.h" /* shorthand for stages */
#include "device.h"
#include "oracle/oracle.h"
#include "rows/rows.h"

/* cmocka.h needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RIG_DRAW_BAND 3e-7

typedef struct rig_row {
    const float *logits;  /* before rounding to the dtype; n_vocab of them */
    const uint32_t *mask; /* NULL: none */
    const pluck_config *config;
    uint32_t seed;
    uint64_t position;
    const int32_t *history;
    int32_t n_history;
} rig_row;

typedef struct rig {
    pluck_gpu_device *device;
    pluck_gpu_batch *batch;
    int32_t n_vocab, max_rows, max_candidates;
    gpu_memory logits, masks;
    size_t logits_size, masks_size;
    gpu_stream stream;
    gpu_event event;
    /* of the last run */
    uint64_t ticket;
    const pluck_gpu_result *results;
    pluck_gpu_plan **plans; /* per row */
    int32_t n_rows;
    pluck_dtype dtype;
    void *stored; /* the rows as sent */
    int32_t n_excused;
} rig;

/* The device that the tests share: the one that PLUCK_GPU_DEVICE names by number, "emulator" for
 * the kernels as plain C, else the first. NULL, with a line on why, if there is none. */
pluck_gpu_device *rig_device(void);

/* What main returns if there is no device and none was asked for by PLUCK_GPU_DEVICE: ctest counts
 * the test as skipped. */
#define RIG_NO_DEVICE 77

/* True if there is no device and none was asked for; prints why. */
bool rig_may_skip(void);

/* Is the device the kernels as plain C? They are slow, so tests repeat less often. */
bool rig_is_emulated(void);

/* At most as many candidates as the device can hand back: it may have little local memory. */
void rig_open(rig *r, int32_t n_vocab, int32_t max_rows, int32_t max_candidates);
void rig_close(rig *r);

/* Puts the rows on the device (`pad` extra elements between them) and runs them as one call; fails
 * the test if the call fails. */
void rig_run(rig *r, const rig_row *rows, int32_t n_rows, pluck_dtype dtype, int32_t pad);

/* Compares the last run with the oracle, row by row. */
void rig_check(rig *r, const rig_row *rows);

/* Finishes row 0 of the last run on the host, with *tail (created from its plan if it is NULL), and
 * compares the draw with that of `whole` on the same row; both accept it. */
void rig_finish(rig *r, const float *logits, pluck_sampler *whole, pluck_sampler **tail);

/* A random row: a config and a mask (or none) for logits that have been filled, with 8 tokens
 * of history. */
rig_row rig_random_row(rows_random *random, const float *logits, int32_t n_vocab,
                       const int32_t *history, pluck_stage *stages, int32_t n_stages,
                       pluck_config *config, uint32_t *mask);

/* The bytes of device memory. */
void rig_download(rig *r, gpu_memory memory, void *bytes, size_t size);

/* Device memory with these bytes. */
gpu_memory rig_upload(rig *r, const void *bytes, size_t size);

#endif
