/* proposal.h: what a drafted token was drawn from, beside what the target's chain left. */
#ifndef PLUCK_PROPOSAL_H
#define PLUCK_PROPOSAL_H

#include "pluck_verify.h"
#include "view.h"

/* Q of a place. */
typedef struct proposal {
    const pluck_proposal *of; /* NULL: the drafted token alone */
    double scale;             /* makes its probabilities add up to 1 */
    int32_t token;            /* that was drafted */
} proposal;

/* Checks a proposal and the token drawn from it, and finds its scale. `place` is for the words. */
pluck_status pk_proposal_check(proposal *q, int32_t n_vocab, int32_t place, pluck_error *err);

/* The probability of a token. */
double pk_proposal_at(const proposal *q, int32_t token);

/* Sum of max(reached P - Q, 0), P being what a scanned view holds. */
double pk_proposal_residual(const proposal *q, view *v, double reached);

/* The candidate at which the cumulative sum of that reaches u times the whole of it; one with
 * token -1 if there is nothing of it. */
pick pk_proposal_draw(const proposal *q, view *v, double reached, double u);

#endif /* PLUCK_PROPOSAL_H */
