/*
 * recorder.h - gating and measuring, with the results recorded in the ledger.
 */
#ifndef PERFLAB_RECORDER_H
#define PERFLAB_RECORDER_H

#include "ledger.h"
#include "modules.h"
#include "outcome.h"
#include "progress.h"

#include <stdint.h>

/* What is the same for everything that one command records. */
typedef struct recorder {
    ledger *ledger;
    progress *progress;
    cJSON *environment;
    char *environment_text;
    char commit[64];
    const char *data; /* folder of recorded inputs, or NULL */
    double memory;    /* cap per process in bytes */
    double timeout_s; /* limit for a step; 0: chosen by the work */
    bool pin;         /* pin each process to a CPU */
} recorder;

enum { GATE_SEEDS = 8 };

/* How to measure. */
typedef struct measure_plan {
    size_t runs;
    double seconds;
    size_t size;    /* 0: the benchmark's own size */
    size_t threads; /* what perflab_threads returns; 0: 1 */
    const char *cache;
    uint64_t seed;
    bool candidate; /* measure the candidate too */
    bool fixed;     /* only the placement of the build */
} measure_plan;

/* How to gate. */
typedef struct gate_plan {
    size_t seeds;
    uint64_t first_seed;
    size_t size;        /* 0: all sizes of the benchmark */
    const cJSON *edits; /* changes of its inputs; NULL: none */
} gate_plan;

void recorder_start(recorder *r, ledger *l, progress *p);
void recorder_end(recorder *r);

/* Adds the entry's build to the ledger if it is missing. Returns false if the ledger fails. */
bool record_build(recorder *r, const entry *e);

/* Records what was found out about a build besides its times. Returns false if the ledger fails. */
bool record_profile(recorder *r, const entry *e, const char *input, double size, const cJSON *data);

/* The result of a gate. */
typedef struct gate_result {
    perflab_outcome outcome;
    char *why; /* the reason or a remark, to be freed; may be NULL */
    size_t cases, compared;
} gate_result;

/* Gates one kind of input in a fresh process and records it. Returns false if the ledger fails. */
bool record_gate(recorder *r, const entry *e, const char *input, const gate_plan *plan,
                 gate_result *result);

/* The result of a series of processes. */
typedef struct run_result {
    size_t good;             /* processes that passed, or timed the baseline as asked */
    size_t failed;           /* processes that did neither; at least 2 if one was skipped */
    perflab_outcome outcome; /* of the last that failed */
    char *why;               /* of the last that failed */
    size_t n;                /* processes that timed both sides */
    double *baseline_us, *candidate_us, *ratio; /* `good` of the first, n of the other two */
    double *moved;                              /* ratios at other placements */
    size_t n_moved;
    double min_bytes, min_ops; /* of one call, as the benchmark gives them */
} run_result;

void run_result_free(run_result *r);

/*
 * Measures one kind of input in plan->runs fresh processes and, if the entry has other placements,
 * in as many processes at these. Records each as it ends. Stops after two failures, or after one
 * process if this machine lacks the device that the entry needs. Returns false if the ledger fails.
 */
bool record_run(recorder *r, const entry *e, const char *input, const measure_plan *plan,
                run_result *result);

/* A job for a worker, with the members that every job needs. To be freed with cJSON_Delete. */
cJSON *record_job(const recorder *r, const entry *e, const char *what, const char *input);

/*
 * Starts recording the candidates of two builds that are interleaved in the same processes: as one
 * run each, partners of each other. `commits` are their commits; one that is NULL is taken from the
 * folder of the sources. Neither run changes the improvement's status. `result` is that of the
 * first process. The keys of the runs are stored in `runs`. Returns false if the ledger fails.
 */
bool record_pair_start(recorder *r, const entry *const sides[2], const char *input,
                       const measure_plan *plan, const cJSON *result, const char *const commits[2],
                       char runs[2][33]);

/*
 * Records a process of such a pair: for each build its time, its speedup over the other, and the
 * rounds, which are the same for both (two blocks of the first, two of the second). Returns false
 * if the ledger fails.
 */
bool record_pair_process(recorder *r, char runs[2][33], size_t position, const cJSON *timing);

#endif
