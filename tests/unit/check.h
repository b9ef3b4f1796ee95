/*
 * check.h: a sampler beside its oracle.
 *
 * A `pair` is one chain twice: as a pluck_sampler and as an oracle. pair_step runs both on a row
 * and compares status, surviving candidates, logits, probabilities and token. Any difference must
 * be excused by a boundary that the oracle has marked; an unexcused one prints the chain and fails
 * the test.
 */
#ifndef PLUCK_TESTS_CHECK_H
#define PLUCK_TESTS_CHECK_H

#include "compare/compare.h"
#include "guard.h"
#include "pluck.h"
#include "rows/rows.h"

/* cmocka.h needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct pair {
    pluck_config config;
    pluck_sampler *sampler;
    oracle *oracle;
    const char *label; /* what to call it in a message; may be NULL */
    uint64_t seed;     /* of the test case, for the message */
} pair;

/* Creates both; fails the test if the library refuses the config. */
void pair_open(pair *p, const pluck_config *config);
void pair_close(pair *p);
void pair_accept(pair *p, int32_t token);
void pair_accept_prompt(pair *p, int32_t token);

/* Samples and compares; token (may be NULL) receives the library's. Fails the test on
 * CHECK_DIFFERS. */
check_verdict pair_step(pair *p, const pluck_row *row, int32_t *token);

/* Fails the test unless two samplers of one chain remember the same, to the last bit. */
void check_same_state(const pluck_sampler *a, const pluck_sampler *b);

#endif
