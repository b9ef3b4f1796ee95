/*
 * lend.h: sampling from a context's own row when a program would have filled an array with it.
 *
 * llama-server, llama-cli and whatever is built on llama.cpp's common library ask a context first
 * whether a backend has already cut the row down (llama_get_sampled_probs_ith, _logits_ith,
 * _candidates_ith, _logits_count_ith), take what the backend has left if so, and fill an array with
 * all of the row if not. Filling takes longer than sampling does. So the drop-in answers that there
 * are logits, that they are the row itself, for the candidates 0, 1, 2, ..., and that there are few
 * of them: the first N. The program fills its array with those. When a chain is applied to that
 * very array, the drop-in runs it on the row, and leaves in the array what it would have left in
 * one of all candidates. Whatever else is applied to it first is given the complete array.
 *
 * All but the number is true, so a program that only looks and does not ask for the number, or asks
 * in another order, sees the complete row. The number is told only
 *   - to code that has been seen to go on as common_sampler_sample does: twice before, a call from
 *     the same place was followed by the other calls in their order and by llama_sampler_apply,
 *     with a chain of ours, on an array that held the complete row;
 *   - right after the other three calls, on the same thread for the same row;
 *   - if no array that this code filled before was left with no chain applied to it. One that was
 *     is the sign of a program that does something else; its code gets complete rows from then on.
 *
 * A row lives until its context decodes, encodes, loads a state or is freed; one that an array
 * still stands for is saved before. What a chain leaves goes into the program's array if there is
 * room for it, that is, if it is at most N. Otherwise cur->data is made to point to memory of the
 * chain's, which llama.h allows. N follows from what was left of the row before, and if that was
 * much of it the complete row is filled as ever.
 *
 * What cannot be proven: that nobody reads the array between filling it and applying a chain. The
 * argument is that the program has a branch for rows that a backend has cut, and took it.
 */
#ifndef PLUCK_LLAMA_LEND_H
#define PLUCK_LLAMA_LEND_H

#include "node.h"

/* A row that an array stands for. */
typedef struct plk_loan plk_loan;

/* The loan that the array was filled from or that it has been completed from; NULL if none. */
plk_loan *plk_loan_of(const llama_token_data_array *cur);

/* Gives the array all candidates of the row, as the program would have filled it. */
void plk_loan_complete(plk_loan *loan, llama_token_data_array *cur);

/* Has that been done? */
bool plk_loan_is_complete(const plk_loan *loan);

/* The vocabulary of the loan's row. */
int32_t plk_loan_vocab(const plk_loan *loan);

/* Runs a sampler on the loan's row, which `cur` stands for (see plk_apply_row). */
pluck_status plk_loan_apply(plk_loan *loan, pluck_sampler *sampler, plk_scratch *scratch,
                            llama_token_data_array *cur, const plk_effect *effect);

/* The number of the loan, which no other had: by then it may have ended, and be another one. */
uint64_t plk_loan_serial(const plk_loan *loan);

/* The chain has been applied: the result goes into the program's own array if it fits, else its
 * memory becomes the chain's. The loan ends. */
void plk_loan_settle(plk_loan *loan, uint64_t serial, plk_node *chain, llama_token_data_array *cur);

/* A chain has been applied to an array that was no loan. If the program has filled it as it would
 * have filled a loan, it learns from that. `n_before`: the array's size, `first`: its first entry
 * and `last`: its last one, before. */
void plk_lend_learn(size_t n_before, llama_token_data first, llama_token_data last, size_t n_left);

/*
 * The chain is about to be copied or cloned, and the program's array, if it points to the chain's
 * memory, with it; into a shorter one. The array is made to hold no more than that: its first
 * candidates.
 */
void plk_lend_before_copy(plk_node *chain);

/* Called before libllama's function of that slot (PLK_WATCHED) runs on the context. */
void plk_watch(size_t slot, const void *ctx);

#endif
