/*
 * outcome.c - outcomes by name.
 */
#include "outcome.h"

#include <stddef.h>
#include <string.h>

static const char *const names[] = {
#define OUTCOME_NAME(symbol, name) name,
    PERFLAB_OUTCOMES(OUTCOME_NAME, OUTCOME_NAME)
#undef OUTCOME_NAME
};

const char *perflab_outcome_name(perflab_outcome outcome) {
    return names[outcome];
}

perflab_outcome perflab_outcome_of(const char *name) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) return (perflab_outcome)i;
    }
    return PERFLAB_FAILED;
}

bool perflab_outcome_refutes(perflab_outcome outcome) {
    return outcome == PERFLAB_MISMATCH || outcome == PERFLAB_OUT_OF_BOUNDS ||
           outcome == PERFLAB_CRASHED;
}
