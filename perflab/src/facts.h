/*
 * facts.h - the status and the numbers of an improvement, derived from the ledger alone.
 */
#ifndef PERFLAB_FACTS_H
#define PERFLAB_FACTS_H

#include "ledger.h"
#include "modules.h"
#include "resolution.h"
#include "stat.h"

typedef enum status_kind {
    STATUS_NOT_STARTED,
    STATUS_BENCHMARKED,
    STATUS_IMPLEMENTED,
    STATUS_VALIDATED,
    STATUS_COMPLETE,
    STATUS_REJECTED,
} status_kind;

const char *status_name(status_kind s);

/* A run whose ratios have a coefficient of variation above this is noisy. */
#define NOISY_CV 0.05

/* The least number of runs of a baseline or candidate. */
enum { LEAST_RUNS = 5 };

/*
 * The interval that decides whether there is a difference: that at any placement if the code was
 * moved, since a difference that disappears at another placement is not due to the code; else that
 * of the build.
 */
const perflab_summary *deciding(const perflab_summary *here, const perflab_summary *any);

/*
 * The share of the variance of ratios that is due to placement, from n ratios of the build and
 * n_moved at other placements; -1 if there are fewer than 3 of either.
 */
double placement_share(const double *here, size_t n, const double *moved, size_t n_moved);

/* What is known on one kind of input, at one size and cache mode, on one machine. */
typedef struct input_facts {
    char *input;
    bool gated;         /* the latest whole gate passed, and no counterexample is known */
    char *gate_outcome; /* the outcome that refutes it, or that of the latest gate; NULL: none */
    char *gate_why;
    double baseline_error, candidate_error;     /* against a reference; -1: none recorded */
    bool quick;                                 /* its processes timed less than 1 s each */
    size_t n_baseline;                          /* processes that timed the baseline */
    size_t n;                                   /* processes that timed both */
    double *baseline_us, *candidate_us, *ratio; /* n each, except baseline_us: n_baseline */
    perflab_summary baseline, candidate, speedup;
    double *moved; /* ratios of processes that ran the code at another placement */
    size_t n_moved;
    perflab_summary any; /* of `moved`: the speedup at any placement; n is 0 if there are none */
    double min_bytes, min_ops, working_set, clock_share;
    size_t n_failed; /* processes that did not pass */
    char *failure;   /* of the last of them */
} input_facts;

typedef struct facts {
    char *id, *component, *title, *notes, *variant, *source_hash, *needs, *sources;
    char *build;    /* the build that is registered here */
    char *measured; /* the build that was measured: `build`, or another machine's build */
    char *device, *machine, *cache;
    char *commit; /* in a history: the commit; else NULL */
    size_t size;
    size_t family; /* the rows whose intervals hold together with this one's; 0: each by itself */
    bool has_baseline, has_candidate;
    input_facts *inputs;
    size_t n_inputs;

    status_kind status;
    char *reason;   /* why it has this status and not the next */
    bool validated; /* the gate passed on every kind of input */
    bool quick, noisy;
    /*
     * Over all kinds of input: geometric means, and the interval of the per-process geometric mean.
     */
    size_t n;
    bool has_baseline_us, has_speedup;
    double baseline_us, candidate_us;
    perflab_summary speedup;
    perflab_summary any;    /* the same at any placement; n is 0 if the code was not moved */
    double placement_share; /* placement's share of the variance; -1: not known */
} facts;

typedef struct fact_list {
    facts *all;
    size_t n;
} fact_list;

/* Which rows, and which measurements of them. */
typedef struct fact_query {
    const char *variant; /* "native" */
    const char *input;   /* one kind only; NULL: all */
    const char *cache;   /* "hot" */
    size_t size;         /* 0: each benchmark's own */
    size_t threads;      /* 0: 1 */
    const char *machine; /* NULL: this one if it has measured the row, else the latest that has */
    const char *commit;  /* only runs of this commit; NULL: of any commit */
    bool together;       /* correct intervals for the number of rows: all hold at once with 95 % */
    bool exact;          /* only the build that is registered, not another machine's */
    char *const *ids;
    size_t n_ids;
} fact_query;

/*
 * Derives the facts of everything in the catalog, and of builds that only the ledger has (imported
 * ones). If `l` is NULL, nothing is recorded. Returns false if the ledger cannot be read.
 */
bool facts_derive(ledger *l, const catalog *c, const fact_query *q, fact_list *out);
void facts_free(fact_list *list);

/*
 * Derives the facts of an improvement at each commit at which it was measured, on the machine and
 * device of `f` and at its size, by the same rules as for the table: one for each commit and build,
 * by time, with `commit` set. Of `q` only the kind of input counts; NULL: all. Returns false if the
 * ledger cannot be read.
 */
bool facts_history(ledger *l, const facts *f, const fact_query *q, fact_list *out);

#endif
