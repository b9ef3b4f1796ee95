/*
 * facts.h - what may be said of an improvement, derived from the ledger and from nothing else.
 */
#ifndef PERFLAB_FACTS_H
#define PERFLAB_FACTS_H

#include "ledger.h"
#include "modules.h"
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

/* A gain below this is none, however sure: the practical threshold. */
#define PRACTICAL_GAIN 0.02

/* A run whose ratios have a coefficient of variation above this is noisy. */
#define NOISY_CV 0.05

/* The document's least number of runs. */
enum { LEAST_RUNS = 5 };

/* What the interval of a speedup says. */
typedef enum resolution {
    RESOLUTION_NONE,       /* too few processes for an interval */
    RESOLUTION_FASTER,     /* above 1, and by more than the practical gain */
    RESOLUTION_SLOWER,     /* below 1, and by more than the practical gain */
    RESOLUTION_NEGLIGIBLE, /* a difference, but smaller than the practical gain */
    RESOLUTION_UNRESOLVED, /* the interval holds 1 */
} resolution;

resolution resolve(const perflab_summary *ratio);

/*
 * The interval that says whether there is a difference: that of any placement if the code was moved,
 * since a difference that another placement takes away is none of the code; else of this build.
 */
const perflab_summary *deciding(const perflab_summary *here, const perflab_summary *any);

/* The share that placement has in the variance of ratios, from both; -1 if it cannot be told. */
double placement_share(const double *here, size_t n, const double *moved, size_t n_moved);

/* What is known on one kind of input, at one size and cache mode, on one machine. */
typedef struct input_facts {
    char *input;
    bool gated;         /* the latest whole gate passed and no counterexample is known */
    char *gate_outcome; /* the word of what speaks against it, or of the latest gate; NULL: none */
    char *gate_why;
    double baseline_error, candidate_error;     /* against a reference; -1: none */
    bool quick;                                 /* its processes timed less than a second */
    size_t n_baseline;                          /* processes that timed the baseline */
    size_t n;                                   /* processes that timed both */
    double *baseline_us, *candidate_us, *ratio; /* n each, except baseline_us: n_baseline */
    perflab_summary baseline, candidate, speedup;
    double *moved; /* ratios of processes that ran the code at other addresses */
    size_t n_moved;
    perflab_summary any; /* of these: the speedup at any placement; n is 0 if there are none */
    double min_bytes, min_ops, working_set, clock_share;
    size_t n_failed; /* processes that did not pass */
    char *failure;   /* of the last of them */
} input_facts;

typedef struct facts {
    char *id, *component, *title, *notes, *variant, *source_hash, *needs, *sources;
    char *build;    /* as it is registered here */
    char *measured; /* the build whose numbers these are: `build`, or another machine's of the same
                       sources */
    char *device, *machine, *cache;
    char *commit; /* in a history: the commit; else NULL */
    size_t size;
    bool has_baseline, has_candidate;
    input_facts *inputs;
    size_t n_inputs;

    status_kind status;
    char *reason;   /* why this status and not the next */
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
    double placement_share; /* what placement adds to the variance, of all of it; -1: not known */
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
    const char *machine; /* NULL: this one if it has measured the row, else the latest that has */
    const char *commit;  /* only runs of this commit; NULL: of any */
    bool exact;          /* only the very build that is registered, not another machine's */
    char *const *ids;
    size_t n_ids;
} fact_query;

/*
 * Derives the facts of everything in the catalog, and of what only the ledger knows (imported
 * rows). `l` may be NULL: nothing is recorded then. False if the ledger cannot be read.
 */
bool facts_derive(ledger *l, const catalog *c, const fact_query *q, fact_list *out);
void facts_free(fact_list *list);

/*
 * What the ledger says of an improvement at each commit that it was measured at, on the machine and
 * device of `f`: facts by the same rules as the table's, one for each commit and build, in the
 * order of time. `commit` of each is set. False if the ledger cannot be read.
 */
bool facts_history(ledger *l, const facts *f, fact_list *out);

#endif
