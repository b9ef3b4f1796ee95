/*
 * lend.h: sampling from a context's own row where a program would have filled an array with it.
 *
 * llama-server, llama-cli and all other programs built on llama.cpp's common library first ask a
 * context whether a backend has already cut the row down (llama_get_sampled_probs_ith, _logits_ith,
 * _candidates_ith, _logits_count_ith), take what the backend has left if so, and fill an array with
 * all of the row if not. Filling takes longer than sampling. So the drop-in answers that there are
 * logits, that they are the row itself, that the candidates are 0, 1, 2, ..., and that there are
 * few of them: the first N. The program fills its array with those. When a chain is applied to that
 * array, the drop-in runs it on the row, and leaves in the array what the chain would have left of
 * all candidates. If something else is applied to the array first, that gets the complete array.
 *
 * All answers but the number are true, so a program that only looks, or asks in another order, and
 * does not ask for the number, sees the complete row. The short number is given only
 *   - to code that was seen to continue as common_sampler_sample does: twice before, a call from
 *     the same place was followed by the other calls in this order and by llama_sampler_apply, with
 *     a chain of ours, on an array that held the complete row;
 *   - right after the other three calls, on the same thread for the same row;
 *   - if a chain was applied to every array that this code filled before. If one was left over, the
 *     program does something else, and this code gets complete rows from then on.
 *
 * A row lives until its context decodes, encodes, loads a state or is freed. If an array filled
 * from it has not been sampled from by then, the row is saved first. What a chain leaves goes into
 * the program's array if it is at most N candidates. Otherwise cur->data is made to point to memory
 * that belongs to the chain, which llama.h allows. N depends on how many candidates were left of
 * the row before; if that was a large part of the vocabulary, nothing is lent and the program fills
 * its array with the complete row.
 *
 * What cannot be proven: that nothing reads the array between filling it and applying a chain. The
 * argument for lending is that the program has a branch for rows that a backend has cut down, and
 * took it.
 *
 * The functions may be called from any thread; what they share is locked inside.
 */
#ifndef PLUCK_LLAMA_LEND_H
#define PLUCK_LLAMA_LEND_H

#include "node.h"

/* A row that was lent: an array with its first candidates stands for all of it. */
typedef struct plk_loan plk_loan;

/* The loan that the array was filled from, or completed from; NULL if there is none. */
plk_loan *plk_loan_of(const llama_token_data_array *cur);

/* Gives the array all candidates of the row, as the program would have filled it. They are in the
 * loan's memory, to which cur->data then points. */
void plk_loan_complete(plk_loan *loan, llama_token_data_array *cur);

/* Has that been done? */
bool plk_loan_is_complete(const plk_loan *loan);

/* The number of logits in the loan's row. */
int32_t plk_loan_vocab(const plk_loan *loan);

/* Runs a sampler on the loan's row, which `cur` stands for. Result and errors: see
 * plk_apply_row. */
pluck_status plk_loan_apply(plk_loan *loan, pluck_sampler *sampler, plk_scratch *scratch,
                            llama_token_data_array *cur, const plk_effect *effect);

/* The serial number of the loan, never used twice. A loan that ended may since have been made
 * again, with another number. */
uint64_t plk_loan_serial(const plk_loan *loan);

/* Ends the loan after the chain was applied. The result goes into the program's own array if it
 * fits; otherwise the loan's memory that holds it becomes the chain's. Does nothing if the loan
 * with that number has ended already. */
void plk_loan_settle(plk_loan *loan, uint64_t serial, plk_node *chain, llama_token_data_array *cur);

/* Learns from a chain that was applied to an array that was no loan: if the program filled it as it
 * would have filled a loan, its code comes closer to being lent one. `n_before`, `first`, `last`:
 * the array's size and its first and last entry before the call; `n_left`: its size after it. */
void plk_lend_learn(size_t n_before, llama_token_data first, llama_token_data last, size_t n_left);

/*
 * Call this before the chain is copied or cloned. The program may copy its array with the chain,
 * into a shorter one. If the array points to the chain's memory, it is cut to its own memory: to
 * the first candidates, with the selected one among them.
 */
void plk_lend_before_copy(plk_node *chain);

/* Called before libllama's function of that slot (one of PLK_WATCHED) runs on the context. */
void plk_watch(size_t slot, const void *ctx);

#endif
