/*
 * outcome.h - the ways in which a gate, a measured process or a worker can end.
 *
 * The ledger stores the names and commands print them, so they must never change.
 */
#ifndef PERFLAB_OUTCOME_H
#define PERFLAB_OUTCOME_H

#include <stdbool.h>

/* The first entry is FIRST(symbol, name), all others are NEXT(symbol, name). */
#define PERFLAB_OUTCOMES(FIRST, NEXT)                                                              \
    FIRST(PASSED, "passed")              /* both sides agree; or a worker returned a result */     \
    NEXT(BASELINE_ONLY, "baseline only") /* only the baseline was timed */                         \
    NEXT(MISMATCH, "mismatch")           /* the outputs differ, or nothing was compared */         \
    NEXT(OUT_OF_BOUNDS, "out of bounds") /* a read or write outside a buffer */                    \
    NEXT(CRASHED, "crashed")             /* a signal ended the process */                          \
    NEXT(HUNG, "hung")                   /* one step exceeded its time limit */                    \
    NEXT(OUT_OF_MEMORY, "out of memory") /* it asked for more memory than its cap */               \
    NEXT(SKIPPED, "skipped")             /* it cannot be run here: no device, no data */           \
    NEXT(BROKEN, "broken")               /* setup failed, or there is no validator */              \
    NEXT(FAILED, "failed")               /* the process ended without a result */

typedef enum perflab_outcome {
#define PERFLAB_OUTCOME_SYMBOL(symbol, name) PERFLAB_##symbol,
    PERFLAB_OUTCOMES(PERFLAB_OUTCOME_SYMBOL, PERFLAB_OUTCOME_SYMBOL)
#undef PERFLAB_OUTCOME_SYMBOL
        PERFLAB_N_OUTCOMES
} perflab_outcome;

const char *perflab_outcome_name(perflab_outcome outcome);

/* The outcome of that name; PERFLAB_FAILED if there is none. */
perflab_outcome perflab_outcome_of(const char *name);

/*
 * Whether the outcome proves the candidate wrong. Such a counterexample counts until the source
 * changes. The machine may be the cause of a time limit or of full memory; a later gate replaces
 * these outcomes.
 */
bool perflab_outcome_refutes(perflab_outcome outcome);

/* For SQL: the names of all outcomes, and of those that refute, quoted and separated by commas. */
#define PERFLAB_OUTCOME_QUOTED_FIRST(symbol, name) "'" name "'"
#define PERFLAB_OUTCOME_QUOTED_NEXT(symbol, name)  ",'" name "'"
#define PERFLAB_OUTCOMES_SQL                                                                       \
    PERFLAB_OUTCOMES(PERFLAB_OUTCOME_QUOTED_FIRST, PERFLAB_OUTCOME_QUOTED_NEXT)
#define PERFLAB_REFUTING_SQL "'mismatch','out of bounds','crashed'"

#endif
