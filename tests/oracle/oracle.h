/*
 * oracle.h: what every chain must give, computed in the simplest way.
 *
 * The oracle takes the same pluck_config and pluck_row as the library and walks the whole row
 * through one stage after another in double precision (long double for sums): it sorts if a
 * definition says "sort", adds up in order if a definition says "cumulative", and keeps its own
 * random streams, history and averages. It shares no code with src/; it is slow on purpose.
 *
 * Rounding may change a result only if a decision is close. So the oracle also says which
 * candidates were within ORACLE_BAND of a boundary, and a test excuses a difference only for those.
 */
#ifndef PLUCK_TESTS_ORACLE_H
#define PLUCK_TESTS_ORACLE_H

#include "pluck.h"

/* Relative distance to a boundary within which rounding may decide. */
#define ORACLE_BAND 1e-6

typedef struct oracle oracle;

/* The outcome of one call; the arrays belong to the oracle and live until its next call. */
typedef struct oracle_result {
    pluck_status status;

    /* The unmasked candidates that are left, in candidate order. */
    int32_t n;
    const int32_t *ids;
    const double *logits;
    const double *probabilities;
    const double *slacks; /* how far off a float32 logit may be by the rounding of stages: 0 if no
                             stage has changed it */
    int32_t n_masked;     /* counted, but at probability zero */
    bool descending;

    /* The token selected, -1 if none was; its probability and logit in the final candidates (0 and
     * NaN if it is no longer among them). */
    int32_t token;
    double probability;
    double logit;
    double u;           /* uniform number of the last draw; NaN if none was drawn */
    double coin;        /* the last XTC coin; NaN if none was flipped */
    bool drawn_by_mass; /* the token was chosen by a uniform number (or by being the only one) */
    bool by_id;         /* that draw accumulated in ascending order of id */
    bool draw_last;     /* no stage comes after the one that selected */

    /* Boundaries. near[id] is 1 if token id was within the band of some stage's boundary. wild is
     * set if the whole call depended on a decision within the band; then any outcome is excused. */
    const unsigned char *near;
    int32_t n_near;
    bool wild;
    /* The keys that the candidates are ordered by; keys this close may have changed
     * places. 0: none may. */
    const double *order_keys;
    double key_tolerance;
} oracle_result;

/* `seed` stands in for PLUCK_SEED_RANDOM of the config. NULL if out of memory. The config's
 * arrays must outlive the oracle. */
oracle *oracle_create(const pluck_config *config, uint32_t seed);
oracle *oracle_clone(const oracle *o);
void oracle_free(oracle *o);
void oracle_reset(oracle *o);
void oracle_accept(oracle *o, int32_t token);
void oracle_accept_prompt(oracle *o, int32_t token);
void oracle_seek(oracle *o, uint64_t position); /* Philox only */

/* The order that the next whole rows are expected to have: all ids, by descending logit. It makes
 * sorting faster if it is nearly right, and never changes a result. NULL: none is known. */
void oracle_expect(oracle *o, const int32_t *order);

/* Runs the chain; returns result->status. A failing call changes no state. */
pluck_status oracle_sample(oracle *o, const pluck_row *row, oracle_result *result);

/* One element of a row as a double, whatever its dtype and alignment. */
double oracle_element(const pluck_row *row, int32_t index);

/* The row's own log-probabilities, sorted: fills ids and logprobs (n_vocab entries each) with the
 * unmasked tokens and returns how many there are. */
int32_t oracle_logprobs(const pluck_row *row, int32_t n, int32_t *ids, double *logprobs);

#endif
