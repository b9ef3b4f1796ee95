/*
 * trials.h: how many of their random cases tests try. A test is written for all of them, which
 * `make test-whole` tries. `make test` tries a fifth, and slow builds (sanitizers, coverage, Wine)
 * a tenth, since it takes fewer to reach each line in each of its states.
 *
 * The environment variable PLUCK_TEST_TRIALS is the percentage, 1 to 100 (default: 20).
 */
#ifndef PLUCK_TESTS_TRIALS_H
#define PLUCK_TESTS_TRIALS_H

#include <stdbool.h>
#include <stdint.h>

/* The percentage of `whole` trials, at least 1. Ends the program if the variable is no percentage. */
int32_t trials_of(int32_t whole);

/* Is case i of a list tried? One in so many, the first among them. */
bool trials_include(int32_t i);

#endif
