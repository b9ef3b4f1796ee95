/*
 * pluck_verify.h: drafted tokens, in a line or in a tree, checked against the target model's rows.
 *
 * A draft model, or a lookup in the text so far, proposes some tokens; the target model computes the
 * rows behind each of them in one go. pluck_verify says how many of them stand and which token comes
 * next, such that the tokens are distributed as if the target's chain had drawn each of them. The
 * whole chain applies at each place, with a history that grows along the draft.
 *
 *     pluck_draft draft = {.way = PLUCK_VERIFY_REJECTION, .tokens = tokens, .n_tokens = 4,
 *                          .rows = rows, .proposals = proposals};
 *     pluck_verified verified;
 *     pluck_verify(sampler, &draft, &verified, &error);
 *     // tokens[0] to tokens[verified.n_accepted - 1], then verified.token
 *
 * A tree has several tokens that may come at the same place, and what was drafted behind each of
 * them. The rows are then behind the tokens of the tree, whatever the order in which the model
 * computed them:
 *
 *     // "the" or "a" comes first; behind "the" comes "cat" or "dog"
 *     const int32_t tokens[] = {the, a, cat, dog}, parents[] = {-1, -1, 0, 0};
 *     pluck_draft draft = {.way = PLUCK_VERIFY_REJECTION, .tokens = tokens, .n_tokens = 4,
 *                          .rows = rows, .parents = parents};
 *     pluck_verify(sampler, &draft, &verified, &error);
 *     for (int32_t i = verified.node; i >= 0; i = parents[i])
 *         ... // tokens[i] stands, the last one first; then comes verified.token
 *
 * The sampler must be able to go back: max_rewind of its config is n_tokens at least, or the depth
 * of the tree.
 */
#ifndef PLUCK_VERIFY_H
#define PLUCK_VERIFY_H

#include "pluck.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PLUCK_MAX_DRAFT 64 /* tokens of a draft */

typedef enum pluck_verify_way {
    /* A drafted token stands if it is the one that sampling gives. The tokens are those that
     * sampling without a draft would have given, seed for seed; proposals are not read. */
    PLUCK_VERIFY_SAME = 0,
    /* A drafted token t stands with probability min(1, p(t) / q(t)), where p is what the chain left
     * and q what the draft was drawn from; if it does not, the next token is drawn from
     * max(p - q, 0). Leviathan et al. 2023 (arXiv 2211.17192), Chen et al. 2023 (2302.01318).
     * In a tree the tokens of a place are judged in their order, each with p being what those before
     * left: max(p - q, 0), made to add up to 1. Miao et al. 2023 (SpecInfer, 2305.09781); without
     * replacement Jeon et al. 2024 (2402.14160). */
    PLUCK_VERIFY_REJECTION = 1,
    /* The draft is judged as a whole, which lets at least as many tokens stand. No trees. Sun et al.
     * 2024 (arXiv 2403.10444), algorithm 2. */
    PLUCK_VERIFY_BLOCK = 2
} pluck_verify_way;

/*
 * What a drafted token was drawn from: the whole distribution, after whatever the draft model's own
 * chain did to it. It must add up to 1 within 0.001 (the probability of the token alone does not say
 * what to draw from if it is turned down) and give the drafted token more than 0.
 */
typedef struct pluck_proposal {
    const int32_t *ids;         /* n tokens, ascending; NULL: probabilities[i] is token i's */
    const float *probabilities; /* n, each 0 to 1; other tokens have none */
    int32_t n;                  /* with ids: 1 to n_vocab; without: n_vocab */
} pluck_proposal;

/* Zero what is not needed. */
typedef struct pluck_draft {
    pluck_verify_way way;
    const int32_t *tokens; /* n_tokens drafted ones: in order, or each behind its parent */
    int32_t n_tokens;      /* 0 to 64; no more behind each other than the sampler's max_rewind */
    /* n_tokens + 1: rows[0] comes behind the text, rows[i + 1] behind token i and those that lead to
     * it. Their `workspace` is not used. */
    const pluck_row *rows;
    const pluck_proposal *proposals; /* n_tokens; NULL: nothing is known of the draft, each token
                                        stands with probability p(t), which is right for any draft */
    pluck_workspace *workspace;      /* for this call; NULL: the sampler's */
    /* A tree: n_tokens numbers of the tokens that each comes behind, less than its own; -1: it is a
     * first one. NULL: no tree, each comes behind the one before. */
    const int32_t *parents;
    /* How siblings, which have the same parent, were drawn. True: each from its proposal without the
     * tokens of those before it, so that they differ. False: from its proposal as it is. */
    bool without_replacement;
} pluck_draft;

typedef struct pluck_verified {
    int32_t n_accepted; /* drafted tokens that stand: 0 to n_tokens */
    int32_t token;      /* the one that comes behind them */
    int32_t node;       /* number of the last that stands, whose parents are the others; -1: none */
} pluck_verified;

/*
 * Verifies a draft, and accepts the tokens that result, as pluck_accept does: the drafted ones that
 * stand, and the one behind them. Places that were not reached leave no trace in histories, averages
 * and streams, but for the coins of PLUCK_VERIFY_BLOCK, which come from the stream of the stage that
 * draws and are never used twice. Mirostat and adaptive-p learn from the target's probability of each
 * token that stands. A stage that selects without drawing, such as greedy, turns down any other
 * token.
 *
 * Siblings that were drawn with replacement may be equal. Where a tree keeps only one of equal draws,
 * it has drawn without replacement. Tokens that were chosen and not drawn, such as the most likely
 * ones, have no proposals.
 *
 * Draws: PLUCK_VERIFY_SAME takes what sampling takes; the others take, from the same stream, one
 * number for each token that is judged and another one to draw what replaces it, in candidate order.
 *
 * Errors, with the place, the field and what would have been allowed in err, which may be NULL:
 * ERR_NULL; ERR_SIZE (n_tokens, a proposal's n); ERR_TOKEN (a drafted token, or an id of a proposal,
 * is outside the vocabulary); ERR_PARAM (the way; ids that do not ascend; probabilities out of range,
 * that do not add up to 1, or of 0 for the drafted token; a parent that does not come before; a tree
 * as a block; equal siblings drawn without replacement); ERR_REWIND (max_rewind is below n_tokens or
 * the tree's depth, or a custom stage has no `rewind`); those of pluck_sample_row. The sampler is
 * then as it was, except that it may not go back as far as before.
 */
PLUCK_API pluck_status pluck_verify(pluck_sampler *sampler, const pluck_draft *draft,
                                    pluck_verified *verified, pluck_error *err);

#ifdef __cplusplus
}
#endif

#endif /* PLUCK_VERIFY_H */
