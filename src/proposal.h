/*
 * proposal.h: what a drafted token was drawn from, beside what the target's chain left; and what is left
 * of that when drafted tokens have been turned down.
 */
#ifndef PLUCK_PROPOSAL_H
#define PLUCK_PROPOSAL_H

#include "pluck_verify.h"
#include "view.h"

/* Q of a drafted token. */
typedef struct proposal {
    const pluck_proposal *of; /* NULL: the drafted token alone */
    double sum;               /* of its probabilities, as given */
    double scale;             /* makes what it was drawn from add up to 1 */
    int32_t token;            /* that was drafted */
    bool as_before;           /* `of` says the same as that of the sibling before */
} proposal;

/* Checks a proposal and the token drawn from it, and finds its scale. `place` is for the words;
 * `before`: the sibling before, NULL if there is none. */
pluck_status pk_proposal_check(proposal *q, int32_t n_vocab, int32_t place, const proposal *before,
                               pluck_error *err);

/* The probability of a token as given, before the scale. */
double pk_proposal_given(const proposal *q, int32_t token);

/* The probability of a token that no sibling before has. */
double pk_proposal_at(const proposal *q, int32_t token);

/* `taken` of the probabilities as given could not be drawn: siblings had these tokens. */
void pk_proposal_take(proposal *q, double taken);

/*
 * R after n drafted tokens have been turned down: it starts as `reached` times P, where P is what a
 * scanned view holds; each of them takes its Q from it.
 */
typedef struct residual {
    double reached;
    int32_t n;
    struct {
        const proposal *q;
        double scale; /* of what is left; 0: nothing was, but for rounding, and R stays as it was */
    } down[PLUCK_MAX_DRAFT];
} residual;

void pk_residual_begin(residual *r, double reached);

/* R of a token at which P is p. */
double pk_residual_at(const residual *r, int32_t token, double p);

/* The sum of R, P being what the view holds. */
double pk_residual_sum(const residual *r, view *v);

/* Turns down a token that was drawn from q. */
void pk_residual_take(residual *r, const proposal *q);

/* Makes R add up to 1 after one was turned down, before the next one is judged. */
void pk_residual_rescale(residual *r, view *v);

/* The candidate at which the cumulative sum of R reaches u times the whole of it; one with token -1
 * if there is nothing of it. */
pick pk_residual_draw(const residual *r, view *v, double u);

#endif /* PLUCK_PROPOSAL_H */
