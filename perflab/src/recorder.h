/*
 * recorder.h - gating and measuring with the results going to the ledger.
 */
#ifndef PERFLAB_RECORDER_H
#define PERFLAB_RECORDER_H

#include "ledger.h"
#include "modules.h"
#include "outcome.h"
#include "progress.h"

#include <stdint.h>

/* What holds for all that one command records. */
typedef struct recorder {
    ledger *ledger;
    progress *progress;
    cJSON *environment;
    char *environment_text;
    char commit[64];
    const char *data; /* folder of recorded inputs or NULL */
    double memory;    /* cap per process in bytes */
    double timeout_s; /* 0: chosen from the work */
    bool pin;
} recorder;

enum { GATE_SEEDS = 8 };

/* How to measure. */
typedef struct measure_plan {
    size_t runs;
    double seconds;
    size_t size; /* 0: the benchmark's own */
    const char *cache;
    uint64_t seed;
    bool candidate; /* measure the candidate too */
    bool fixed;     /* only the module's own placement */
} measure_plan;

/* How to gate. */
typedef struct gate_plan {
    size_t seeds;
    uint64_t first_seed;
    size_t size; /* 0: all of the benchmark's */
} gate_plan;

void recorder_start(recorder *r, ledger *l, progress *p);
void recorder_end(recorder *r);

/* Makes sure that the entry's build is in the ledger. */
bool record_build(recorder *r, const entry *e);

/* What came of a gate. */
typedef struct gate_result {
    perflab_outcome outcome;
    char *why; /* the reason, or a remark; may be NULL; to be freed */
    size_t cases, compared;
} gate_result;

/* Gates one kind of input in a fresh process and records the verdict. False if the ledger fails. */
bool record_gate(recorder *r, const entry *e, const char *input, const gate_plan *plan,
                 gate_result *result);

/* What came of a series of processes. */
typedef struct run_result {
    size_t good; /* processes that passed, or timed the baseline as asked */
    size_t failed;
    perflab_outcome outcome;                    /* of the last that failed */
    char *why;                                  /* of the last that failed */
    size_t n;                                   /* processes that timed both sides */
    double *baseline_us, *candidate_us, *ratio; /* `good` of the first, n of the others */
    double *moved;                              /* ratios at other placements */
    size_t n_moved;
    double min_bytes, min_ops; /* of one call, as the benchmark says */
} run_result;

void run_result_free(run_result *r);

/*
 * Measures one kind of input in plan->runs fresh processes, and as many again at other placements
 * of the code if the entry has any, recording each as it ends. Gives up
 * after two failures, and after one process if the device that the entry needs is not here.
 * False if the ledger fails.
 */
bool record_run(recorder *r, const entry *e, const char *input, const measure_plan *plan,
                run_result *result);

/* A job as the worker reads it, with what every job needs. */
cJSON *record_job(const recorder *r, const entry *e, const char *what, const char *input);

/*
 * Two builds' candidates, interleaved in the same processes: a run of each, partners of each other,
 * with its commit: `commits`, or, if that is NULL, as the folder of its sources says.
 * Neither changes the improvement's status.
 * `result`: of the first process. runs: their keys, written.
 */
bool record_pair_start(recorder *r, const entry *const sides[2], const char *input,
                       const measure_plan *plan, const cJSON *result, const char *const commits[2],
                       char runs[2][33]);

/* A process of such a pair: both sides of its timing, each with its speedup over the other and the
 * same rounds (two of the first, two of the second). */
bool record_pair_process(recorder *r, char runs[2][33], size_t position, const cJSON *timing);

#endif
