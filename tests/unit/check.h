/*
 * check.h: a sampler beside its oracle.
 *
 * A `pair` is one chain twice: as a pluck_sampler and as an oracle. pair_step runs both on a row
 * and compares status, surviving candidates, logits, probabilities and token. Any difference must
 * be excused by the oracle's book of boundaries; an unexcused one prints the chain and fails the
 * test.
 */
#ifndef PLUCK_TESTS_CHECK_H
#define PLUCK_TESTS_CHECK_H

#include "guard.h"
#include "oracle/oracle.h"
#include "pluck.h"
#include "rows/rows.h"

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef enum check_verdict {
    CHECK_SAME,    /* all equal within the tolerances */
    CHECK_EXCUSED, /* differs only where a boundary was within rounding; states may have parted */
    CHECK_DIFFERS
} check_verdict;

typedef struct pair {
    pluck_config config;
    pluck_sampler *sampler;
    oracle *oracle;
    const char *label; /* what to call it in a message; may be NULL */
    uint64_t seed;     /* of the test case, for the message */
} pair;

/* Creates both; fails the test where the library refuses. */
void pair_open(pair *p, const pluck_config *config);
void pair_close(pair *p);
void pair_accept(pair *p, int32_t token);

/* Samples and compares; token (may be NULL) receives the library's. Fails the test on
 * CHECK_DIFFERS. */
check_verdict pair_step(pair *p, const pluck_row *row, int32_t *token);

/* The comparison alone: of what the library left in `workspace` with an oracle's result. `why`
 * (of at least 256 bytes) tells the first difference. */
check_verdict check_compare(const pluck_config *config, const oracle_result *want,
                            pluck_status status, const pluck_draw *draw, pluck_workspace *workspace,
                            char *why);

/* The chain as text, for messages. */
void check_describe(const pluck_config *config, char *text, size_t size);

/* --- shorthand for stages
 * ------------------------------------------------------------------------- */

pluck_stage stage_top_k(int32_t k);
pluck_stage stage_top_p(float p, int32_t min_keep);
pluck_stage stage_min_p(float p, int32_t min_keep);
pluck_stage stage_typical(float p, int32_t min_keep);
pluck_stage stage_sigma(float n);
pluck_stage stage_temp(float t, float range, float exponent);
pluck_stage stage_xtc(float probability, float threshold, int32_t min_keep);
pluck_stage stage_penalties(int32_t last_n, float repeat, float freq, float present);
pluck_stage stage_dry(float multiplier, float base, int32_t allowed, int32_t last_n);
pluck_stage stage_bias(const pluck_logit_bias *biases, int32_t n);
pluck_stage stage_mirostat(int version, float tau, float eta, int32_t m);
pluck_stage stage_adaptive(float target, float decay);
pluck_stage stage_dist(void);
pluck_stage stage_greedy(void);

pluck_config chain_config(int32_t n_vocab, uint32_t seed, pluck_rng_kind rng,
                          const pluck_stage *stages, int32_t n_stages);

#endif
